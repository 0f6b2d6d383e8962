import { EventEmitter } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

/** How much one stream, and all of them, may have under way towards us. The protocol's own 64 KiB stall downloads. */
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
/** Finds out that the other side is gone while a call waits for it. */
const pingIntervalMs = 60_000;
/** Half of the protocol's own window for a connection: whoever gives back at all has done so before there is less. */
const windowBytesMin = 32 * 1024;
/**
 * More than there can be. Node counts for a session what its streams have still to send, and never takes back what those
 * had that were reset; from its default of 10 MB on it refuses every answer on that connection.
 */
const sessionMegabytesMax = 1_000_000_000;

/** One connection, made anew when it was lost, and what is known of it. */
interface Line {
  readonly manager: Http2SessionManager;
  /** Calls that are under way on it. */
  calls: number;
  /** A call ended early on this session: the other side may keep for good what the window had for it. */
  doubted?: ClientHttp2Session | undefined;
}

/** How sessions are opened, apart from what is for `http2.connect`. */
interface SessionsOptions {
  /**
   * Wide windows towards us. Nothing large may be sent on such a session: while a session of Node writes it does not read.
   * With more under way in both directions than the sockets have room for, both sides wait for the other to read, for
   * good.
   */
  readonly isWide: boolean;
}

/**
 * One HTTP/2 connection, which is made anew when it was lost, and left when the other side no longer lets it send: new
 * calls go on another one then, and it is closed with the last call that is still on it.
 */
export class Sessions {
  private readonly open: () => Line;
  private readonly isWide: boolean;
  private readonly widened = new WeakSet<ClientHttp2Session>();
  private readonly left = new Set<Line>();
  private line: Line;

  /** @param forConnect options for `http2.connect`. */
  constructor(baseUrl: string, forConnect: object, { isWide }: SessionsOptions) {
    const settings = isWide ? { initialWindowSize: streamWindowBytes, enablePush: false } : undefined;
    const options = { ...forConnect, maxSessionMemory: sessionMegabytesMax, ...(settings && { settings }) };
    this.isWide = isWide;
    this.open = () => {
      const manager = new Http2SessionManager(baseUrl, { pingIntervalMs }, options);
      keepListening(manager as unknown as WithStates);
      return { manager, calls: 0 };
    };
    this.line = this.open();
  }

  get authority(): string {
    return this.line.manager.authority;
  }

  /** @param ended aborted when the call is over: its stream goes then, with what it had still to send. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
    ended: AbortSignal,
  ): Promise<ClientHttp2Stream> {
    if (isHeldUp(this.line)) this.leave();
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

function isHeldUp({ doubted }: Line): boolean {
  if (doubted === undefined || doubted.destroyed || doubted.closed) return false;
  return (doubted.state.remoteWindowSize ?? 0) < windowBytesMin;
}

/**
 * Node keeps a stream that the other side has closed until all is read and all is sent, and nobody does either after an
 * early answer. A stream of which both ends have come goes by itself.
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
