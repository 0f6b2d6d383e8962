/**
 * The buffers in which small chunks are gathered into writes of {@link writeBufferBytes}. A few used buffers are kept
 * for the next upload, because fresh memory costs more than the write itself (64 KiB chunks: 0.65 instead of 0.39
 * CPU-seconds per GB).
 */
import { freeWhole } from '../domain/blocks.ts';

/**
 * Below 256 KiB, the call of a write costs more than its bytes. Above it little is gained (256 KiB 0.39, 1 MiB 0.32
 * CPU-seconds per GB), and an upload whose client stalls would keep more.
 */
export const writeBufferBytes = 256 * 1024;

/** Lends buffers of {@link writeBufferBytes} and takes them back. */
export class WriteBuffers {
  private readonly sparesMax: number;
  private readonly keptMax: number;
  private readonly kept: Uint8Array[] = [];
  private lentCount = 0;

  /**
   * `sparesMax`: a second buffer for one upload is lent only while fewer buffers than this are lent (default 128, 32
   * MiB). So with many uploads and a slow disk, each has one. `keptMax`: the number of idle buffers kept (default 32,
   * 8 MiB).
   */
  constructor(sparesMax = 128, keptMax = 32) {
    this.sparesMax = sparesMax;
    this.keptMax = keptMax;
  }

  /** The number of buffers that are lent. */
  get lent(): number {
    return this.lentCount;
  }

  /** Returns a buffer of {@link writeBufferBytes} with arbitrary contents, which {@link giveBack} must get. */
  take(): Uint8Array {
    this.lentCount++;
    return this.kept.pop() ?? Buffer.allocUnsafeSlow(writeBufferBytes);
  }

  /** Like {@link take}, for a caller that has a buffer already; undefined if many are lent. */
  takeSpare(): Uint8Array | undefined {
    return this.lentCount < this.sparesMax ? this.take() : undefined;
  }

  /** Takes back a buffer that nothing else uses. If enough are kept, its memory is freed, and it is empty afterwards. */
  giveBack(buffer: Uint8Array): void {
    this.lentCount--;
    if (this.kept.length < this.keptMax) this.kept.push(buffer);
    // The garbage collector would free it late: buffers of many uploads that begin at once outlive their youth.
    else freeWhole(buffer);
  }
}
