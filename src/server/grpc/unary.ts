/**
 * Unary calls, from their streams of HTTP/2 to a Connect handler and back. grpc-js is not asked: its part of a call took
 * as long as the decision about a small push. What it does for a call is done here, in the same order: the deadline, the
 * one message, the answer with its trailers, or a status alone.
 */
import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { ConnectError, MethodImplSpec } from '@connectrpc/connect';
import { afterRealTime } from '../../api/timer.ts';
import { endKey, headerKey, messageKey } from '../../api/transport.ts';
import { callValues } from '../call-values.ts';
import { deadlineMs } from '../heads/deadlines.ts';
import { acceptedEncodings, grpcEncoding } from '../messages/encodings.ts';
import { compressedFlag, Envelopes, headBytes } from '../messages/envelopes.ts';
import { Inflation } from '../messages/inflation.ts';
import { receivedBy } from '../receiving.ts';
import {
  cancelled,
  cutMessage,
  deadlineExceeded,
  isSendable,
  notOneMessage,
  unexpected,
} from '../refusals.ts';
import { noteMessage } from '../young-collector.ts';
import { type CallOptions, ended } from './calls.ts';
import { decode, type Encode, type Encoded, encoderOf } from './codec.ts';
import { CallContext } from './context.ts';
import { socketOf } from './internals.ts';
import { headerIn, isEmpty, metadataIn, metadataOf } from './metadata.ts';
import { countAnswer } from './sliced-writes.ts';
import { statusOf } from './status.ts';

type UnarySpec = Extract<MethodImplSpec, { kind: 'unary' }>;

interface Method {
  readonly spec: UnarySpec;
  readonly encode: Encode<UnarySpec['method']['output']>;
}

/** After this number of pieces, the pieces of a message are joined to one. */
const piecesMax = 256;

const statusHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;
const answerHeaders = {
  ...statusHeaders,
  [grpcEncoding.accepted]: acceptedEncodings,
  [grpcEncoding.named]: 'identity',
} as const;
/** A message belongs to an error. */
const okTrailers = { 'grpc-status': 0, 'grpc-message': '' } as const;

/** Takes a stream whose head has no fault, if it is a call of a unary method. */
type TakeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

/** Returns a function that takes the calls of the unary methods among these. */
export function unaryCalls(methods: readonly MethodImplSpec[], options: CallOptions): TakeStream {
  const known = new Map<string, Method>();
  for (const spec of methods) {
    if (spec.kind !== 'unary') continue;
    const path = `/${spec.method.parent.typeName}/${spec.method.name}`;
    known.set(path, { spec, encode: encoderOf(spec.method.output) });
  }
  return (stream, headers) => {
    const method = known.get(headers[':path'] ?? '');
    if (method === undefined) return false;
    new UnaryCall(stream, headers, method, options).begin();
    return true;
  };
}

/** One call. */
class UnaryCall {
  private readonly stream: ServerHttp2Stream;
  private readonly headers: IncomingHttpHeaders;
  private readonly method: Method;
  private readonly options: CallOptions;
  private readonly envelopes: Envelopes;
  private readonly ends = new AbortController();
  private readonly deadline: number;
  private cancelTimer: (() => void) | undefined;
  /** The latest pieces of the body, and those before them, joined. */
  private pieces: Buffer[] = [];
  private joined: Buffer[] = [];
  private bytes = 0;
  /** The size of the one message with its head, once that has come. */
  private wantedBytes: number | undefined;
  private context: CallContext | undefined;
  /** A status or an answer was sent, or the stream is closed. */
  private isOver = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, method: Method, options: CallOptions) {
    this.stream = stream;
    this.headers = headers;
    this.method = method;
    this.options = options;
    this.envelopes = new Envelopes({
      messageBytesMax: options.inflation.messageBytesMax,
      encoding: headers[grpcEncoding.named] === 'gzip' ? 'gzip' : 'identity',
      flags: compressedFlag,
    });
    this.deadline = Date.now() + deadlineMs(headers['grpc-timeout']);
  }

  begin(): void {
    const { stream, deadline } = this;
    if (deadline !== Number.POSITIVE_INFINITY)
      this.cancelTimer = afterRealTime(deadline - Date.now(), () => this.refuse(deadlineExceeded()));
    const received = receivedBy(stream);
    if (received !== undefined)
      received.refuse = (error) => {
        // The call may have been answered meanwhile.
        if (!stream.destroyed && !stream.writableEnded) this.refuse(error);
      };
    stream.on('data', (data: Buffer) => this.take(data));
    stream.once('end', () => this.run());
    stream.once('close', () => this.gone());
  }

  private take(data: Buffer): void {
    // Bytes after a refusal are ignored.
    if (this.isOver) return;
    try {
      this.envelopes.take(data);
    } catch (error) {
      this.refuse(error as ConnectError);
      return;
    }
    this.pieces.push(data);
    this.bytes += data.length;
    if (this.pieces.length >= piecesMax) {
      this.joined.push(Buffer.concat(this.pieces));
      this.pieces = [];
    }
    if (this.bytes < headBytes) return;
    this.wantedBytes ??= headBytes + (this.bytes === data.length ? data : this.body()).readUInt32BE(1);
    if (this.bytes > this.wantedBytes) this.refuse(notOneMessage());
  }

  /** Returns a copy of what has come: a small part of a block that was read would keep all of it. */
  private body(): Buffer {
    return Buffer.concat([...this.joined, ...this.pieces]);
  }

  /** The client has sent everything. */
  private run(): void {
    if (this.isOver || this.stream.destroyed || this.stream.closed) return;
    if (this.deadline <= Date.now()) this.refuse(deadlineExceeded());
    else if (this.envelopes.isWithin) this.refuse(cutMessage());
    else if (this.bytes === 0) this.refuse(notOneMessage());
    else this.handle(this.body());
  }

  private dropBody(): void {
    this.pieces = [];
    this.joined = [];
  }

  private handle(framed: Buffer): void {
    const { stream, options, headers, ends, deadline, method } = this;
    this.dropBody();
    const answer = countAnswer(stream, options.answers, ends);
    const values = callValues(options.transport, socketOf(stream), answer, receivedBy(stream));
    const metadata = () => metadataIn(headers);
    const context = new CallContext({
      method: method.spec.method,
      metadata,
      deadline,
      values,
      ends,
      stop: options.stop,
    });
    values.set(endKey, (reason) => ends.abort(reason)).set(headerKey, (name) => headerIn(headers, name));
    this.context = context;
    const inflation = new Inflation({ ...options.inflation, answer, signal: ends.signal });
    noteMessage(framed.length);
    answer.ask(framed.length);
    options.calls.track(
      this.answer(framed, context, inflation).finally(() => {
        context.end(ended);
        inflation.release();
      }),
    );
  }

  /** Never rejects. */
  private async answer(framed: Buffer, context: CallContext, inflation: Inflation): Promise<void> {
    const { spec, encode } = this.method;
    try {
      let bytes = framed.subarray(headBytes);
      if (framed[0] === compressedFlag) {
        const inflated = await inflation.inflate(bytes);
        this.envelopes.inflated(bytes.length, inflated.length);
        bytes = inflated;
      }
      if (this.options.transport === 'replica') context.values.set(messageKey, bytes);
      const message = decode(spec.method.input, bytes);
      const request = message instanceof Promise ? await message : message;
      this.send(encode(await spec.impl(request, context)));
    } catch (error) {
      const sendable = isSendable(error) ? error : unexpected();
      if (sendable !== error) this.options.onUnexpectedError(error, context.name);
      this.sendStatus(sendable);
    }
  }

  private get canSend(): boolean {
    return !this.isOver && !this.stream.destroyed && !this.stream.closed;
  }

  private send(message: Encoded): void {
    if (!this.canSend) return;
    const { stream, context } = this;
    const { byteLength } = message;
    const frame = Buffer.allocUnsafe(headBytes + byteLength);
    frame[0] = 0;
    frame.writeUInt32BE(byteLength, 1);
    message.copy(frame, headBytes);
    const trailers = context?.setTrailer && metadataOf(context.setTrailer).toHttp2Headers();
    this.respond(trailers === undefined ? okTrailers : { ...okTrailers, ...trailers });
    stream.write(frame, () => undefined);
    stream.end();
  }

  /** Answers with a status alone, and with the headers that the handler has set. */
  private sendStatus(error: ConnectError): void {
    if (!this.canSend) return;
    const { stream, context } = this;
    const { code, details, metadata } = statusOf(error, context?.setTrailer);
    const status = {
      'grpc-status': code,
      'grpc-message': encodeURI(details),
      ...metadata.toHttp2Headers(),
    };
    if (context?.setHeader === undefined || isEmpty(context.setHeader)) {
      this.end();
      stream.respond({ ...status, ...statusHeaders }, { endStream: true });
    } else {
      this.respond(status);
      stream.end();
    }
    // What the client still sends is dropped.
    stream.resume();
  }

  /** Begins the answer. @param trailers follow its end. */
  private respond(trailers: OutgoingHttpHeaders): void {
    this.end();
    const { stream, context } = this;
    const more = context?.setHeader && metadataOf(context.setHeader).toHttp2Headers();
    stream.respond(more === undefined ? answerHeaders : { ...answerHeaders, ...more }, {
      waitForTrailers: true,
    });
    stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  }

  private end(): void {
    this.isOver = true;
    this.dropBody();
    this.cancelTimer?.();
  }

  /** Ends the call with an error, whatever its handler does. */
  private refuse(error: ConnectError): void {
    this.sendStatus(error);
    this.ends.abort(error);
  }

  /** The stream is closed. A timer may be a millisecond early. */
  private gone(): void {
    this.end();
    if (!this.ends.signal.aborted)
      this.ends.abort(this.deadline - Date.now() <= 1 ? deadlineExceeded() : cancelled());
  }
}
