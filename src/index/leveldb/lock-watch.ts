/**
 * Whether this process still has LevelDB's locks. They are POSIX locks, which belong to the process: when any part of it
 * closes any descriptor of the locked file, the lock is dropped and nobody is told. Linux lists the locks that are held.
 */
import { type BigIntStats, readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type After, afterRealTime } from '../../domain/timer.ts';
import { LockLost } from '../lock-lost.ts';

interface LockWatchOptions {
  /** Look before each batch; else once a second. For processes that open files of their users. */
  readonly beforeBatches: boolean;
  /** Told once. */
  readonly onLost: (lost: LockLost) => void;
  /** Told what only somebody who looks for a fault wants to know. */
  readonly debug: (message: string) => void;
  /** Default: real time. */
  readonly after?: After;
  /** Where the locks are listed. Default `/proc/locks`. */
  readonly listPath?: string;
}

/** How often the list is looked at, in milliseconds. */
const lockWatchMs = 1_000;
/** How often the list is read before a lock counts as lost: a list that changes while it is read may lack a line. */
const readsMax = 5;

/** Watches the locks of the databases that are open. Elsewhere than on Linux it watches nothing. */
export class LockWatch implements Disposable {
  private readonly options: LockWatchOptions;
  /** By the path of the lock's file. */
  private readonly held = new Map<string, Held>();
  private cancel: (() => void) | undefined;
  private lost: LockLost | undefined;

  constructor(options: LockWatchOptions) {
    this.options = options;
  }

  get isLost(): boolean {
    return this.lost !== undefined;
  }

  /**
   * The database in the directory was opened, and its lock taken. If the list does not have that lock, it is not watched:
   * some file systems and the list call one device by different names.
   */
  async add(directory: string): Promise<void> {
    const path = join(directory, 'LOCK');
    try {
      const lock = { path, line: lineOf(await stat(path, { bigint: true })) };
      if ((await this.missingOf([lock])) !== undefined) throw new Error('it is not in the list');
      this.held.set(path, lock);
      this.schedule();
    } catch (error) {
      this.options.debug(`the lock ${path} is not watched: ${String(error)}`);
    }
  }

  /** The database in the directory is about to be closed. */
  remove(directory: string): void {
    this.held.delete(join(directory, 'LOCK'));
    if (this.held.size === 0) this[Symbol.dispose]();
  }

  /** To be called before each batch. @throws LockLost */
  beforeBatch(): void {
    if (this.options.beforeBatches) this.lookNow();
    if (this.lost !== undefined) throw this.lost;
  }

  private schedule(): void {
    if (this.cancel !== undefined) return;
    const cancel = (this.options.after ?? afterRealTime)(lockWatchMs, () => {
      void this.lookAside().then(() => {
        if (this.cancel !== cancel) return;
        this.cancel = undefined;
        if (this.held.size > 0 && this.lost === undefined) this.schedule();
      });
    });
    this.cancel = cancel;
  }

  /** The kernel makes a reader of the list wait for milliseconds, in which others are served. */
  private async lookAside(): Promise<void> {
    // A list that cannot be read says nothing.
    this.note(await this.missingOf([...this.held.values()]).catch(() => undefined));
  }

  private lookNow(): void {
    let missing = [...this.held.values()];
    try {
      // Waiting for another thread would take ten times as long.
      for (let read = 0; read < readsMax && missing.length > 0; read++)
        missing = absentFrom(readFileSync(this.listPath, 'latin1'), missing);
    } catch {
      return;
    }
    this.note(missing[0]);
  }

  /** The first of the files whose lock the list does not have. */
  private async missingOf(locks: readonly Held[]): Promise<Held | undefined> {
    let missing = locks;
    for (let read = 0; read < readsMax && missing.length > 0; read++)
      missing = absentFrom(await readFile(this.listPath, 'latin1'), missing);
    return missing[0];
  }

  private note(missing: Held | undefined): void {
    if (missing === undefined || this.lost !== undefined) return;
    // It may have been closed, and opened anew, while the list was read.
    if (this.held.get(missing.path) !== missing) return;
    this.lost = new LockLost(missing.path);
    this.options.onLost(this.lost);
  }

  private get listPath(): string {
    return this.options.listPath ?? '/proc/locks';
  }

  [Symbol.dispose](): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}

/** The path of a lock's file, and how its line in the list reads. */
interface Held {
  readonly path: string;
  readonly line: string;
}

function absentFrom(list: string, locks: readonly Held[]): Held[] {
  return locks.filter(({ line }) => !list.includes(line));
}

/** As `1: POSIX  ADVISORY  WRITE 4711 fe:00:262147 0 EOF`, from the kind of the lock to its file. */
function lineOf({ dev, ino }: BigIntStats): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return ` WRITE ${process.pid} ${hex(major)}:${hex(minor)}:${ino} `;
}
