/** The socket below each connection of HTTP/2. */
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

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
 * Closes a connection at once. Destroying a session waits for what its peer does not take; and with TLS, Node does not
 * notice meanwhile that the peer is gone.
 */
export function breakOff(session: Http2Session): void {
  sockets.get(session)?.destroy();
  session.destroy();
}
