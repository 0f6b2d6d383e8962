/**
 * Pieces of a body, joined to larger ones. Node hands on at most 64 KiB of a body at a time. Each piece that is handed
 * on costs some tens of microseconds, and a large piece is written as it is, without another copy.
 */

import type { ReceivedRequest } from '../../api/receiving/received-request.ts';
import { type After, afterRealTime } from '../../api/timer.ts';
import { freeWhole } from '../../domain/blocks.ts';

/** The size of the joined pieces: a write of this size costs little more than its bytes. */
export const gatheredBytes = 256 * 1024;
/** A piece of a body that is larger is cut. */
const pieceBytesMax = 1024 * 1024;
/** Bytes wait no longer than this for others, in milliseconds. So a slow caller is seen to send. */
const lateMs = 1_000;
/** The most buffers that are kept for the next pieces: 4 MiB. */
const keptMax = 16;
const kept: Uint8Array[] = [];

interface GatheringOptions {
  /** Counts the bytes until they are handed on. Undefined: the connection had gone. */
  readonly received: Pick<ReceivedRequest, 'give' | 'isPressed'> | undefined;
  /** Default: real time. */
  readonly after?: After;
}

/**
 * Yields the bytes of a body in pieces of {@link gatheredBytes}. A piece is shorter at the end of the body, if the rest
 * is late, and while memory is short. Each is valid until the next one is requested. The memory of the pieces of `body`
 * is freed: the next piece gets it, while it is in the processor's cache.
 */
export async function* gathered(
  body: AsyncIterable<Uint8Array>,
  { received, after = afterRealTime }: GatheringOptions,
): AsyncGenerator<Uint8Array, undefined> {
  const pieces = body[Symbol.asyncIterator]();
  const gathering = new Gathering(after);
  function* handedOn(): Generator<Uint8Array, undefined> {
    if (gathering.bytes === 0) return;
    received?.give(gathering.bytes);
    yield gathering.joined();
    gathering.clear();
  }
  let coming: Promise<IteratorResult<Uint8Array>> | undefined;
  /** The piece of which a part waits to be handed on, or did. */
  let keptPiece: Uint8Array | undefined;
  const freeKept = () => {
    if (keptPiece === undefined || gathering.keeps(keptPiece)) return;
    freeWhole(keptPiece);
    keptPiece = undefined;
  };
  try {
    for (;;) {
      coming ??= pieces.next();
      const next = await gathering.unlessLate(coming);
      if (next === 'late') {
        yield* handedOn();
        freeKept();
        continue;
      }
      coming = undefined;
      if (next.done === true) {
        yield* handedOn();
        freeKept();
        return;
      }
      const piece = next.value;
      const { length } = piece;
      for (let at = 0; at < length; ) {
        at += gathering.take(piece.subarray(at));
        if (gathering.bytes >= gatheredBytes || received?.isPressed === true) yield* handedOn();
      }
      freeKept();
      keptPiece = piece;
      freeKept();
    }
  } finally {
    gathering.end();
    // It may wait for bytes that never come, and then it never answers.
    void pieces.return?.().catch(() => undefined);
  }
}

/** The bytes that are not handed on yet. */
class Gathering {
  bytes = 0;
  private readonly after: After;
  /** The first piece, which is not copied unless another one follows. */
  private first: Uint8Array | undefined;
  private buffer: Uint8Array | undefined;
  /** Settles when the bytes have waited for too long. */
  private late: Promise<'late'> | undefined;
  private cancel = () => {};

  constructor(after: After) {
    this.after = after;
  }

  /** Settles like the promise, unless bytes wait for too long before. */
  async unlessLate<T>(coming: Promise<T>): Promise<T | 'late'> {
    if (this.late === undefined) return await coming;
    // The result may come when no caller waits for it any more.
    coming.catch(() => undefined);
    return await Promise.race([coming, this.late]);
  }

  /** Takes as many bytes as have room. Returns how many. */
  take(piece: Uint8Array): number {
    if (this.bytes === 0) {
      this.first = piece.subarray(0, pieceBytesMax);
      this.bytes = this.first.length;
      this.late = new Promise((resolve) => {
        this.cancel = this.after(lateMs, () => resolve('late'));
      });
      return this.bytes;
    }
    if (this.buffer === undefined) {
      this.buffer = kept.pop() ?? Buffer.allocUnsafeSlow(gatheredBytes);
      this.buffer.set(this.first!);
      this.first = undefined;
    }
    const part = piece.subarray(0, gatheredBytes - this.bytes);
    this.buffer.set(part, this.bytes);
    this.bytes += part.length;
    return part.length;
  }

  /** Returns true if the bytes that are not handed on are a part of this piece. */
  keeps({ buffer }: Uint8Array): boolean {
    return this.first?.buffer === buffer;
  }

  /** Returns the bytes, in one piece. */
  joined(): Uint8Array {
    this.cancel();
    return this.buffer?.subarray(0, this.bytes) ?? this.first!;
  }

  /** Begins again: the bytes were processed. */
  clear(): void {
    this.cancel();
    this.first = undefined;
    if (this.buffer !== undefined)
      if (kept.length < keptMax) kept.push(this.buffer);
      else freeWhole(this.buffer);
    this.buffer = undefined;
    this.late = undefined;
    this.bytes = 0;
  }

  /** Drops everything. Other code may still use the buffer. */
  end(): void {
    this.cancel();
    this.buffer = undefined;
    this.first = undefined;
  }
}
