/**
 * The buffers in which small chunks are gathered into writes of {@link writeBufferBytes}. Used buffers are kept for
 * the next upload, up to a few, because fresh memory costs more than the write itself (64 KiB chunks: 0.65 instead of
 * 0.39 CPU-seconds per GB).
 */

/**
 * Below 256 KiB a write costs more for the call than for the bytes; above it little is won (256 KiB 0.39, 1 MiB 0.32
 * CPU-seconds per GB) and an upload whose client stalls would hold more.
 */
export const writeBufferBytes = 256 * 1024;

/** Lends buffers of {@link writeBufferBytes} and takes them back. */
export class WriteBuffers {
  private readonly sparesMax: number;
  private readonly keptMax: number;
  private readonly kept: Uint8Array[] = [];
  private lentCount = 0;

  /**
   * `sparesMax`: a second buffer for one upload is lent only while fewer than this many are out (default 128, 32 MiB),
   * so that with many uploads and a slow disk each holds one. `keptMax`: idle buffers kept (default 32, 8 MiB).
   */
  constructor(sparesMax = 128, keptMax = 32) {
    this.sparesMax = sparesMax;
    this.keptMax = keptMax;
  }

  /** How many are out. */
  get lent(): number {
    return this.lentCount;
  }

  /** A buffer of {@link writeBufferBytes} with arbitrary contents; to be given back. */
  take(): Uint8Array {
    this.lentCount++;
    return this.kept.pop() ?? Buffer.allocUnsafeSlow(writeBufferBytes);
  }

  /** Like {@link take}, for one who holds a buffer already; undefined if many are out. */
  takeSpare(): Uint8Array | undefined {
    return this.lentCount < this.sparesMax ? this.take() : undefined;
  }

  giveBack(buffer: Uint8Array): void {
    this.lentCount--;
    if (this.kept.length < this.keptMax) this.kept.push(buffer);
  }
}
