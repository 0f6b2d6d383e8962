/** One HTTP request and its answer, as the routes see them, over both HTTP/1.1 and HTTP/2. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import type { ConnectError } from '@connectrpc/connect';
import type { ReceivedRequest } from '../../api/receiving/received-request.ts';
import { slicesOf, type UnsentAnswer } from '../../api/sending/unsent-answer.ts';
import { unlessAborted } from '../../api/timer.ts';
import { freeBlock } from '../../domain/blocks.ts';
import type { Answers } from '../answers.ts';
import { type BadHead, isOfHttp2, readHead } from '../heads/request-heads.ts';
import type { Envelopes } from '../messages/envelopes.ts';
import { Leftover } from '../messages/leftover.ts';
import { RequestBody } from '../messages/request-body.ts';
import { cancelled } from '../refusals.ts';
import { pacePieces } from '../sockets/tiny-pieces.ts';
import { noteMessage } from '../young-collector.ts';
import type { HttpError } from './errors.ts';
import { callEnd, callErrorAnswer } from './refusing/call-errors.ts';
import { type RequestTarget, splitTarget } from './request-target.ts';

/** Up to this number of bytes, an unwanted body is read so that the connection can be used again. */
const shortBodyBytesMax = 64 * 1024;

/**
 * An HTTP exchange. The objects of HTTP/2's compatibility layer are treated like those of HTTP/1.1, whose members they
 * have. This class knows the differences between the two.
 */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RequestTarget;
  /** The reason why the request is not a request to this service. */
  readonly badHead: BadHead | undefined;
  readonly isHttp2: boolean;
  /** Aborted when the client has gone before it was answered. */
  readonly gone: AbortSignal;
  /** Resolves when the answer is sent, or no client is left to take it, and the work for it has settled. */
  readonly settled: Promise<void>;
  /** The counter of the answer. */
  readonly unsent: UnsentAnswer;
  /** Counts the messages of a body that has several, before they are passed on. */
  envelopes: Envelopes | undefined;
  /** Whether the answer is that of a call, whose protocol may say at its end how it went. */
  hasCallEnd = false;
  /** Whether other code counts the bytes of the body when they are passed on. */
  isTakenByPiece = false;
  /** Whether the whole answer was given. */
  isAnswered = false;
  /** Counts the bytes of the body; undefined if the connection had gone. */
  readonly received: ReceivedRequest | undefined;
  readonly body: RequestBody;
  private awaitsContinue: boolean;
  /** The bytes of the body that have been read, and those of them that are not counted any more. */
  private takenBytes = 0;
  private givenBytes = 0;
  /** The rest of a body that is not wanted after the answer. */
  private leftover: Leftover | undefined;
  private isHurried = false;
  /** Whether the connection ends with the answer. */
  private endsConnection = false;
  /** Whether a part of the answer is not taken yet. */
  private isWriting = false;
  /** The number of things that it stays open for: the answer, and the work that has not settled. */
  private openFor = 1;
  private readonly release: () => void;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    awaitsContinue: boolean,
    answers: Answers,
    received: ReceivedRequest | undefined,
  ) {
    this.request = request;
    this.response = response;
    this.badHead = readHead(request);
    this.target = splitTarget(request.url ?? '');
    this.isHttp2 = isOfHttp2(request);
    this.awaitsContinue = awaitsContinue;
    const gone = new AbortController();
    this.gone = gone.signal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.release = () => {
      this.openFor--;
      if (this.openFor === 0) resolve();
    };
    if (!this.isHttp2) pacePieces(request);
    this.body = new RequestBody(
      request,
      () => this.continue(),
      (piece) => this.pieceArrived(piece),
    );
    const { connection, address } = connectionOf(request, response);
    const refuse = (error: ConnectError) => {
      if (response.headersSent) this.endWith(error);
      else this.answerError(error);
      gone.abort(error);
    };
    this.unsent = answers.open(connection, address, 1, {
      end: (error) => {
        gone.abort(error);
        this.reset(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      },
      refuse,
      isWhole: () => request.complete,
    });
    this.received = received;
    if (received !== undefined)
      received.refuse = (error) => {
        refuse(error);
        // This drops the bytes that have arrived.
        this.body.end(error);
      };
    let isClosed = false;
    const close = () => {
      if (isClosed) return;
      isClosed = true;
      received?.close();
      // A connection of HTTP/1.1 keeps nothing more of the answer then; one of HTTP/2 may.
      if (this.isHttp2) this.unsent.close();
      else this.unsent.drop();
      if (!response.writableFinished) gone.abort(cancelled());
      this.release();
    };
    response.once('close', close);
    // A stream of HTTP/2 may never get the news that its connection has gone.
    this.unsent.whenSettled(close);
    // The errors are ignored: only the end of the body and of the answer matter.
    request.on('error', () => {});
    response.on('error', () => {});
    // The response of HTTP/2 says that it is sent only when its stream closes, which may wait for the rest of the body.
    (this.isHttp2 ? this.stream : response).once('finish', () => this.letGo());
    // An early answer ends the iteration of the body, which must not destroy the connection that the answer uses.
    request[Symbol.asyncIterator] = () => this.body.pieces();
  }

  /** Of HTTP/2. */
  private get stream(): ServerHttp2Stream {
    return (this.response as unknown as Http2ServerResponse).stream;
  }

  get host(): string | undefined {
    return (this.request.headers[':authority'] as string | undefined) ?? this.request.headers.host;
  }

  /** Returns the request's headers as handlers see them. */
  headers(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries(this.request.headers)) {
      if (name.startsWith(':') || value === undefined) continue;
      for (const text of Array.isArray(value) ? value : [value]) headers.append(name, text);
    }
    return headers;
  }

  /**
   * Stays open for work that goes on for this request, also after its answer. The work must not reject.
   * Returns false if the exchange has settled before.
   */
  stayOpenFor(work: Promise<void>): boolean {
    if (this.openFor === 0) return false;
    this.openFor++;
    void work.then(this.release);
    return true;
  }

  /** Counts a piece of the body before its reader gets it. */
  private pieceArrived(piece: Buffer): void {
    this.unsent.ask(piece.length);
    this.envelopes?.take(piece);
    this.takenBytes += piece.length;
    if (!this.isTakenByPiece) return;
    const handedOn = this.takenBytes - (this.envelopes?.keptBytes ?? 0);
    this.received?.give(handedOn - this.givenBytes);
    this.givenBytes = handedOn;
  }

  /** Tells a client that waits (`Expect: 100-continue`) to send the body. */
  private continue(): void {
    if (!this.awaitsContinue) return;
    this.awaitsContinue = false;
    this.response.writeContinue();
  }

  /** Sends a short answer. */
  answer(status: number, headers: Readonly<Record<string, string>>, body: Buffer | string = ''): void {
    const { request, response } = this;
    if (response.headersSent || response.destroyed) return;
    this.isAnswered = true;
    const withBody = request.method !== 'HEAD' && body.length > 0;
    if (withBody) this.unsent.hand(body.length);
    const given = () => this.unsent.give(body.length);
    if (this.isHttp2 || this.hasShortRest()) {
      response.writeHead(status, headers);
      if (!this.isHttp2) this.letGo();
      if (withBody) response.end(body, given);
      else response.end();
      return;
    }
    response.writeHead(status, { ...headers, connection: 'close' });
    if (withBody) response.write(body, given);
    else response.flushHeaders();
    this.endConnection();
  }

  /** Ends the connection after the answer, and not before the client has sent the rest. */
  private endConnection(): void {
    const { socket } = this.request;
    // A client that reads to the end has the answer (RFC 9112, 9.6). Over TLS, some take the end for that of both
    // directions.
    if (!('encrypted' in socket)) socket.end();
    this.readLeftover((isWhole) => {
      if (isWhole) socket.destroySoon();
      else socket.destroy();
    });
  }

  /** Begins an answer that is written in parts. */
  begin(status: number, headers: Readonly<Record<string, string>>): void {
    const { request, response, isHttp2 } = this;
    // When the answer has ended, Node closes a connection that is not kept, even if the client still sends.
    this.endsConnection = !isHttp2 && !response.shouldKeepAlive && !request.complete;
    if (this.endsConnection) response.removeHeader('transfer-encoding');
    response.writeHead(status, headers);
  }

  /** Ends the answer. */
  end(): void {
    const { request, response } = this;
    this.isAnswered = true;
    if (!this.endsConnection || request.complete) return void response.end();
    response.flushHeaders();
    this.endConnection();
  }

  /** Returns true if the rest of the body is so short that the connection can be used for the next request. */
  private hasShortRest(): boolean {
    const { complete, headers } = this.request;
    if (complete) return true;
    // A client that waits for permission may now send no body, or may send one anyway.
    if (headers['transfer-encoding'] !== undefined || this.awaitsContinue) return false;
    return Number(headers['content-length'] ?? 0) <= shortBodyBytesMax;
  }

  answerError(error: ConnectError | HttpError): void {
    const { status, headers, body } = callErrorAnswer(this.request, error);
    this.answer(status, headers, body);
  }

  /**
   * Ends an answer that has begun, as the protocol of its call does, if the bytes that were passed on have been taken.
   */
  private endWith(error: ConnectError): void {
    const { request, response, unsent } = this;
    const end = this.hasCallEnd && !this.isWriting ? callEnd(request, error) : undefined;
    if (end === undefined || response.writableEnded) return;
    unsent.hand(end.body.length);
    response.write(end.body, () => unsent.give(end.body.length));
    this.end();
  }

  /**
   * Passes on a part of the answer; resolves when it has gone. Rejects with the reason if the client has gone.
   *
   * With HTTP/1.1, the callback of a write may never run then; the end of the answer returns the counted bytes.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const { gone, unsent } = this;
    gone.throwIfAborted();
    const { length } = bytes;
    noteMessage(length);
    unsent.hand(length);
    let called: Promise<boolean> | undefined;
    this.isWriting = true;
    try {
      for (const slice of slicesOf(bytes)) {
        called = this.writeSlice(slice);
        if (!(await unlessAborted(gone, called))) throw cancelled();
      }
      // After a write that failed, it is unknown whether the bytes are still in use.
      freeBlock(bytes);
      this.isWriting = false;
    } finally {
      void called?.then(() => unsent.give(length));
    }
  }

  /** Writes a slice. Resolves with true if it was taken. */
  private writeSlice(slice: Uint8Array): Promise<boolean> {
    this.unsent.sliceBegins(slice.length);
    return new Promise((resolve) => {
      this.response.write(slice, (error) => {
        this.unsent.sliceEnds();
        resolve(error == null);
      });
    });
  }

  /** Breaks the answer off, so that it cannot be taken for a whole one. An answer that has its end keeps it. */
  destroy(): void {
    if (!this.response.writableEnded) this.reset(constants.NGHTTP2_INTERNAL_ERROR);
  }

  private reset(code: number): void {
    if (this.isHttp2) this.stream.close(code);
    else this.response.destroy();
  }

  /** Ends the exchange after the answer. What the client still sends belongs to no request any more. */
  private letGo(): void {
    const { request } = this;
    if (request.complete || request.destroyed) return;
    // A request without a body has no rest, although nothing has read its end.
    if (this.isHttp2 && this.stream.endAfterHeaders) return;
    // What still comes is dropped, and not counted.
    this.received?.close();
    this.readLeftover((isWhole) => {
      if (isWhole) return;
      if (this.isHttp2) this.stream.close(constants.NGHTTP2_NO_ERROR);
      else request.destroy();
    });
  }

  private readLeftover(ended: (isWhole: boolean) => void): void {
    if (this.leftover !== undefined) return;
    const read = Promise.withResolvers<void>();
    if (!this.stayOpenFor(read.promise)) return;
    this.body.letGo();
    const { request } = this;
    const sender = { isWhole: () => request.complete, bytesRead: () => request.socket.bytesRead };
    this.leftover = new Leftover(request, sender, (isWhole) => {
      ended(isWhole);
      read.resolve();
    });
    if (this.isHurried) this.leftover.hurry();
  }

  /** Limits the reading of the rest after an answer, since the service stops. */
  hurry(): void {
    this.isHurried = true;
    this.leftover?.hurry();
  }
}

/** Returns the connection and the address of a request; nothing of HTTP/2 if the connection has gone. */
export function connectionOf(request: IncomingMessage, response: ServerResponse) {
  return isOfHttp2(request) ? http2ConnectionOf(response) : socketOf(request);
}

function socketOf({ socket }: IncomingMessage) {
  return { connection: socket, address: socket.remoteAddress };
}

/** Returns the session, or nothing if it has gone: the members of its socket then throw. */
function http2ConnectionOf(response: ServerResponse) {
  const { session } = (response as unknown as Http2ServerResponse).stream;
  const connection = session?.destroyed === false ? session : undefined;
  return { connection, address: connection?.socket.remoteAddress };
}
