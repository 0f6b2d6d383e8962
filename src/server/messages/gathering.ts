/**
 * Pieces of a body, joined to larger ones. Node hands on at most 64 KiB of a body at a time. Each piece that is handed
 * on costs some tens of microseconds, and a large piece is written as it is, without another copy. While one is
 * processed, the next is gathered.
 */

import type { ReceivedRequest } from '../../api/receiving/received-request.ts';
import { type After, afterRealTime } from '../../api/timer.ts';
import { freeWhole } from '../../domain/blocks.ts';
import type { PieceFlow, PieceTaker } from './request-body.ts';

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
  body: { flowTo(taker: PieceTaker): PieceFlow },
  { received, after = afterRealTime }: GatheringOptions,
): AsyncGenerator<Uint8Array, undefined> {
  const intake = new Intake(received, after);
  const flow = body.flowTo(intake);
  try {
    for (;;) {
      const gathering = await intake.next();
      if (gathering === undefined) return;
      const bytes = gathering.joined();
      received?.give(bytes.length);
      if (intake.hasRoom) flow.goOn();
      yield bytes;
      intake.free();
    }
  } finally {
    flow.stop();
    intake.drop();
  }
}

/** What has come and is not handed on: the bytes that are gathered, and those that had no more room there. */
class Intake implements PieceTaker {
  private readonly received: GatheringOptions['received'];
  private readonly after: After;
  private gathering: Gathering;
  /** The bytes that are being processed. */
  private handedOn: Gathering | undefined;
  /** A piece of which only the bytes before `at` are gathered. */
  private rest: { readonly piece: Uint8Array; readonly at: number } | undefined;
  private ended: { readonly error: unknown } | undefined;
  private wake = () => {};

  constructor(received: GatheringOptions['received'], after: After) {
    this.received = received;
    this.after = after;
    this.gathering = this.begin();
  }

  /** Whether more bytes may come. */
  get hasRoom(): boolean {
    const { bytes } = this.gathering;
    return this.rest === undefined && bytes < (this.received?.isPressed === true ? 1 : gatheredBytes);
  }

  take(piece: Uint8Array): boolean {
    this.gather(piece, 0);
    if (this.gathering.isDue) this.wake();
    return this.hasRoom;
  }

  end(error?: unknown): void {
    this.ended ??= { error };
    this.wake();
  }

  /** Returns the gathered bytes when they are due; undefined at the end of the body. @throws the error that ended it. */
  async next(): Promise<Gathering | undefined> {
    while (!this.gathering.isDue && this.ended === undefined)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    if (this.ended?.error !== undefined) throw this.ended.error;
    const { gathering, rest } = this;
    if (gathering.bytes === 0) return undefined;
    gathering.close();
    this.handedOn = gathering;
    this.gathering = this.begin();
    this.rest = undefined;
    if (rest !== undefined) this.gather(rest.piece, rest.at);
    return gathering;
  }

  /** Frees the memory of the bytes that were handed on. */
  free(): void {
    const { handedOn } = this;
    this.handedOn = undefined;
    const piece = handedOn?.piece;
    handedOn?.free();
    if (piece !== undefined) this.freePiece(piece);
  }

  /** Drops what is not handed on. Other code may still use what is. */
  drop(): void {
    this.gathering.close();
  }

  private begin(): Gathering {
    return new Gathering(this.after, () => this.wake());
  }

  private gather(piece: Uint8Array, from: number): void {
    const before = this.gathering.piece;
    const at = from + this.gathering.take(piece, from);
    if (at < piece.length) this.rest = { piece, at };
    // Then no more comes until these bytes are handed on.
    if (!this.hasRoom) this.gathering.isDue = true;
    if (before !== undefined) this.freePiece(before);
    this.freePiece(piece);
  }

  /** Frees a piece unless a part of it is processed, or still to be. */
  private freePiece(piece: Uint8Array): void {
    const isUsed = [this.handedOn?.piece, this.gathering.piece, this.rest?.piece].includes(piece);
    if (!isUsed) freeWhole(piece);
  }
}

/** Bytes that are gathered to be handed on together. */
class Gathering {
  bytes = 0;
  /** Whether they are to be handed on. */
  isDue = false;
  /** The piece that has the bytes. The first piece is not copied unless another one follows. */
  piece: Uint8Array | undefined;
  private readonly after: After;
  private readonly late: () => void;
  private first: Uint8Array | undefined;
  private buffer: Uint8Array | undefined;
  private cancel = () => {};

  /** @param late called when the bytes have become due, since they have waited for too long. */
  constructor(after: After, late: () => void) {
    this.after = after;
    this.late = late;
  }

  /** Takes as many bytes of the piece, from `at` on, as have room. Returns how many. */
  take(piece: Uint8Array, at: number): number {
    const before = this.bytes;
    if (before === 0) this.begin(piece, at);
    else if (before < gatheredBytes) this.append(piece.subarray(at, at + gatheredBytes - before));
    if (this.bytes >= gatheredBytes) this.isDue = true;
    return this.bytes - before;
  }

  /** Returns the bytes, in one piece. */
  joined(): Uint8Array {
    return this.buffer?.subarray(0, this.bytes) ?? this.first!;
  }

  /** Takes no more. */
  close(): void {
    this.cancel();
  }

  /** Returns the buffer for other bytes. */
  free(): void {
    if (this.buffer !== undefined)
      if (kept.length < keptMax) kept.push(this.buffer);
      else freeWhole(this.buffer);
    this.buffer = undefined;
    this.first = undefined;
    this.piece = undefined;
  }

  private begin(piece: Uint8Array, at: number): void {
    this.piece = piece;
    this.first = piece.subarray(at, at + pieceBytesMax);
    this.bytes = this.first.length;
    this.cancel = this.after(lateMs, () => {
      this.isDue = true;
      this.late();
    });
  }

  private append(part: Uint8Array): void {
    if (this.buffer === undefined) {
      this.buffer = kept.pop() ?? Buffer.allocUnsafeSlow(gatheredBytes);
      this.buffer.set(this.first!);
      this.first = undefined;
      this.piece = undefined;
    }
    this.buffer.set(part, this.bytes);
    this.bytes += part.length;
  }
}
