/** The socket below each connection of HTTP/2. */
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** A connection of HTTP/1.1 or of HTTP/2. */
export type Connection = Socket | Http2Session;

const sockets = new WeakMap<Http2Session, Socket>();

/** Remembers the sockets of all later connections of a server. */
export function rememberSockets(server: Http2Server | Http2SecureServer): void {
  let latest: Socket | undefined;
  // The server makes a session, and emits the event for it, during this event of the socket.
  const event = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.prependListener(event, (socket: Socket) => {
    latest = socket;
  });
  server.prependListener('session', (session: Http2Session) => {
    if (latest !== undefined) sockets.set(session, latest);
  });
}

/** Returns the socket of a connection that was remembered. */
export function socketBelow(session: Http2Session): Socket | undefined {
  return sockets.get(session);
}

/**
 * Returns true if the peer of a connection has gone. The system knows this before Node does. While a session of HTTP/2
 * over TLS is being written to, Node neither reads it nor reports the failure.
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
 * Closes a connection at once. Destroying a session waits for bytes that its peer does not take; and over TLS, Node
 * does not notice meanwhile that the peer is gone.
 */
export function breakOff(session: Http2Session): void {
  sockets.get(session)?.destroy();
  session.destroy();
}
