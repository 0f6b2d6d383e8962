/**
 * Blobs as files of a local disk, under a root directory:
 *
 *     tmp/<internal id>.<2 hex>.<upload id>      being written
 *     blobs/<internal id>/<2 hex>/<upload id>    committed
 *
 * A committed file is never written again. Nothing here is locked: one process at a time owns the root. The lock of the
 * index next to it ensures that.
 */
import { link, mkdir, open, opendir, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { markBlock } from '../domain/blocks.ts';
import { Failure } from '../domain/errors.ts';
import { type FileModes, modesBelow } from '../domain/system/file-modes.ts';
import { makeDirectories } from '../domain/system/make-directories.ts';
import { type BlobStat, type BlobStore, blockBytes, type StagedBlob } from './blob-store.ts';
import { LargeFiles } from './early-syncs.ts';
import {
  guarded,
  ioFailure,
  isFull,
  makeDirectory,
  readFully,
  syncDirectory,
  systemCode,
  unlinkIfPresent,
} from './files.ts';
import {
  blobName,
  checkByteRange,
  checkInternalId,
  checkShard,
  isSegment,
  parseBlobName,
  shards,
} from './names.ts';
import { StagedFile } from './staged-file.ts';
import { WriteBuffers } from './write-buffers.ts';

interface DiskBlobsOptions {
  /**
   * Made durably if absent, with mode 0700; the files and directories in it have the rights of {@link modesBelow}.
   * Relative paths start at the working directory.
   */
  readonly root: string;
}

/**
 * Opens a directory of blobs. Failure `STORE_UNAVAILABLE` if it cannot be used: no permission, or `tmp` and `blobs`
 * on different file systems, or a file system without hard links.
 */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<BlobStore> {
  const root = resolve(options.root);
  const directories = { staging: join(root, 'tmp'), blobs: join(root, 'blobs') };
  await guarded('opening the blob directory', async () => {
    const created = await makeDirectories({ mkdir, stat }, root);
    const modes = modesBelow(await stat(root));
    await makeDirectory(directories.staging, modes);
    await makeDirectory(directories.blobs, modes);
    await syncDirectory(root);
    if (created !== undefined) await syncParents(root, created);
  });
  await checkLinks(directories);
  const modes = await guarded('opening the blob directory', async () =>
    modesBelow(await stat(directories.blobs)),
  );
  return new DiskBlobs(directories, modes);
}

interface Directories {
  readonly staging: string;
  readonly blobs: string;
}

class DiskBlobs implements BlobStore {
  private readonly directories: Directories;
  private readonly modes: FileModes;
  private readonly buffers = new WriteBuffers();
  private readonly largeFiles = new LargeFiles();
  private readonly prepared = new Map<string, Promise<void>>();
  private readonly staged = new Set<StagedBlob>();
  private readonly reading: Reading = { files: 0, ahead: 0 };

  constructor(directories: Directories, modes: FileModes) {
    this.directories = directories;
    this.modes = modes;
  }

  get stagedCount(): number {
    return this.staged.size;
  }

  get stagedBytes(): number {
    let bytes = 0;
    for (const { bytesWritten } of this.staged) bytes += bytesWritten;
    return bytes;
  }

  async prepareNamespace(internalId: string): Promise<void> {
    checkInternalId(internalId);
    let preparing = this.prepared.get(internalId);
    if (preparing === undefined) {
      preparing = guarded('preparing a namespace', () => this.prepare(internalId));
      this.prepared.set(internalId, preparing);
      preparing.catch(() => this.prepared.delete(internalId));
    }
    await preparing;
  }

  async stage(name: string): Promise<StagedBlob> {
    const finalPath = this.path(name);
    const stagingPath = join(this.directories.staging, name.replaceAll('/', '.'));
    const staged: StagedBlob = await StagedFile.create({
      name,
      stagingPath,
      finalPath,
      mode: this.modes.file,
      buffers: this.buffers,
      largeFiles: this.largeFiles,
      onSettled: () => this.staged.delete(staged),
    });
    this.staged.add(staged);
    return staged;
  }

  read(name: string, offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkByteRange(offset, length);
    return readPieces(this.path(name), offset, offset + length, this.reading, signal);
  }

  async stat(name: string): Promise<BlobStat | undefined> {
    try {
      const { size, mtimeMs } = await stat(this.path(name));
      return { sizeBytes: size, modifyTimeMs: Math.trunc(mtimeMs) };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw ioFailure(error, 'looking for a blob');
    }
  }

  async space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    const { bsize, bavail, blocks } = await guarded('asking for free space', () =>
      statfs(this.directories.blobs),
    );
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks };
  }

  /** The removal is not made durable: no row refers to a blob that a power failure brings back. */
  async delete(name: string): Promise<void> {
    const path = this.path(name);
    await guarded('deleting a blob', () => unlinkIfPresent(path));
  }

  /** Skips files whose names do not follow the grammar: they are not blobs. */
  async *list(internalId: string, only?: string): AsyncGenerator<string> {
    checkInternalId(internalId);
    for (const shard of only === undefined ? shards : [checkShard(only)]) {
      for await (const file of files(join(this.directories.blobs, internalId, shard))) {
        if (isSegment(file)) yield `${internalId}/${shard}/${file}`;
      }
    }
  }

  /** Files in `tmp` that this store did not name are left alone and not counted. */
  async removeStale(): Promise<number> {
    if (this.staged.size > 0) throw new Error('removeStale must not run while blobs are staged');
    let removed = 0;
    for await (const file of files(this.directories.staging)) {
      if (parseBlobName(file.replaceAll('.', '/')) === undefined) continue;
      const path = join(this.directories.staging, file);
      if (await guarded('removing a stale upload', () => unlinkIfPresent(path))) removed++;
    }
    return removed;
  }

  private path(name: string): string {
    const { internalId, shard, uploadId } = blobName(name);
    return join(this.directories.blobs, internalId, shard, uploadId);
  }

  /**
   * The entries are synced even if all of them exist: an earlier process may have been killed before it synced. The
   * shards themselves are synced by each commit into them.
   */
  private async prepare(internalId: string): Promise<void> {
    const directory = join(this.directories.blobs, internalId);
    await makeDirectory(directory, this.modes);
    const present = new Set(await readdir(directory));
    const absent = shards.filter((shard) => !present.has(shard));
    await Promise.all(absent.map((shard) => makeDirectory(join(directory, shard), this.modes)));
    await syncDirectory(directory);
    await syncDirectory(this.directories.blobs);
  }
}

/**
 * The readings of a store: the number of files that are being read, and of pieces that have been read ahead, or are
 * being read ahead.
 */
interface Reading {
  files: number;
  ahead: number;
}

/**
 * Up to this many readers may each have the next piece, which is faster. With more readers, such pieces would wait in
 * memory as long as their readers do.
 */
const readersAtEaseMax = 16;

/**
 * Reads the next piece while the consumer has one, if few pieces are read ahead. The file is closed however the
 * consumer ends. The consumer may free the pieces.
 */
async function* readPieces(
  path: string,
  offset: number,
  end: number,
  reading: Reading,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch(async (error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? await absence(path, error) : ioFailure(error, 'opening a blob');
  });
  const readNext = (position: number) => {
    const piece = readFully(file, position, Math.min(blockBytes, end - position));
    piece.catch(() => {}); // reported when it is awaited; a consumer that stops does not await it
    return piece;
  };
  let next: Promise<Uint8Array> | undefined;
  reading.files++;
  try {
    for (let position = offset; position < end; ) {
      const isAhead = next !== undefined;
      const piece = await guarded('reading a blob', () => next ?? readNext(position)).finally(() => {
        if (isAhead) reading.ahead--;
        next = undefined;
      });
      signal?.throwIfAborted();
      if (piece.length === 0) return;
      position += piece.length;
      if (position < end && reading.ahead < readersAtEaseMax) {
        reading.ahead++;
        next = readNext(position);
      }
      markBlock(piece);
      yield piece;
    }
  } finally {
    reading.files--;
    if (next !== undefined) reading.ahead--;
    await next?.catch(() => {});
    await file.close();
  }
}

/**
 * Returns the failure for a file that does not exist. All directories of a namespace are made with it: if one is
 * absent, so is the disk.
 */
async function absence(path: string, cause: unknown): Promise<Failure> {
  const isDirectoryThere = await stat(dirname(path)).then(
    () => true,
    () => false,
  );
  if (isDirectoryThere) return new Failure('DATA_LOSS', 'the stored bytes are missing', { cause });
  const message = 'the directory of the stored bytes is missing; is the disk mounted?';
  return new Failure('STORE_UNAVAILABLE', message, { cause });
}

/** Yields the names of the regular files in a directory; none if the directory does not exist. */
async function* files(path: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(path, { bufferSize: 512 })) {
      if (entry.isFile()) yield entry.name;
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioFailure(error, 'listing blobs');
  }
}

/** Makes the entries of `path` and of the directories above it durable, up to the topmost one that was `created`. */
async function syncParents(path: string, created: string): Promise<void> {
  await syncDirectory(dirname(path));
  if (path !== created && dirname(path) !== path) await syncParents(dirname(path), created);
}

/**
 * Links a file from one directory into the other, as a commit will do. A comparison of device numbers would not be
 * enough: link also fails between two mounts of one device. A disk that refuses writes does not prevent the start.
 */
async function checkLinks({ staging, blobs }: Directories): Promise<void> {
  const from = join(staging, '.probe');
  const to = join(blobs, '.probe');
  const clear = async () => {
    await unlinkIfPresent(from);
    await unlinkIfPresent(to);
  };
  try {
    await clear();
    await (await open(from, 'wx', 0o600)).close();
    await link(from, to);
    await clear();
  } catch (error) {
    await clear().catch(() => {}); // the next opening clears first
    if (isFull(error) || ['EROFS', 'EIO'].includes(systemCode(error) ?? '')) return;
    const message =
      systemCode(error) === 'EXDEV'
        ? `${staging} and ${blobs} must be on one file system, in one mount`
        : `cannot link files from ${staging} into ${blobs}`;
    throw new Failure('STORE_UNAVAILABLE', message, { cause: error });
  }
}
