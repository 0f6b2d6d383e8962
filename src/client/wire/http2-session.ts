import { EventEmitter } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

/** How much one stream, and all of them, may have under way towards us. The protocol's own 64 KiB stall downloads. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
/** Finds out that the other side is gone while a call waits for it. */
const pingIntervalMs = 60_000;

/**
 * One HTTP/2 connection, which is made anew when it was lost.
 *
 * @param options for `http2.connect`.
 */
export function openSessions(baseUrl: string, options: object): Http2SessionManager {
  const manager = new Http2SessionManager(baseUrl, { pingIntervalMs }, options);
  keepListening(manager as unknown as WithStates);
  return manager;
}

/** What is needed of the library beside what it declares. */
interface WithStates {
  setState(state: { readonly conn?: unknown }): void;
}

/**
 * The library stops listening to a connection that it leaves, and one that is lost just then has its error still to tell:
 * without a listener that ends the process. `garbled answers` of `test/client/wire/odd-servers.test.ts` shows it.
 */
function keepListening(manager: WithStates): void {
  const { setState } = manager;
  manager.setState = (state) => {
    if (state.conn instanceof EventEmitter) state.conn.on('error', () => undefined);
    setState.call(manager, state);
  };
}

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
    this.inner = openSessions(baseUrl, { ...options, settings });
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
