/**
 * The home of an index on LevelDB. While an index is rebuilt, a directory exists next to it:
 *
 *   <directory>.rebuild/
 *   ├── lock/       the process that has it rebuilds. LevelDB cannot lock an index that it cannot open
 *   ├── salvage-N/  tables and logs of the damaged index, linked, for LevelDB to repair
 *   ├── new/        the replacement
 *   ├── complete    the replacement is whole and on the disk: the next opening must finish the exchange
 *   └── old/        the index that was replaced
 */
import { Buffer } from 'node:buffer';
import { chmod, chown, link, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../domain/errors.ts';
import type { IndexDamaged } from '../damage.ts';
import type { Examined, Index } from '../door.ts';
import { commitWrite, scanNewestCommit } from '../engine/commits.ts';
import type { Database } from '../engine/database.ts';
import { examineRows } from '../engine/reader.ts';
import { encodeWrite } from '../engine/stored-row.ts';
import { absentAsUndefined, exists, makePrivate, syncDirectory } from '../files.ts';
import type { IndexHome, Replacement, Salvage } from '../home.ts';
import { commitRange, keys } from '../keys.ts';
import { replaceMark } from '../mark.ts';
import type { CommitRecord } from '../records.ts';
import type { Entry } from '../row.ts';
import { type LevelIndexOptions, openLevelDatabase, openLevelIndex, repairFiles } from './leveldb.ts';
import { takeLock } from './lock.ts';

interface LevelHomeOptions extends Omit<LevelIndexOptions, 'onDamage'> {
  /** Called before the index is opened, and after an exchange was finished. Its errors are thrown. Default: nothing. */
  readonly beforeOpening?: (() => Promise<void>) | undefined;
}

const beforeCommits = { gte: Uint8Array.of(0), lt: commitRange.gte };
const afterCommits = { gte: commitRange.lt, lt: Uint8Array.of(0xff) };

/** The home of an index in a directory. */
export class LevelHome implements IndexHome {
  private readonly options: LevelHomeOptions;
  private readonly rebuild: string;
  private lock: AsyncDisposable | undefined;
  private users = 0;
  /** Taking the lock waits for its release, and the reverse: both are several steps on one directory. */
  private turn: Promise<unknown> = Promise.resolve();
  private salvages = 0;
  private isReplacing = false;

  constructor(options: LevelHomeOptions) {
    this.options = options;
    this.rebuild = `${options.directory}.rebuild`;
  }

  async open(onDamage: (damage: IndexDamaged) => void): Promise<Index> {
    if (await exists(this.rebuild)) {
      await this.acquire();
      try {
        await this.finishRebuild();
      } finally {
        await this.release();
      }
    }
    await this.options.beforeOpening?.();
    return await openLevelIndex({ ...this.options, onDamage });
  }

  /** Finishes an exchange, and removes the remains of an unfinished one. */
  private async finishRebuild(): Promise<void> {
    const { directory } = this.options;
    const replacement = join(this.rebuild, 'new');
    if ((await exists(join(this.rebuild, 'complete'))) && (await exists(replacement))) {
      const old = join(this.rebuild, 'old');
      if (await exists(directory)) {
        await rm(old, { recursive: true, force: true });
        // Users who could open the old index can open the new one.
        const { mode, gid } = await stat(directory);
        await chown(replacement, -1, gid);
        await chmod(replacement, mode & 0o7777);
        await rename(directory, old);
        await syncDirectory(dirname(directory));
        await syncDirectory(this.rebuild);
      }
      await rename(replacement, directory);
      await syncDirectory(dirname(directory));
      await syncDirectory(this.rebuild);
    }
    for (const name of await readdir(this.rebuild))
      if (name !== 'lock' && !(name.startsWith('salvage-') && this.users > 1))
        await rm(join(this.rebuild, name), { recursive: true, force: true });
  }

  /** Must be released as often as it was acquired. Fails if another process rebuilds. */
  private acquire(): Promise<void> {
    return this.inTurn(async () => {
      if (this.users === 0) {
        await makePrivate(this.rebuild);
        this.lock = await takeLock(join(this.rebuild, 'lock'));
      }
      this.users++;
    });
  }

  private release(): Promise<void> {
    return this.inTurn(async () => {
      if (--this.users > 0) return;
      await this.lock?.[Symbol.asyncDispose]();
      this.lock = undefined;
      // The next opening of the index finishes an exchange that began.
      if (!(await exists(join(this.rebuild, 'complete'))))
        await rm(this.rebuild, { recursive: true, force: true });
    });
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  async salvage(): Promise<Salvage> {
    await this.acquire();
    try {
      // Several salvages may be read at once.
      const copy = join(this.rebuild, `salvage-${++this.salvages}`);
      return await LevelSalvage.open(this.options.directory, copy, () => this.release());
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  async replace(): Promise<Replacement> {
    if (this.isReplacing) throw alreadyBegun();
    await this.acquire();
    this.isReplacing = true;
    const end = async () => {
      this.isReplacing = false;
      await this.release();
    };
    try {
      const database = await openLevelDatabase(join(this.rebuild, 'new'), this.options);
      return new LevelReplacement(database, {
        adopt: async () => {
          await writeFile(join(this.rebuild, 'complete'), '', { flush: true });
          await syncDirectory(this.rebuild);
          await syncDirectory(dirname(this.rebuild));
          await this.finishRebuild();
        },
        mark: (seq) => replaceMark(this.options.markPath, seq),
        end,
      });
    } catch (error) {
      await end();
      throw error;
    }
  }
}

function alreadyBegun(): Failure {
  return new Failure('STORE_UNAVAILABLE', 'the index is being rebuilt already', {
    metadata: { lock: 'held' },
  });
}

/**
 * Reads the damaged index itself as long as that works: LevelDB's repair forgets which of two tables was current, so
 * rows that were removed may exist again. If a block cannot be read, the repaired copy continues.
 */
class LevelSalvage implements Salvage {
  private readonly directory: string;
  private readonly copy: string;
  private readonly end: () => Promise<void>;
  private database: Database;
  private isRepaired: boolean;
  readonly newest: CommitRecord;

  private constructor(parts: {
    directory: string;
    copy: string;
    end: () => Promise<void>;
    database: Database;
    isRepaired: boolean;
    newest: CommitRecord;
  }) {
    this.directory = parts.directory;
    this.copy = parts.copy;
    this.end = parts.end;
    this.database = parts.database;
    this.isRepaired = parts.isRepaired;
    this.newest = parts.newest;
  }

  /** @param copy the place of a repaired copy, if one is necessary. @param end called when this is disposed. */
  static async open(directory: string, copy: string, end: () => Promise<void>): Promise<LevelSalvage> {
    await rm(copy, { recursive: true, force: true });
    // If CURRENT is missing, LevelDB would make a new database and remove the tables.
    const asItIs = (await exists(join(directory, 'CURRENT')))
      ? await openLevelDatabase(directory).catch(ifDamagedUndefined)
      : undefined;
    const database = asItIs ?? (await openRepaired(directory, copy));
    const newest = await scanNewestCommit(database);
    return new LevelSalvage({ directory, copy, end, database, isRepaired: asItIs === undefined, newest });
  }

  async *rows(): AsyncGenerator<readonly Examined[]> {
    for (const range of [beforeCommits, afterCommits]) {
      let from = range.gte;
      for (;;) {
        let stuck: Examined | undefined;
        for await (const block of examineRows(this.database, { gte: from, lt: range.lt })) {
          stuck = block.find((row) => row.kind === 'unreadable');
          if (stuck === undefined) yield block;
        }
        if (stuck === undefined) break;
        if (this.isRepaired) {
          yield [stuck];
          break;
        }
        await this.database.close();
        this.database = await openRepaired(this.directory, this.copy);
        this.isRepaired = true;
        from = Buffer.concat([stuck.key, Buffer.of(0)]);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
    await rm(this.copy, { recursive: true, force: true });
    await this.end();
  }
}

function ifDamagedUndefined(error: unknown): undefined {
  if (error instanceof Failure && error.metadata.lock === 'held') throw error;
}

/**
 * Opens a copy of the files of an index as LevelDB's repair can restore them; the files themselves stay as they are.
 */
async function openRepaired(directory: string, copy: string): Promise<Database> {
  await makePrivate(copy);
  const names = await readdir(directory).catch(absentAsUndefined);
  for (const name of names ?? [])
    if (name.endsWith('.ldb') || name.endsWith('.log')) await link(join(directory, name), join(copy, name));
  await repairFiles(copy);
  return await openLevelDatabase(copy);
}

interface ReplacementParts {
  adopt(): Promise<void>;
  mark(seq: number): Promise<void>;
  end(): Promise<void>;
}

class LevelReplacement implements Replacement {
  private readonly database: Database;
  private readonly parts: ReplacementParts;

  constructor(database: Database, parts: ReplacementParts) {
    this.database = database;
    this.parts = parts;
  }

  async put(rows: readonly Entry[]): Promise<void> {
    if (rows.some(([key]) => key[0] === keys.store.commit.code))
      throw new RangeError('rows must not contain a commit: the new index begins with one of its own');
    await this.database.batch(rows.map(([key, value]) => encodeWrite({ type: 'put', key, value })));
  }

  async adopt({ seq, time }: Pick<CommitRecord, 'seq' | 'time'>): Promise<void> {
    const first = seq + 1;
    await this.database.batch([encodeWrite(commitWrite({ seq: first, epoch: 0, time, since: first }))]);
    await this.database.close();
    await this.parts.adopt();
    // The old mark is below the first commit; but perhaps the mark was damaged.
    await this.parts.mark(first);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database.close();
    await this.parts.end();
  }
}
