/** File systems of a few megabytes that can be filled, emptied and made read-only. They need root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Why there can be none here; undefined if there can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return 'small file systems need Linux';
  if (process.getuid?.() !== 0) return 'small file systems need root, to be mounted';
  return undefined;
}

export class SmallDisk implements Disposable {
  readonly path: string;
  private readonly onExit = () => this[Symbol.dispose]();

  /** @param path where it is mounted; made. @param files it has room for so many. Default: as many as memory has. */
  constructor(path: string, bytes: number, files?: number) {
    mkdirSync(path, { recursive: true });
    const options = files === undefined ? `size=${bytes}` : `size=${bytes},nr_inodes=${files}`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    process.on('exit', this.onExit);
    this.path = path;
  }

  /** Leaves so many bytes free, or fewer. */
  fill(freeBytes: number): void {
    const { bavail, bsize } = JSON.parse(
      execFileSync(process.execPath, [
        '-e',
        'const s=require("fs").statfsSync(process.argv[1]);console.log(JSON.stringify({bavail:s.bavail,bsize:s.bsize}))',
        this.path,
      ]).toString(),
    ) as { bavail: number; bsize: number };
    try {
      writeFileSync(join(this.path, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
    } catch (error) {
      // Others have written meanwhile: there is less room than was asked for.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /** Makes empty files until there is room for no more. */
  fillWithFiles(): void {
    mkdirSync(join(this.path, 'files'), { recursive: true });
    for (let at = 0; ; at++) {
      try {
        writeFileSync(join(this.path, 'files', `${at}`), '');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        return;
      }
    }
  }

  /** The opposite of {@link fill}. */
  free(): void {
    rmSync(join(this.path, 'ballast'), { force: true });
  }

  /** Possible only while no file on it is open for writing. @returns whether it was. */
  makeReadOnly(): boolean {
    return spawnSync('mount', ['-o', 'remount,ro', this.path]).status === 0;
  }

  makeWritable(): void {
    execFileSync('mount', ['-o', 'remount,rw', this.path]);
  }

  [Symbol.dispose](): void {
    process.off('exit', this.onExit);
    spawnSync('umount', ['-l', this.path]);
  }
}
