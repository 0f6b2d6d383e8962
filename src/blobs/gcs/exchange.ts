/**
 * One HTTP request to the bucket and its answer. The requests of the library would be retried by itself, not be stopped
 * by a signal, and end all connections if one of them fails; so they are made here.
 */
import { Buffer } from 'node:buffer';
import {
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { After } from '../../domain/timer.ts';

/** A request. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in this order. Absent: no body. */
  readonly body?: readonly Uint8Array[];
}

/** The beginning of an answer. Its body must be read, or ended. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AnswerBody;
}

/** No answer, or only a part of it: the connection failed, or nothing moved for too long. */
export class Broken extends Error {}

/** The most bytes of an answer that is not a content. */
const textBytesMax = 16 * 1024 * 1024;

interface ExchangeOptions {
  /** The longest time without a byte in either direction, in milliseconds. */
  readonly stallMs: number;
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  /** The most connections; further requests wait. */
  readonly socketsMax: number;
}

/** Sends requests over connections that are kept. */
export class Exchange implements Disposable {
  private readonly options: ExchangeOptions;
  private readonly http: HttpAgent;
  private readonly https: HttpsAgent;

  constructor(options: ExchangeOptions) {
    this.options = options;
    const settings = { keepAlive: true, maxSockets: options.socketsMax, scheduling: 'lifo' } as const;
    this.http = new HttpAgent(settings);
    this.https = new HttpsAgent(settings);
  }

  /**
   * Resolves when the answer has begun. @throws Broken without an answer; the reason of the signal if it is aborted.
   */
  async send(ask: Ask, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const stall = new Stall(this.options);
    const isSecure = ask.url.protocol === 'https:';
    const length = (ask.body ?? []).reduce((sum, part) => sum + part.length, 0);
    const hasBody = ask.body !== undefined || ask.method === 'POST' || ask.method === 'PUT';
    const request = (isSecure ? requestHttps : requestHttp)(ask.url, {
      method: ask.method,
      agent: isSecure ? this.https : this.http,
      headers: { ...ask.headers, ...(hasBody ? { 'content-length': String(length) } : {}) },
    });
    const answered = Promise.withResolvers<IncomingMessage>();
    answered.promise.catch(() => undefined);
    const fail = (error: Error) => {
      answered.reject(error);
      request.destroy(error);
    };
    stall.onStall = () => fail(new Broken('nothing moved'));
    request.on('error', (error) =>
      answered.reject(error instanceof Broken ? error : new Broken(error.message, { cause: error })),
    );
    request.once('response', (message) => answered.resolve(message));
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const end = () => signal.removeEventListener('abort', onAbort);
    stall.begin();
    try {
      void writeAll(request, ask.body ?? [], () => stall.begin());
      const message = await answered.promise;
      stall.rest();
      return {
        status: message.statusCode ?? 0,
        headers: message.headers,
        body: new AnswerBody(message, {
          stall,
          signal,
          onEnd: () => {
            end();
            // The answer came before everything was sent: the service does not read the rest.
            if (!request.writableFinished) request.destroy();
          },
        }),
      };
    } catch (error) {
      stall.end();
      end();
      request.destroy();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.http.destroy();
    this.https.destroy();
  }
}

/** Writes the parts, each when the one before it has left this process. Never rejects: the request reports errors. */
async function writeAll(
  request: ReturnType<typeof requestHttp>,
  parts: readonly Uint8Array[],
  onProgress: () => void,
): Promise<void> {
  for (const part of parts) {
    const { promise, resolve } = Promise.withResolvers<void>();
    request.write(part, () => resolve());
    await promise;
    if (request.destroyed) return;
    onProgress();
  }
  request.end();
}

/**
 * Ends a request if nothing moves for too long. A timer for each piece that moves would cost a third of the throughput:
 * one timer looks from time to time when the last piece came.
 */
class Stall {
  private readonly options: ExchangeOptions;
  private cancel: (() => void) | undefined;
  /** The end of the time, by the clock of the options; undefined while nothing is waited for. */
  private endMs: number | undefined;
  onStall: () => void = () => undefined;

  constructor(options: ExchangeOptions) {
    this.options = options;
  }

  /** Begins to wait, or begins again. */
  begin(): void {
    this.endMs = this.options.elapsed() + this.options.stallMs;
    if (this.cancel === undefined) this.look(this.options.stallMs);
  }

  /** Ends the wait; another one may begin. */
  rest(): void {
    this.endMs = undefined;
  }

  /** Ends the last wait. */
  end(): void {
    this.endMs = undefined;
    this.cancel?.();
    this.cancel = undefined;
  }

  private look(delayMs: number): void {
    this.cancel = this.options.after(delayMs, () => {
      this.cancel = undefined;
      const leftMs = (this.endMs ?? Number.POSITIVE_INFINITY) - this.options.elapsed();
      if (leftMs <= 0) this.onStall();
      else this.look(Math.min(leftMs, this.options.stallMs));
    });
  }
}

interface BodyOptions {
  readonly stall: Stall;
  readonly signal: AbortSignal;
  readonly onEnd: () => void;
}

/** The body of an answer. */
class AnswerBody {
  private readonly message: IncomingMessage;
  private readonly options: BodyOptions;

  constructor(message: IncomingMessage, options: BodyOptions) {
    this.message = message;
    this.options = options;
  }

  /**
   * Yields the bytes. While the consumer is slow, no time runs out. The connection can be used again if all bytes were
   * read. @throws Broken if they end early; the reason of the signal if it is aborted.
   */
  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    const { message } = this;
    const { stall, signal, onEnd } = this.options;
    stall.onStall = () => message.destroy(new Broken('nothing moved'));
    const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    let isWhole = false;
    try {
      for (;;) {
        stall.begin();
        const next = await chunks.next();
        stall.rest();
        signal.throwIfAborted();
        if (next.done) break;
        yield next.value;
      }
      isWhole = message.complete;
      if (!isWhole) throw new Broken('the answer ended early');
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof Broken ? error : new Broken(messageOf(error), { cause: error });
    } finally {
      stall.end();
      onEnd();
      if (!isWhole) message.destroy();
    }
  }

  /** Reads the whole body as text. @throws Broken as {@link chunks}. */
  async text(): Promise<string> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.chunks()) {
      length += part.length;
      if (length > textBytesMax) throw new Broken('the answer is too long');
      parts.push(part);
    }
    return Buffer.concat(parts).toString();
  }

  /** Gives the body up, and with it the connection. */
  drop(): void {
    this.options.stall.end();
    this.options.onEnd();
    this.message.on('error', () => undefined);
    this.message.destroy();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
