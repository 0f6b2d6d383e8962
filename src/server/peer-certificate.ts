import type { TLSSocket } from 'node:tls';

/** The members that are needed of the connection of a call. */
export interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  /** A field of TLS. True: an authority that is trusted for clients has signed the client's certificate. */
  readonly authorized?: boolean;
  readonly getPeerX509Certificate?: TLSSocket['getPeerX509Certificate'];
}

/** The names in a client certificate. */
interface Names {
  readonly subject: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
}

/** The names for each connection, read once: certificates do not change during a connection. */
const known = new WeakMap<PeerSocket, Names | undefined>();

/**
 * Returns the verified certificate of the client; undefined in clear, without a certificate, and if no trusted
 * authority has signed it.
 */
export function certificateOf(socket: PeerSocket): Names | undefined {
  if (socket.authorized !== true || socket.getPeerX509Certificate === undefined) return undefined;
  if (!known.has(socket)) known.set(socket, readNames(socket));
  return known.get(socket);
}

function readNames(socket: PeerSocket): Names | undefined {
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const of = (kind: string) => names.filter(([found]) => found === kind).map(([, value]) => value);
  return {
    subject: /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? '',
    uris: of('URI'),
    dns: of('DNS'),
  };
}

/**
 * Splits the alternative names. Node writes values with a comma or a quote as JSON, so that no value can be taken
 * for another.
 */
function alternativeNames(text: string): [string, string][] {
  const found = text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...found].map(([, kind = '', value = '']) => [
    kind,
    value.startsWith('"') ? String(JSON.parse(value)) : value,
  ]);
}
