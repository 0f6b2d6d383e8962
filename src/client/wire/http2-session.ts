import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

/** How much one stream, and all of them, may have under way towards us. The protocol's own 64 KiB stall downloads. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
/** Finds out that the other side is gone while a call waits for it. */
export const pingIntervalMs = 60_000;

/**
 * One HTTP/2 connection with wide windows, which is made anew when it was lost.
 *
 * Nothing large may be sent on it: while a session of Node writes it does not read. With more under way in both
 * directions than the sockets have room for, both sides wait for the other to read, for good.
 */
export class WideSessionManager {
  private readonly inner: Http2SessionManager;
  private readonly widened = new WeakSet<ClientHttp2Session>();

  /** @param options for `http2.connect`. */
  constructor(baseUrl: string, options: object) {
    const settings = { initialWindowSize: streamWindowBytes, enablePush: false };
    this.inner = new Http2SessionManager(baseUrl, { pingIntervalMs }, { ...options, settings });
  }

  get authority(): string {
    return this.inner.authority;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
  ): Promise<ClientHttp2Stream> {
    const stream = await this.inner.request(method, path, headers, options);
    const { session } = stream;
    if (session !== undefined && !this.widened.has(session as ClientHttp2Session)) {
      this.widened.add(session as ClientHttp2Session);
      session.setLocalWindowSize(connectionWindowBytes);
    }
    return stream;
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    this.inner.notifyResponseByteRead(stream);
  }

  /** Closes the connection; streams under way fail. */
  close(): void {
    this.inner.abort();
  }
}
