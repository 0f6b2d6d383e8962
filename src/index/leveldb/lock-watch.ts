/**
 * Watches whether this process still has LevelDB's locks. They are POSIX locks, which belong to the process: when any
 * part of it closes any descriptor of the locked file, the lock is dropped without a notice. Linux lists the locks
 * that are taken.
 */
import { type BigIntStats, readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type After, afterRealTime } from '../../domain/timer.ts';
import { LockLost } from '../lock-lost.ts';

interface LockWatchOptions {
  /** True: look before each batch; false: once a second. For processes that open files of their users. */
  readonly beforeBatches: boolean;
  /** Called once. */
  readonly onLost: (lost: LockLost) => void;
  /** Called with messages that matter only in the search for a fault. */
  readonly debug: (message: string) => void;
  /** Default: real time. */
  readonly after?: After;
  /** The file with the list of locks. Default `/proc/locks`. */
  readonly listPath?: string;
}

/** The time between two looks at the list, in milliseconds. */
const lockWatchMs = 1_000;
/**
 * The number of reads of the list before a lock counts as lost: a list that changes while it is read may lack a line.
 */
const readsMax = 5;

/** Watches the locks of the open databases. On systems other than Linux it watches nothing. */
export class LockWatch implements Disposable {
  private readonly options: LockWatchOptions;
  /** The locks that it watches, by the path of the lock's file. */
  private readonly watched = new Map<string, WatchedLock>();
  private cancel: (() => void) | undefined;
  private lost: LockLost | undefined;

  constructor(options: LockWatchOptions) {
    this.options = options;
  }

  get isLost(): boolean {
    return this.lost !== undefined;
  }

  /**
   * Called when the database in the directory was opened, and its lock taken. If the list does not have that lock, it
   * is not watched: some file systems and the list name one device differently.
   */
  async add(directory: string): Promise<void> {
    const path = join(directory, 'LOCK');
    try {
      const lock = { path, line: lineOf(await stat(path, { bigint: true })) };
      if ((await this.missingOf([lock])) !== undefined) throw new Error('it is not in the list');
      this.watched.set(path, lock);
      this.schedule();
    } catch (error) {
      this.options.debug(`cannot watch the lock ${path}: ${String(error)}`);
    }
  }

  /** Called when the database in the directory is about to be closed. */
  remove(directory: string): void {
    this.watched.delete(join(directory, 'LOCK'));
    if (this.watched.size === 0) this[Symbol.dispose]();
  }

  /** Must be called before each batch. @throws LockLost */
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
        if (this.watched.size > 0 && this.lost === undefined) this.schedule();
      });
    });
    this.cancel = cancel;
  }

  /** The kernel makes a reader of the list wait for milliseconds; other work runs meanwhile. */
  private async lookAside(): Promise<void> {
    // A list that cannot be read says nothing.
    this.note(await this.missingOf([...this.watched.values()]).catch(() => undefined));
  }

  private lookNow(): void {
    let missing = [...this.watched.values()];
    try {
      // Waiting for another thread would take ten times as long.
      for (let read = 0; read < readsMax && missing.length > 0; read++)
        missing = absentFrom(readFileSync(this.listPath, 'latin1'), missing);
    } catch {
      return;
    }
    this.note(missing[0]);
  }

  /** Returns the first of the files whose lock is not in the list. */
  private async missingOf(locks: readonly WatchedLock[]): Promise<WatchedLock | undefined> {
    let missing = locks;
    for (let read = 0; read < readsMax && missing.length > 0; read++)
      missing = absentFrom(await readFile(this.listPath, 'latin1'), missing);
    return missing[0];
  }

  private note(missing: WatchedLock | undefined): void {
    if (missing === undefined || this.lost !== undefined) return;
    // It may have been closed, and opened again, while the list was read.
    if (this.watched.get(missing.path) !== missing) return;
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

/** The path of a lock's file, and its line in the list. */
interface WatchedLock {
  readonly path: string;
  readonly line: string;
}

function absentFrom(list: string, locks: readonly WatchedLock[]): WatchedLock[] {
  return locks.filter(({ line }) => !list.includes(line));
}

/**
 * Returns a line such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:262147 0 EOF`, from the kind of the lock to its file.
 */
function lineOf({ dev, ino }: BigIntStats): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  return ` WRITE ${process.pid} ${hex(major)}:${hex(minor)}:${ino} `;
}
