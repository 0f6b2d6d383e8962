/** Passes messages to a stream of HTTP/2 in slices, which shows how fast they are taken. */
import type { Buffer } from 'node:buffer';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { slicesOf, type UnsentAnswer } from '../../api/sending/unsent-answer.ts';
import { freeBlock } from '../../domain/blocks.ts';
import type { Answers } from '../answers.ts';
import { cancelled } from '../refusals.ts';
import { noteMessage } from '../young-collector.ts';
import { blockAfter } from './codec.ts';
import { socketOf } from './internals.ts';

/** Two copies: the message, and the frame that grpc-js copies it to. Blocks have one, and are counted as the others. */
const copies = 2;

type Done = (error?: Error | null) => void;

interface Message {
  readonly bytes: number;
  readonly slices: Iterator<Uint8Array>;
  /** The block that is sent after the frame. */
  readonly block: Uint8Array | undefined;
  readonly done: Done;
}

/**
 * Returns the counter of the answer on `stream`. @param gone aborted if the answer is ended to make room for others.
 */
export function countAnswer(
  stream: ServerHttp2Stream,
  answers: Answers,
  gone: AbortController,
): UnsentAnswer {
  const answer = answers.open(stream.session, socketOf(stream)?.remoteAddress, copies, {
    end: (error) => {
      gone.abort(error);
      // A status would wait behind the bytes that the caller does not take.
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    },
    refuse: (error) => gone.abort(error),
    isWhole: () => stream.state.remoteClose === 1,
  });
  // A stream may never get the news that its connection has gone. An error costs a stack, so an ended stream gets none.
  answer.whenSettled(() => {
    if (!stream.writableFinished) gone.abort(cancelled());
  });
  sliceWrites(stream, answer);
  return answer;
}

/** Makes `answer` count the bytes that grpc-js writes to `stream`, and writes them in slices. */
function sliceWrites(stream: ServerHttp2Stream, answer: UnsentAnswer): void {
  const write = stream.write.bind(stream);
  const end = stream.end.bind(stream);
  const messages: Message[] = [];
  let isEnding = false;
  let isWriting = false;
  const goOn = (): void => {
    if (isWriting) return;
    const [first] = messages;
    if (first === undefined) {
      if (isEnding) end();
      return;
    }
    const slice = first.slices.next();
    if (slice.done === true) {
      finish(first, null);
      return;
    }
    answer.sliceBegins(slice.value.length);
    isWriting = true;
    write(slice.value, (error) => {
      isWriting = false;
      answer.sliceEnds();
      if (error) finish(first, error);
      else goOn();
    });
  };
  const finish = (message: Message, error: Error | null): void => {
    messages.shift();
    answer.give(message.bytes);
    // After a write that failed, it is unknown whether the bytes are still in use.
    if (message.block !== undefined && !error) freeBlock(message.block);
    // This may hand over the next message, which is then being written.
    message.done(error);
    goOn();
  };
  const take = (frame: Buffer, done: Done): boolean => {
    const block = blockAfter(frame);
    const bytes = frame.length + (block?.length ?? 0);
    noteMessage(bytes);
    answer.hand(bytes);
    messages.push({ bytes, slices: slicesOfBoth(frame, block), block, done });
    const isFirst = messages.length === 1;
    if (isFirst) goOn();
    return !isFirst;
  };
  // grpc-js calls it only in this form.
  stream.write = take as typeof stream.write;
  // The end comes after the bytes that were passed on, even if a call that ends early announces it before all are
  // written.
  stream.end = () => {
    isEnding = true;
    if (messages.length === 0) end();
    return stream;
  };
  stream.once('close', () => answer.close());
}

function* slicesOfBoth(frame: Uint8Array, block: Uint8Array | undefined): Generator<Uint8Array, undefined> {
  yield* slicesOf(frame);
  if (block !== undefined) yield* slicesOf(block);
}
