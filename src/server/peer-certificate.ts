import type { TLSSocket } from 'node:tls';

/** What is asked of the connection that a call came by. */
export interface PeerSocket {
  readonly remoteAddress?: string | undefined;
  /** Of TLS: the certificate of the client is signed by an authority that is trusted for clients. */
  readonly authorized?: boolean;
  readonly getPeerX509Certificate?: TLSSocket['getPeerX509Certificate'];
}

/** The names in a client certificate. */
interface Names {
  readonly subject: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
}

/** Of each connection once: certificates do not change on the way. */
const known = new WeakMap<PeerSocket, Names | undefined>();

/** The verified certificate of the client; undefined in clear, without one, and if nobody vouches for it. */
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

/** Node writes values that hold a comma or a quote as JSON, so that none can be taken for another. */
function alternativeNames(text: string): [string, string][] {
  const found = text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return [...found].map(([, kind = '', value = '']) => [
    kind,
    value.startsWith('"') ? String(JSON.parse(value)) : value,
  ]);
}
