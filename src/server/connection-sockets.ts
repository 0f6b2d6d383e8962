/** The socket below each connection of HTTP/2. */
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** Of HTTP/1.1, or of HTTP/2. */
export type Connection = Socket | Http2Session;

const sockets = new WeakMap<Http2Session, Socket>();

/** Remembers the sockets of all connections to come of a server. */
export function rememberSockets(server: Http2Server | Http2SecureServer): void {
  let latest: Socket | undefined;
  // A session is made, and told of, while its socket is.
  const event = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.prependListener(event, (socket: Socket) => {
    latest = socket;
  });
  server.prependListener('session', (session: Http2Session) => {
    if (latest !== undefined) sockets.set(session, latest);
  });
}

/** The socket of a connection that was remembered. */
export function socketBelow(session: Http2Session): Socket | undefined {
  return sockets.get(session);
}

/**
 * Whether the peer of a connection has gone, which the system knows before Node does: a session of HTTP/2 over TLS that is
 * being written to then is neither read nor told of the failure.
 */
export function hasLostPeer(connection: Connection): boolean {
  const socket = 'settings' in connection ? sockets.get(connection) : connection;
  const { _handle: handle } = (socket ?? {}) as {
    _handle?: { getpeername?: (name: object) => number } | null;
  };
  // A Unix socket has no such name, and no TLS.
  return (handle?.getpeername?.({}) ?? 0) !== 0;
}

/**
 * Closes a connection at once. Destroying a session waits for what its peer does not take; and with TLS, Node does not
 * notice meanwhile that the peer is gone.
 */
export function breakOff(session: Http2Session): void {
  sockets.get(session)?.destroy();
  session.destroy();
}
