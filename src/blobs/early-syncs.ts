/**
 * Gives the bytes of large files to the disk while more of them arrive. So the sync before a file is published has little
 * left to wait for, and the syncs of other files, which a file system may put behind it, wait less too.
 *
 * One file at a time is synced: a sync takes a thread of the pool for as long as the disk needs.
 */

/** After this number of bytes, a file may be synced again. */
export const earlySyncBytes = 8 * 1024 * 1024;

/** The part of a file that this uses; a FileHandle has it. */
interface Syncable {
  datasync(): Promise<void>;
}

/** The early syncs of one store. */
export class EarlySyncs {
  /** Whether a file is being synced. */
  isBusy = false;
}

/**
 * The early syncs of one file. The system tells an error of the disk once for each opening of a file, so that the sync
 * at the end may succeed although bytes are lost: an error of an early one is an error of the file.
 */
export class EarlySync {
  private readonly file: Syncable;
  private readonly all: EarlySyncs;
  private bytes = 0;
  /** The sync in progress. It never rejects: its error goes to `failure`. */
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(file: Syncable, all: EarlySyncs) {
    this.file = file;
    this.all = all;
  }

  /** Called when this number of further bytes was written. @throws the error of an earlier sync. */
  written(bytes: number): void {
    this.check();
    this.bytes += bytes;
    if (this.bytes < earlySyncBytes || this.all.isBusy) return;
    this.bytes = 0;
    this.running = this.sync();
  }

  /** Waits for the sync in progress. @throws its error, or that of an earlier one. */
  async finish(): Promise<void> {
    await this.running;
    this.check();
  }

  /** Waits for the sync in progress, whatever its result. */
  async abandon(): Promise<void> {
    await this.running;
  }

  private async sync(): Promise<void> {
    this.all.isBusy = true;
    try {
      await this.file.datasync();
    } catch (error) {
      this.failure = { error };
    } finally {
      this.all.isBusy = false;
      this.running = undefined;
    }
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}
