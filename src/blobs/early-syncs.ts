/**
 * Gives the bytes of a large file to the disk while more of them arrive, so that the sync before it is published has
 * little left to wait for. That is worth it for one large file at a time: the disk is not idle while several are written,
 * and a sync takes a thread of the pool for as long as the disk needs.
 */

/** A file of this size, in bytes, is large. After as many bytes it is synced again. */
export const earlySyncBytes = 8 * 1024 * 1024;

/** The part of a file that this uses; a FileHandle has it. */
interface Syncable {
  datasync(): Promise<void>;
}

/** The large files of one store that are being written. */
export class LargeFiles {
  private readonly files = new Set<EarlySync>();

  get count(): number {
    return this.files.size;
  }

  /** Idempotent, as {@link remove} is. */
  add(file: EarlySync): void {
    this.files.add(file);
  }

  remove(file: EarlySync): void {
    this.files.delete(file);
  }
}

/**
 * The early syncs of one file. The system tells an error of the disk once for each opening of a file, so that the sync
 * at the end may succeed although bytes are lost: an error of an early one is an error of the file.
 */
export class EarlySync {
  private readonly file: Syncable;
  private readonly large: LargeFiles;
  private bytes = 0;
  /** The sync in progress. It never rejects: its error goes to `failure`. */
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(file: Syncable, large: LargeFiles) {
    this.file = file;
    this.large = large;
  }

  /** Called when this number of further bytes was written. @throws the error of an earlier sync. */
  written(bytes: number): void {
    this.check();
    this.bytes += bytes;
    if (this.bytes < earlySyncBytes || this.running !== undefined) return;
    this.large.add(this);
    if (this.large.count > 1) return;
    this.bytes = 0;
    this.running = this.sync();
  }

  /** Ends the syncs. Waits for the one in progress. @throws its error, or that of an earlier one. */
  async finish(): Promise<void> {
    await this.abandon();
    this.check();
  }

  /** Ends the syncs. Waits for the one in progress, whatever its result. */
  async abandon(): Promise<void> {
    await this.running;
    this.large.remove(this);
  }

  private async sync(): Promise<void> {
    try {
      await this.file.datasync();
    } catch (error) {
      this.failure = { error };
    } finally {
      this.running = undefined;
    }
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}
