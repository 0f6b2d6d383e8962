/**
 * The one load generator, for ours and for the controls: Node's HTTP/2 client with wide windows and nothing above it.
 * It sends frames that were made ahead and looks at the status only.
 */
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { MiB } from './content.ts';

/** What the server may send ahead. */
const windowBytes = 16 * MiB;
/**
 * In megabytes. With more than this that waits to be sent, Node's client refuses the answers to its own calls
 * (`ENHANCE_YOUR_CALM`). Its default is 10.
 */
const sessionMemory = 1_024;
/** Frames that are handed to a stream before the first of them has been sent: enough to keep it busy. */
const framesUnsentMax = 4;
/** A connection on which nothing moves for so long is given up, with all its calls. */
const idleMs = 60_000;

export class RawClient implements AsyncDisposable {
  private readonly session: ClientHttp2Session;
  private readonly headers: Readonly<Record<string, string>>;
  private callsOpen = 0;

  private constructor(session: ClientHttp2Session, headers: Readonly<Record<string, string>>) {
    this.session = session;
    this.headers = headers;
  }

  /** Opens one connection. `address`: HOST:PORT. `headers`: what each call has besides. */
  static async connect(address: string, headers: Readonly<Record<string, string>> = {}): Promise<RawClient> {
    const session = connect(`http://${address}`, {
      settings: { initialWindowSize: windowBytes },
      maxSessionMemory: sessionMemory,
    });
    await once(session, 'connect');
    session.setLocalWindowSize(windowBytes);
    // Its calls fail with it, and say so.
    session.on('error', () => {});
    const client = new RawClient(session, { ...headers, ':authority': address });
    session.setTimeout(idleMs, () => client.giveUp());
    return client;
  }

  /** A connection that nobody uses for so long, because others are being measured, is kept. */
  private giveUp(): void {
    if (this.callsOpen > 0) this.session.destroy(new Error(`nothing moved for ${idleMs} ms`));
  }

  /** One message there, one back. @throws Error for any status but OK. */
  unary(path: string, request: Buffer): Promise<void> {
    return this.call(path, (stream) => stream.end(request), ignore);
  }

  /** Many messages there, one back. */
  upload(path: string, requests: Iterable<Buffer>): Promise<void> {
    return this.call(path, (stream) => void send(stream, requests), ignore);
  }

  /** One message there, many back. `take` sees the bytes as they come, frame headers and all. */
  download(path: string, request: Buffer, take: (bytes: Buffer) => void): Promise<void> {
    return this.call(path, (stream) => stream.end(request), take);
  }

  private call(
    path: string,
    begin: (stream: ClientHttp2Stream) => void,
    take: (bytes: Buffer) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...this.headers,
      });
      this.callsOpen++;
      let status: string | undefined;
      let said: string | undefined;
      let ended = false;
      const settle = () => {
        if (!ended || status === undefined) return;
        if (status === '0') resolve();
        else reject(new Error(`${path}: status ${status}: ${said}`));
      };
      const see = (headers: Readonly<Record<string, unknown>>) => {
        if (headers['grpc-status'] === undefined) return;
        status = String(headers['grpc-status']);
        said = String(headers['grpc-message'] ?? '');
        settle();
      };
      stream.on('response', see);
      stream.on('trailers', see);
      stream.on('data', take);
      stream.on('end', () => {
        ended = true;
        settle();
      });
      stream.on('error', reject);
      stream.on('close', () => {
        this.callsOpen--;
        // After a status this changes nothing.
        reject(new Error(`${path}: the stream was closed without a status`));
      });
      begin(stream);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.session.destroyed) return;
    const closed = once(this.session, 'close');
    this.session.destroy();
    await closed;
  }
}

function ignore(): void {}

/** Sends messages no faster than they are taken, and ends the stream. A broken stream has told its call already. */
export async function send(
  stream: Pick<ClientHttp2Stream, 'write' | 'destroyed'> & { end(): unknown },
  messages: Iterable<Buffer>,
): Promise<void> {
  let unsent = 0;
  let wake: (() => void) | undefined;
  for (const message of messages) {
    unsent++;
    stream.write(message, () => {
      unsent--;
      wake?.();
    });
    while (unsent >= framesUnsentMax)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    if (stream.destroyed) return;
  }
  stream.end();
}
