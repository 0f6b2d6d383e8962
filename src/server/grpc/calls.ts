/** One call of each kind of stream, from grpc-js to a Connect handler and back. */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { MethodImplSpec } from '@connectrpc/connect';
import type {
  handleClientStreamingCall,
  handleServerStreamingCall,
  Metadata,
  ServerReadableStream,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { UnsentAnswer } from '../../api/sending/unsent-answer.ts';
import type { TransportKind } from '../../api/transport.ts';
import type { Answers } from '../answers.ts';
import { callValues } from '../call-values.ts';
import type { CallsInFlight } from '../calls-in-flight.ts';
import { Inflation, type InflationOptions } from '../messages/inflation.ts';
import { receivedBy } from '../receiving.ts';
import { cancelled, deadlineExceeded, isSendable, unexpected } from '../refusals.ts';
import { noteMessage } from '../young-collector.ts';
import { decode, type Encode, type Encoded, encoderOf } from './codec.ts';
import { CallContext } from './context.ts';
import { openMessage, refusedBody } from './decoding.ts';
import { readOneAtATime, socketOf, streamOf } from './internals.ts';
import { isEmpty, metadataOf } from './metadata.ts';
import { SendQueue } from './send-queue.ts';
import { countAnswer } from './sliced-writes.ts';
import { statusOf } from './status.ts';

/** The parts of a listener that its calls need. */
export interface CallOptions {
  readonly transport: TransportKind;
  /** Aborted when the service is forced to stop. The signals of all calls are then aborted too. */
  readonly stop: AbortSignal;
  readonly calls: CallsInFlight;
  /** Counts the bytes of the answers that wait to be sent. */
  readonly answers: Answers;
  /** The room and the limit for compressed messages that are inflated. */
  readonly inflation: Pick<InflationOptions, 'room' | 'messageBytesMax'>;
  /** Gets every error that is not a ConnectError. The caller gets only INTERNAL. */
  readonly onUnexpectedError: (error: unknown, method: string) => void;
}

/** The members that calls of all kinds share. */
interface AnyCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  sendMetadata(metadata: Metadata): void;
  /** Emitted also after a call that ended well. */
  once(event: 'cancelled', listener: () => void): unknown;
}

type Spec<Kind extends MethodImplSpec['kind']> = Extract<MethodImplSpec, { kind: Kind }>;

/** The reason of a signal that is aborted because its call has ended well. */
export const ended = new Error('the call has ended');

/** Returns the handler of grpc-js for a method that takes a stream. */
export function clientStreaming(
  spec: Spec<'client_streaming'>,
  options: CallOptions,
): handleClientStreamingCall<Buffer, Encoded> {
  const encode = encoderOf(spec.method.output);
  return (call, callback) => {
    readOneAtATime(call);
    run(call, spec, options, async (context, received) => {
      await answer(call, callback, context, options, encode, () =>
        spec.impl(requests(call, spec.method.input, context.signal, received), context),
      );
    });
  };
}

/** Returns the handler of grpc-js for a method that answers with a stream. */
export function serverStreaming(
  spec: Spec<'server_streaming'>,
  options: CallOptions,
): handleServerStreamingCall<Buffer, Encoded> {
  const encode = encoderOf(spec.method.output);
  return (call) => {
    run(call, spec, options, async (context, received) => {
      try {
        const responses = spec.impl(await received.one(call.request, spec.method.input), context);
        await sendAll(call, responses, context, encode, received);
        sendHeaders(call, context);
        call.end(trailersOf(context));
      } catch (error) {
        sendHeaders(call, context);
        call.emit('error', failed(error, context, options));
      }
    });
  };
}

/** Makes the context, counts the call, and releases its timers and listeners when `body` has settled. */
function run(
  call: AnyCall,
  { method }: MethodImplSpec,
  options: CallOptions,
  body: (context: CallContext, received: Received) => Promise<void>,
): void {
  const ends = new AbortController();
  const stream = streamOf(call);
  const { metadata } = call;
  const answer = countAnswer(stream, options.answers, ends);
  const values = callValues(options.transport, socketOf(stream), answer, receivedBy(stream));
  const deadline = Number(call.getDeadline());
  const context = new CallContext({
    method,
    metadata: () => metadata,
    deadline,
    values,
    ends,
    stop: options.stop,
  });
  const onGone = () => {
    if (context.signal.aborted) return;
    ends.abort(refusedBody(call) ?? (passed(call.getDeadline()) ? deadlineExceeded() : cancelled()));
  };
  const received = new Received(call, answer, context.signal, options);
  call.once('cancelled', onGone);
  if (call.cancelled || deadline <= Date.now()) onGone();
  options.calls.track(
    body(context, received)
      .catch((error) => options.onUnexpectedError(error, context.name))
      .finally(() => {
        context.end(ended);
        received.release();
      }),
  );
}

/**
 * Returns true if the deadline has passed. grpc-js cancels calls at their deadline, by a timer that may be a
 * millisecond early.
 */
function passed(deadline: Date | number): boolean {
  return Number(deadline) - Date.now() <= 1;
}

/** Runs a handler with one response and sends the response, or the error. */
async function answer<D extends DescMessage>(
  call: AnyCall,
  callback: sendUnaryData<Encoded>,
  context: CallContext,
  options: CallOptions,
  encode: Encode<D>,
  handle: () => MessageInitShape<D> | Promise<MessageInitShape<D>>,
): Promise<void> {
  try {
    const response = encode(await handle());
    sendHeaders(call, context);
    callback(null, response, trailersOf(context));
  } catch (error) {
    sendHeaders(call, context);
    callback(failed(error, context, options));
  }
}

/** The messages received with a call, one at a time. */
class Received {
  private readonly call: object;
  private readonly answer: UnsentAnswer;
  private readonly inflation: Inflation;

  constructor(call: object, answer: UnsentAnswer, signal: AbortSignal, options: CallOptions) {
    this.call = call;
    this.answer = answer;
    this.inflation = new Inflation({ ...options.inflation, answer, signal });
  }

  /** Returns the message that came with its head. @throws ConnectError if it is not a message. */
  one<D extends DescMessage>(framed: Buffer, desc: D): MessageShape<D> | Promise<MessageShape<D>> {
    noteMessage(framed.length);
    this.answer.ask(framed.length);
    const bytes = openMessage(this.call, framed, this.inflation);
    return bytes instanceof Promise ? bytes.then((one) => decode(desc, one)) : decode(desc, bytes);
  }

  /** Releases the bytes that were received: they are processed. */
  release(): void {
    this.inflation.release();
  }
}

/**
 * Yields the messages of a client stream. Throws if the stream was cut short and that can be seen: clients on Node end
 * a stream before they reset it, which looks like a normal end. So the end alone must never mean success.
 */
async function* requests<D extends DescMessage>(
  call: ServerReadableStream<Buffer, Encoded>,
  desc: D,
  signal: AbortSignal,
  received: Received,
): AsyncGenerator<MessageShape<D>> {
  const body = receivedBy(streamOf(call));
  // Wakes an iteration that waits for a client which may never send again. The answer does not use this side of the
  // stream.
  const stop = () => (call as Readable).destroy();
  signal.addEventListener('abort', stop, { once: true });
  // An early answer ends the iteration but must not destroy the call that it is sent on.
  const messages = (call as Readable).iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const next = await messages.next().catch(() => undefined);
      if (signal.aborted) throw signal.reason;
      if (next === undefined) throw cancelled();
      if (next.done === true) return;
      const message = await received.one(next.value, desc);
      // The code that takes the message counts it.
      body?.give(next.value.length);
      yield message;
      received.release();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await messages.return?.();
  }
}

/** Sends what the handler yields, no faster than the client takes it. Stops the handler when the client has gone. */
async function sendAll<D extends DescMessage>(
  call: ServerWritableStream<Buffer, Encoded>,
  responses: AsyncIterable<MessageInitShape<D>>,
  context: CallContext,
  encode: Encode<D>,
  received: Received,
): Promise<void> {
  const queue = new SendQueue(call, context.signal);
  for await (const response of responses) {
    received.release();
    context.signal.throwIfAborted();
    sendHeaders(call, context);
    await queue.send(encode(response));
  }
}

/** Sends the headers set so far. Only the first call has an effect: afterwards grpc-js has sent them. */
function sendHeaders(call: AnyCall, { setHeader }: CallContext): void {
  if (setHeader !== undefined && !isEmpty(setHeader)) call.sendMetadata(metadataOf(setHeader));
}

/** Returns the trailers set so far, if any are. */
function trailersOf({ setTrailer }: CallContext): Metadata | undefined {
  return setTrailer && metadataOf(setTrailer);
}

function failed(error: unknown, context: CallContext, options: CallOptions) {
  const sendable = isSendable(error) ? error : unexpected();
  if (sendable !== error) options.onUnexpectedError(error, context.name);
  return {
    name: sendable.name,
    message: sendable.rawMessage,
    ...statusOf(sendable, context.responseTrailer),
  };
}
