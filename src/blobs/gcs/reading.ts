/** Reads a range of an object, and goes on where a connection broke. */
import { markBlock, takeBlock } from '../../domain/blocks.ts';
import { Failure } from '../../domain/errors.ts';
import { blockBytes } from '../blob-store.ts';
import type { BucketClient } from './client.ts';
import { type Answer, Broken } from './exchange.ts';
import { type Objects, refusedAs } from './objects.ts';

interface Reading {
  readonly client: BucketClient;
  readonly objects: Objects;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  /** The longest time without a byte, with all tries, in milliseconds. */
  readonly operationMs: number;
  /** Called when the object is absent. @throws Failure if the whole place is. */
  readonly onAbsent: () => Promise<void>;
}

/** The bytes from `offset` to before `end`. */
interface Range {
  readonly objectName: string;
  readonly offset: number;
  readonly end: number;
  readonly generation: string | undefined;
}

/**
 * Yields the bytes in pieces of at most {@link blockBytes}. Ends early if the object is shorter.
 *
 * @throws Failure DATA_LOSS if the object is absent; STORE_UNAVAILABLE.
 */
export async function* readPieces(
  reading: Reading,
  range: Range,
  outer: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { client, elapsed, operationMs } = reading;
  const cut = new Cutter(range.offset, range.end);
  const signal = outer ?? new AbortController().signal;
  const patience = new Patience(elapsed, operationMs);
  while (cut.position < range.end) {
    signal.throwIfAborted();
    const answer = await begin(reading, range, cut.position, signal);
    if (answer === undefined) return;
    try {
      for await (const chunk of answer.body.chunks()) {
        patience.renew();
        client.counts.receivedBytes += chunk.length;
        for (const piece of cut.pieces(chunk)) {
          markBlock(piece);
          yield piece;
          signal.throwIfAborted();
        }
        // The end of the answer is waited for, so that the connection can be used again, unless the whole comes.
        if (answer.status === 200 && cut.position >= range.end) break;
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      await client.waitToRetry('read', error, { ...patience.tired(), signal });
      continue;
    }
    const last = cut.rest();
    if (last === undefined) return;
    markBlock(last);
    yield last;
    return;
  }
}

/** @returns undefined if the object ends before the range begins. */
async function begin(
  { client, objects, onAbsent }: Reading,
  { objectName, end, generation }: Range,
  position: number,
  outer: AbortSignal,
): Promise<Answer | undefined> {
  const wanted = { offset: position, length: end - position, generation };
  try {
    // The answer may take longer than the time in which it must begin.
    return await client.run('read', () => objects.read(objectName, wanted, outer), outer);
  } catch (error) {
    if (refusedAs(error, 'beyond')) return undefined;
    if (!refusedAs(error, 'absent')) throw client.unexpected(error, 'reading a blob');
    await onAbsent();
    throw new Failure('DATA_LOSS', 'the stored bytes are missing', { cause: error });
  }
}

/** Counts the tries since a byte has come. */
class Patience {
  private readonly elapsed: () => number;
  private readonly operationMs: number;
  private tries = 0;
  private endMs: number;

  constructor(elapsed: () => number, operationMs: number) {
    this.elapsed = elapsed;
    this.operationMs = operationMs;
    this.endMs = elapsed() + operationMs;
  }

  renew(): void {
    this.tries = 0;
    this.endMs = this.elapsed() + this.operationMs;
  }

  tired(): { readonly tries: number; readonly leftMs: number } {
    this.tries++;
    return { tries: this.tries, leftMs: this.endMs - this.elapsed() };
  }
}

/** Cuts the bytes of a connection into pieces of {@link blockBytes}, each in memory of its own. */
class Cutter {
  /** The offset of the next byte of the connection. */
  position: number;
  private readonly end: number;
  private piece: Uint8Array | undefined;
  private filled = 0;

  constructor(position: number, end: number) {
    this.position = position;
    this.end = end;
  }

  *pieces(chunk: Uint8Array): Generator<Uint8Array> {
    const wanted = chunk.subarray(0, this.end - this.position);
    for (let at = 0; at < wanted.length; ) {
      this.piece ??= takeBlock(Math.min(blockBytes, this.filled + this.end - this.position));
      const part = wanted.subarray(at, at + this.piece.length - this.filled);
      this.piece.set(part, this.filled);
      this.filled += part.length;
      this.position += part.length;
      at += part.length;
      if (this.filled < this.piece.length) continue;
      const whole = this.piece;
      this.piece = undefined;
      this.filled = 0;
      yield whole;
    }
  }

  /** Returns the bytes of the last piece, which is not full: the blob has ended. */
  rest(): Uint8Array | undefined {
    const { piece, filled } = this;
    this.piece = undefined;
    return piece === undefined || filled === 0 ? undefined : Uint8Array.from(piece.subarray(0, filled));
  }
}
