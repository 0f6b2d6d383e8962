/** Writes chunks of any size to the end of a new file, in system calls that are large enough to be worth their cost. */
import { type Writable, writeFully } from './files.ts';
import { type WriteBuffers, writeBufferBytes } from './write-buffers.ts';

/**
 * Chunks of at least {@link writeBufferBytes} go to the kernel as they are, and are awaited. A caller that hashes the
 * chunk between the call and the await overlaps the two without a copy. Smaller chunks are copied into a buffer. While
 * a full buffer is being written, the next one fills; the next call throws an error of that write. One call at a time;
 * after an error only `abandon` is allowed.
 */
export class FileWriter {
  private readonly file: Writable;
  private readonly buffers: WriteBuffers;
  private buffer: Uint8Array | undefined;
  private filled = 0;
  /** The write of a full buffer, in progress. It never rejects: its error goes to `error`. */
  private flight: Promise<void> | undefined;
  private error: unknown;
  private position = 0;

  constructor(file: Writable, buffers: WriteBuffers) {
    this.file = file;
    this.buffers = buffers;
  }

  /** If a system call is to be made and none is in progress, the first one is made before this returns. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.error !== undefined) throw this.error;
    if (bytes.length < writeBufferBytes) return this.gather(bytes);
    if (this.flight !== undefined) await this.landed();
    await this.writeOut(bytes);
  }

  /** Gives all bytes to the kernel. */
  async finish(): Promise<void> {
    await this.landed();
    await this.writeOut();
  }

  /** Waits for the write in progress, whatever its result, and returns the buffers. */
  async abandon(): Promise<void> {
    await this.flight;
    this.release();
  }

  private async gather(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      this.buffer ??= await this.nextBuffer();
      const part = bytes.subarray(at, at + writeBufferBytes - this.filled);
      this.buffer.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === writeBufferBytes) {
        if (this.flight !== undefined) await this.landed();
        this.launch(this.buffer);
      }
    }
  }

  /** Keeps memory constant: two buffers at most, and one if the other uploads have many. */
  private async nextBuffer(): Promise<Uint8Array> {
    if (this.flight === undefined) return this.buffers.take();
    const spare = this.buffers.takeSpare();
    if (spare !== undefined) return spare;
    await this.landed();
    return this.buffers.take();
  }

  /** Begins to write a full buffer, which is returned when the write has ended. */
  private launch(buffer: Uint8Array): void {
    this.buffer = undefined;
    this.filled = 0;
    this.flight = writeFully(this.file, [buffer], this.advance(buffer.length))
      .catch((error: unknown) => {
        this.error = error;
      })
      .finally(() => {
        this.flight = undefined;
        this.buffers.giveBack(buffer);
      });
  }

  private async landed(): Promise<void> {
    await this.flight;
    if (this.error !== undefined) throw this.error;
  }

  /** Writes the gathered bytes and then `bytes`, in one call. */
  private async writeOut(...bytes: readonly Uint8Array[]): Promise<void> {
    const gathered = this.buffer?.subarray(0, this.filled);
    const all = gathered === undefined ? bytes : [gathered, ...bytes];
    const length = all.reduce((sum, one) => sum + one.length, 0);
    await writeFully(this.file, all, this.advance(length));
    this.release();
  }

  /** Returns the position of the next write; the one after it begins `length` bytes further. */
  private advance(length: number): number {
    const position = this.position;
    this.position += length;
    return position;
  }

  private release(): void {
    if (this.buffer !== undefined) this.buffers.giveBack(this.buffer);
    this.buffer = undefined;
    this.filled = 0;
  }
}
