/**
 * The high-water mark: a file outside the database that names a commit known to be durable. If a database opens without
 * that commit, it has lost its tail. Nothing inside the database could show that.
 */
import { type FileHandle, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../domain/errors.ts';
import { modesBelow } from '../domain/system/file-modes.ts';
import type { After } from '../domain/timer.ts';
import { IndexDamaged } from './damage.ts';
import type { Mark } from './engine/options.ts';
import { absentAsUndefined, makePrivate, syncDirectory } from './files.ts';

/** The mark is written at most once in this time: it trails the commits by no more. */
export const markIntervalMs = 1_000;

interface MarkOptions {
  /** The path of the file; its directory is made if necessary. */
  readonly path: string;
  readonly after: After;
  /** Called if a mark could not be written. The old mark stays valid, so nothing else follows from it. */
  warn(message: string): void;
  /** Returns true if the mark must not be written any more. Default: it may always be written. */
  isFrozen?(): boolean;
  /** What is written before the number of a commit. Default: nothing. */
  readonly before?: readonly number[];
}

/** Opens the mark. Fails with {@link IndexDamaged} if the file exists and makes no sense. */
export async function openMark(options: MarkOptions): Promise<Mark> {
  const [seq = 0] = (await readMark(options.path, 1)) ?? [];
  return new MarkFile(options, seq);
}

/**
 * Returns the numbers of a mark; undefined if it does not exist. Its directory is made if necessary. Fails with
 * {@link IndexDamaged} unless it has exactly `count` numbers.
 */
export async function readMark(path: string, count: number): Promise<readonly number[] | undefined> {
  await makePrivate(dirname(path));
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Failure('STORE_UNAVAILABLE', `cannot read the high-water mark ${path}`, { cause: error });
  }
  const numbers = /^(\d{1,15}(?: \d{1,15})*)\n$/.exec(text)?.[1]?.split(' ');
  if (numbers?.length !== count) throw new IndexDamaged(`the high-water mark ${path} is damaged`);
  return numbers.map(Number);
}

/** A mark that names no commit before the first is noted, or that which the file names. */
export class MarkFile implements Mark {
  readonly seq: number;
  private readonly options: MarkOptions;
  private noted: number;
  private written: number;
  private cancel: (() => void) | undefined;
  private writing: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(options: MarkOptions, seq: number) {
    this.options = options;
    this.seq = seq;
    this.noted = seq;
    this.written = seq;
  }

  note(seq: number): void {
    this.noted = seq;
    this.arm();
  }

  private arm(): void {
    if (this.cancel !== undefined || this.closed || this.noted === this.written) return;
    this.cancel = this.options.after(markIntervalMs, () => {
      this.writing = this.write().then((written) => {
        this.cancel = undefined;
        // After a failure the next commit tries again.
        if (written) this.arm();
      });
    });
  }

  private async write(): Promise<boolean> {
    const seq = this.noted;
    if (seq === this.written) return true;
    if (this.options.isFrozen?.()) return false;
    try {
      const numbers = [...(this.options.before ?? []), seq];
      await replaceDurably(this.options.path, `${numbers.join(' ')}\n`);
      this.written = seq;
      return true;
    } catch (error) {
      this.options.warn(`cannot write the high-water mark ${this.options.path}: ${String(error)}`);
      return false;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancel?.();
    await this.writing;
    await this.write();
  }
}

/** Writes a mark that no process has open. Durable when this resolves. */
export async function replaceMark(path: string, seq: number): Promise<void> {
  await replaceDurably(path, `${seq}\n`);
}

/** The new content is in place, through power loss too, when this resolves; until then the old content is. */
export async function replaceDurably(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await giveRights(file, path);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/**
 * Gives the file the rights of the file that it will replace, but none for all users; if none exists, those that follow
 * from its directory.
 */
async function giveRights(file: FileHandle, path: string): Promise<void> {
  const before = await stat(path).catch(absentAsUndefined);
  const { file: mode, gid } = modesBelow(await stat(dirname(path)));
  if (gid !== undefined) await file.chown(-1, gid);
  await file.chmod(before === undefined ? mode : (before.mode & 0o660) | 0o600);
}
