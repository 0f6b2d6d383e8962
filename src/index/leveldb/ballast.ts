/**
 * Room that is kept back for the index: a file that is really written. It is removed when the index needs room and no
 * other room exists. Programs that fill the disk take its room for used. It lies in LevelDB's directory, since the room
 * has to exist there; LevelDB does not touch files that it does not know.
 */
import { randomFill } from 'node:crypto';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { After } from '../../domain/timer.ts';
import { absentAsUndefined } from '../files.ts';
import { lacksRoom, troubleOf } from '../trouble.ts';
import { openingBytes } from './probe.ts';

const MiB = 1024 * 1024;
/** The number of empty files next to it: if a file system has no room for more files, an opening needs theirs. */
const spareFiles = 8;
/** The bytes in addition to those that openings need. */
const spareBytes = 4 * MiB;
/** The largest part of a file system. */
const partMax = 1 / 16;
/** The time between two looks at its size, in milliseconds. */
const lookEveryMs = 30_000;
const fillRandomly = promisify(randomFill);

interface BallastOptions {
  /** The directory of LevelDB. */
  readonly directory: string;
  /** The largest size of the file. 0: no file is made; an existing one is used up all the same. */
  readonly bytesMax: number;
  readonly after: After;
  warn(message: string): void;
}

/** See the head of this file. */
export class Ballast {
  private readonly options: BallastOptions;
  private readonly path: string;
  private working: Promise<void> = Promise.resolve();
  private cancel: (() => void) | undefined;
  private isClosed = false;

  constructor(options: BallastOptions) {
    this.options = options;
    this.path = join(options.directory, 'ballast');
  }

  /**
   * Makes the file as large as it has to be, now and from time to time. It grows only if the disk has room for it and
   * as much again.
   */
  keep(): void {
    if (this.options.bytesMax === 0 || this.isClosed) return;
    this.working = this.grow()
      .catch((error: unknown) =>
        this.options.warn(`cannot reserve disk space for the index: ${troubleOf(error)}: ${String(error)}`),
      )
      .then(() => {
        if (!this.isClosed) this.cancel = this.options.after(lookEveryMs, () => this.keep());
      });
  }

  private async grow(): Promise<void> {
    const { directory, bytesMax } = this.options;
    const { bavail, blocks, bsize } = await statfs(directory);
    const wanted = Math.min(
      bytesMax,
      Math.floor(blocks * bsize * partMax),
      2 * (await openingBytes(directory)) + spareBytes,
    );
    const has = (await stat(this.path).catch(absentAsUndefined))?.size ?? 0;
    await this.makeSpares();
    // A file that is nearly large enough is left alone.
    if (has >= wanted * 0.9 || bavail * bsize < 2 * wanted - has) return;
    await this.write(has, wanted);
  }

  private get spares(): string[] {
    return Array.from({ length: spareFiles }, (_, at) => `${this.path}-${at + 1}`);
  }

  private async makeSpares(): Promise<void> {
    try {
      for (const path of this.spares) {
        if (this.isClosed) return;
        await (await open(path, 'a', 0o600)).close();
      }
    } catch (error) {
      if (!lacksRoom(error)) throw error;
    }
  }

  private async write(from: number, to: number): Promise<void> {
    await using file = await open(this.path, 'a', 0o600);
    // Some file systems use no room for zeros.
    const block = Buffer.allocUnsafe(Math.min(MiB, to - from));
    try {
      for (let at = from; at < to && !this.isClosed; at += block.length) {
        await fillRandomly(block);
        await file.appendFile(at + block.length <= to ? block : block.subarray(0, to - at));
      }
      await file.sync();
    } catch (error) {
      // Other programs need the room.
      if (!lacksRoom(error)) throw error;
      await rm(this.path, { force: true });
    }
  }

  /** @returns true if any room was kept back. */
  async giveUp(): Promise<boolean> {
    await this.working;
    const had = (await stat(this.path).catch(absentAsUndefined))?.size ?? 0;
    const spares = await Promise.all(this.spares.map((path) => stat(path).catch(absentAsUndefined)));
    if (had === 0 && !spares.some((found) => found !== undefined)) return false;
    for (const path of [this.path, ...this.spares]) await rm(path, { force: true });
    this.options.warn(`the disk is full: the index gets ${had} bytes that were reserved for it`);
    return true;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.cancel?.();
    await this.working;
  }
}
