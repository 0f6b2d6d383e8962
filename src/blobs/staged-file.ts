/** One blob on its way to disk: written under a staging name, then published under its final one. */
import { constants } from 'node:fs';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../domain/errors.ts';
import type { StagedBlob } from './blob-store.ts';
import { EarlySync, type LargeFiles } from './early-syncs.ts';
import { FileWriter } from './file-writer.ts';
import { ioFailure, syncDirectory, systemCode, unlinkIfPresent } from './files.ts';
import type { WriteBuffers } from './write-buffers.ts';

interface StagedFileOptions {
  readonly name: string;
  readonly stagingPath: string;
  readonly finalPath: string;
  /** The mode of the file, whatever the umask. */
  readonly mode: number;
  readonly buffers: WriteBuffers;
  readonly largeFiles: LargeFiles;
  /** Called once, when the blob is committed or discarded. */
  readonly onSettled: () => unknown;
}

/** A blob that is being written. It exists under its name when `commit` has resolved, and never in part. */
export class StagedFile implements StagedBlob {
  private readonly options: StagedFileOptions;
  private readonly file: FileHandle;
  private readonly writer: FileWriter;
  private readonly earlySync: EarlySync;
  private state: 'open' | 'failed' | 'committed' | 'discarded' = 'open';
  private fileOpen = true;
  private published = false;
  private written = 0;
  /** The `write` or `commit` in progress. It never rejects. */
  private running: Promise<void> | undefined;
  private discarding: Promise<void> | undefined;

  private constructor(options: StagedFileOptions, file: FileHandle) {
    this.options = options;
    this.file = file;
    this.writer = new FileWriter(file, options.buffers);
    this.earlySync = new EarlySync(file, options.largeFiles);
  }

  /** Failure `INTERNAL` if a blob of this name is already being staged. */
  static async create(options: StagedFileOptions): Promise<StagedFile> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    try {
      const file = await open(options.stagingPath, flags, 0o600);
      if (options.mode !== 0o600) await file.chmod(options.mode);
      return new StagedFile(options, file);
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? nameTaken(error) : ioFailure(error, 'beginning an upload');
    }
  }

  get name(): string {
    return this.options.name;
  }

  get bytesWritten(): number {
    return this.written;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.run('writing', async () => {
      await this.writer.write(bytes);
      this.written += bytes.length;
      this.earlySync.written(bytes.length);
    });
  }

  async commit(): Promise<undefined> {
    await this.run('committing', async () => {
      await this.writer.finish();
      await this.earlySync.finish();
      await this.file.sync();
      await this.closeFile();
      await this.publish();
      this.state = 'committed';
      this.options.onSettled();
    });
  }

  discard(): Promise<void> {
    this.discarding ??= this.removeTraces().catch((error: unknown) => {
      this.discarding = undefined; // it may be tried again
      throw ioFailure(error, 'discarding');
    });
    return this.discarding;
  }

  /**
   * Discards. Throws nothing, since that would hide the error that ended the scope: a file that cannot be removed now
   * is removed at the next start.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard().catch(() => {});
  }

  /** Runs one call at a time, and none after a failure. The first step of `operation` runs before this returns. */
  private run(doing: string, operation: () => Promise<void>): Promise<void> {
    if (this.state !== 'open' || this.discarding !== undefined) {
      return Promise.reject(new Error(`${doing}: the blob is ${this.state} or being discarded`));
    }
    if (this.running !== undefined) {
      return Promise.reject(new Error(`${doing}: the call before was not awaited`));
    }
    const result = operation()
      .catch((error: unknown) => {
        this.state = 'failed';
        throw ioFailure(error, doing);
      })
      .finally(() => {
        this.running = undefined;
      });
    this.running = result.catch(() => {});
    return result;
  }

  /**
   * link(2) fails if the name exists; rename(2) does not. So the kernel ensures that a name is written once, and not a
   * look before the write. The bytes are durable before the name appears; the name is durable when its directory is
   * synced. The removal of the staging name need not be durable: a name that comes back is stale.
   */
  private async publish(): Promise<void> {
    const { stagingPath, finalPath } = this.options;
    try {
      await link(stagingPath, finalPath);
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? nameTaken(error) : error;
    }
    this.published = true;
    await unlink(stagingPath);
    await syncDirectory(dirname(finalPath));
  }

  /** Removes also a name that was published by a commit that then failed: that commit was never reported as done. */
  private async removeTraces(): Promise<void> {
    await this.running;
    if (this.state === 'committed' || this.state === 'discarded') return;
    await this.writer.abandon();
    await this.earlySync.abandon();
    await this.closeFile();
    await unlinkIfPresent(this.options.stagingPath);
    if (this.published) await unlinkIfPresent(this.options.finalPath);
    this.state = 'discarded';
    this.options.onSettled();
  }

  private async closeFile(): Promise<void> {
    if (!this.fileOpen) return;
    this.fileOpen = false; // a close that fails has closed, too
    await this.file.close();
  }
}

function nameTaken(cause: unknown): Failure {
  return new Failure('INTERNAL', 'the physical name of an upload exists already', { cause });
}
