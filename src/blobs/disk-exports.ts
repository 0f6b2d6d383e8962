/** Exports of the index, and its segments, as files in a directory. */
import { randomBytes } from 'node:crypto';
import { access, constants, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../domain/errors.ts';
import { makeDirectories } from '../domain/system/make-directories.ts';
import {
  type ExportFile,
  type ExportFiles,
  exportPrefix,
  isExportName,
  isSegmentName,
  segmentPrefix,
} from './export-files.ts';
import {
  guarded,
  ioFailure,
  readFully,
  syncDirectory,
  systemCode,
  unlinkIfPresent,
  writeFully,
} from './files.ts';

/**
 * Returns the files in `<root>/exports`. The directory is made when the first file is written; only its owner can open
 * it.
 *
 * @param root absolute.
 */
export function diskExports(root: string): ExportFiles {
  return new DiskExports(join(root, exportPrefix), isExportName);
}

/** Returns the files in `<root>/segments`, in the same way. */
export function diskSegments(root: string): ExportFiles {
  return new DiskExports(join(root, segmentPrefix), isSegmentName);
}

class DiskExports implements ExportFiles {
  private readonly directory: string;
  private readonly isName: (name: string) => boolean;
  private isPrepared = false;

  constructor(directory: string, isName: (name: string) => boolean) {
    this.directory = directory;
    this.isName = isName;
  }

  async list(): Promise<readonly ExportFile[]> {
    return await guarded('listing exports', async () => {
      const files: ExportFile[] = [];
      for (const name of (await this.names()).filter(this.isName).sort()) {
        const found = await stat(join(this.directory, name)).catch(ifAbsent);
        if (found?.isFile()) files.push({ name, sizeBytes: found.size });
      }
      return files;
    });
  }

  private async names(): Promise<string[]> {
    return (await readdir(this.directory).catch(ifAbsent)) ?? [];
  }

  async read(name: string, offset: number, length: number): Promise<Uint8Array> {
    return await guarded('reading an export', async () => {
      await using file = await open(join(this.directory, name), 'r');
      return await readFully(file, offset, length);
    });
  }

  async write(
    name: string,
    owner: string,
    bytes: AsyncIterable<Uint8Array>,
    onWritten?: () => void | Promise<void>,
  ): Promise<number> {
    const path = join(this.directory, name);
    // Of this writing alone: another process, or a try that has failed here, may write under the same name.
    const partial = join(this.directory, `.${name}.${randomBytes(6).toString('hex')}${suffix(owner)}`);
    try {
      await this.prepare();
      const size = await writeDurably(partial, bytes);
      await onWritten?.();
      await this.publish(partial, path);
      return size;
    } catch (error) {
      this.isPrepared = false; // the next write may find another disk there
      await rm(partial, { force: true }).catch(() => undefined); // the next write removes it
      throw ioFailure(error, 'writing an export');
    }
  }

  /** Gives a file its name, unless another file has it: also one that another process has just made. */
  private async publish(partial: string, path: string): Promise<void> {
    const isTaken = await link(partial, path).then(
      () => false,
      async (error: unknown) => {
        if (systemCode(error) === 'EEXIST') return true;
        if (!withoutLinks.has(systemCode(error) ?? '')) throw error;
        if ((await stat(path).catch(ifAbsent)) !== undefined) return true;
        await rename(partial, path);
        return false;
      },
    );
    // The entry of a file that has the name must be durable too: it may be ours, from a try that failed here.
    await syncDirectory(this.directory);
    if (isTaken) throw new Failure('STORE_UNAVAILABLE', 'an export has that name already');
    await rm(partial, { force: true }).catch(() => undefined); // the next write removes it
  }

  /**
   * Makes the directory, and its entries durable: files that are written below them later must not vanish with them.
   * The entry of the directory itself is synced even if the directory exists: an earlier process may have been killed
   * before it synced.
   */
  private async prepare(): Promise<void> {
    if (this.isPrepared) return;
    const { directory } = this;
    const created = (await makeDirectories({ mkdir, stat }, directory)) ?? directory;
    for (let path = directory; path.length >= created.length; path = dirname(path))
      await syncDirectory(dirname(path));
    this.isPrepared = true;
  }

  /** The removal is not made durable: a file that comes back is removed again. */
  async remove(name: string): Promise<void> {
    await guarded('removing an export', () => unlinkIfPresent(join(this.directory, name)));
  }

  async removeStale(owner: string): Promise<number> {
    return await guarded('removing a stale export', async () => {
      const stale = (await this.names()).filter(
        (name) => name.startsWith('.') && name.endsWith(suffix(owner)),
      );
      for (const name of stale) await unlinkIfPresent(join(this.directory, name));
      return stale.length;
    });
  }
}

/** The errors of file systems that have no links. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

function suffix(owner: string): string {
  return `.${owner}.part`;
}

async function writeDurably(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'wx', 0o600);
  let size = 0;
  for await (const piece of bytes) {
    await writeFully(file, [piece], size);
    size += piece.length;
  }
  await file.sync();
  return size;
}

function ifAbsent(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error;
}

/**
 * Returns warnings about the place of the exports, for an operator.
 *
 * @param root absolute. @param dataDir absolute. Neither needs to exist yet.
 */
export async function exportWarnings(root: string, dataDir: string): Promise<string[]> {
  try {
    const exports = await existing(join(root, exportPrefix));
    await access(exports.path, constants.W_OK | constants.X_OK);
    return exports.device === (await existing(dataDir)).device
      ? ['--export-dir: the exports are on the same file system as the data: one fault can destroy both']
      : [];
  } catch (error) {
    return [`--export-dir: ${root} cannot be used, so nothing is exported: ${String(error)}`];
  }
}

/** Returns the directory, or the existing one above it in which it will be made. */
async function existing(path: string): Promise<{ readonly path: string; readonly device: number }> {
  const found = await stat(path).catch(ifAbsent);
  return found === undefined ? await existing(dirname(path)) : { path, device: found.dev };
}
