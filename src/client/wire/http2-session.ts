import { EventEmitter } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

/**
 * The bytes that one stream, and all of them, may have under way towards us. The protocol's own 64 KiB stall downloads.
 */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
/** The interval of pings, which find out that the other side is gone while a call waits for it. */
const pingIntervalMs = 60_000;
/**
 * Half of the protocol's own window for a connection: a peer that returns window space at all has done so before less
 * is left.
 */
const windowBytesMin = 32 * 1024;
/**
 * More than can occur. Node counts for a session the bytes that its streams still have to send, and never subtracts
 * those of streams that were reset. From its default of 10 MB on it refuses every answer on that connection.
 */
const sessionMegabytesMax = 1_000_000_000;

/** One connection, which is made again after it was lost, and the facts known about it. */
interface Line {
  readonly manager: Http2SessionManager;
  /** The number of calls that are under way on it. */
  calls: number;
  /** The session on which a call ended early: the other side may never return the window space of that call. */
  doubted?: ClientHttp2Session | undefined;
}

/** How sessions are opened, except for the options of `http2.connect`. */
interface SessionsOptions {
  /**
   * Whether to have wide windows towards us. Nothing large may be sent on such a session: while a session of Node
   * writes, it does not read. With more under way in both directions than the sockets have room for, both sides wait
   * forever for the other to read.
   */
  readonly isWide: boolean;
  /** How soon a peer that has gone is noticed. Default: after some minutes. */
  readonly pings?: { readonly pingIntervalMs: number; readonly pingTimeoutMs: number } | undefined;
}

/**
 * One HTTP/2 connection. It is made again after it was lost. It is left when the other side no longer lets it send: new
 * calls then use another one, and it is closed with the last call that is still on it.
 */
export class Sessions {
  private readonly open: () => Line;
  private readonly isWide: boolean;
  private readonly widened = new WeakSet<ClientHttp2Session>();
  private readonly left = new Set<Line>();
  private line: Line;

  /** @param forConnect options for `http2.connect`. */
  constructor(baseUrl: string, forConnect: object, { isWide, pings }: SessionsOptions) {
    const settings = isWide ? { initialWindowSize: streamWindowBytes, enablePush: false } : undefined;
    const options = { ...forConnect, maxSessionMemory: sessionMegabytesMax, ...(settings && { settings }) };
    this.isWide = isWide;
    this.open = () => {
      const manager = new Http2SessionManager(baseUrl, pings ?? { pingIntervalMs }, options);
      keepListening(manager as unknown as WithStates);
      return { manager, calls: 0 };
    };
    this.line = this.open();
  }

  get authority(): string {
    return this.line.manager.authority;
  }

  /**
   * @param ended aborted when the call is over: its stream is then closed, with the bytes that it still had to send.
   */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
    ended: AbortSignal,
  ): Promise<ClientHttp2Stream> {
    if (isStuck(this.line)) this.leave();
    else this.line.doubted = undefined;
    const { line } = this;
    line.calls++;
    let stream: ClientHttp2Stream;
    try {
      stream = await line.manager.request(method, path, headers, options);
    } catch (error) {
      this.endCall(line);
      throw error;
    }
    stream.once('close', () => this.endCall(line));
    const session = stream.session as ClientHttp2Session | undefined;
    if (this.isWide && session !== undefined && !this.widened.has(session)) {
      this.widened.add(session);
      session.setLocalWindowSize(connectionWindowBytes);
    }
    const release = () => {
      if (letGo(stream)) line.doubted = session;
    };
    if (ended.aborted) release();
    else ended.addEventListener('abort', release, { once: true });
    return stream;
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    for (const { manager } of [this.line, ...this.left]) manager.notifyResponseByteRead(stream);
  }

  /** Closes the connections; streams under way fail. */
  close(): void {
    for (const { manager } of [this.line, ...this.left]) manager.abort();
  }

  private leave(): void {
    const { line } = this;
    this.line = this.open();
    this.left.add(line);
    this.closeIfUnused(line);
  }

  private endCall(line: Line): void {
    line.calls--;
    this.closeIfUnused(line);
  }

  private closeIfUnused(line: Line): void {
    if (line.calls > 0 || !this.left.delete(line)) return;
    line.manager.abort();
  }
}

function isStuck({ doubted }: Line): boolean {
  if (doubted === undefined || doubted.destroyed || doubted.closed) return false;
  return (doubted.state.remoteWindowSize ?? 0) < windowBytesMin;
}

/**
 * Ends a stream whose call is over. Node keeps a stream that the other side has closed until everything is read and
 * sent, and nothing does either after an early answer. A stream whose two ends have arrived closes by itself.
 *
 * @returns whether it had to be ended.
 */
function letGo(stream: ClientHttp2Stream): boolean {
  if (stream.readableEnded && stream.writableFinished) return false;
  if (stream.destroyed) return true;
  if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  stream.destroy();
  return true;
}

/** The members of the library that are needed in addition to those that it declares. */
interface WithStates {
  setState(state: { readonly conn?: unknown }): void;
}

/**
 * Keeps an error listener on a connection that the library leaves. The library stops listening to it, and if it is lost
 * just then, its error is still to come: without a listener that ends the process. `garbled answers` of
 * `test/client/wire/odd-servers.test.ts` shows it.
 */
function keepListening(manager: WithStates): void {
  const { setState } = manager;
  manager.setState = (state) => {
    if (state.conn instanceof EventEmitter) state.conn.on('error', () => undefined);
    setState.call(manager, state);
  };
}
