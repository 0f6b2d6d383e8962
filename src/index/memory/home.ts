/** The home of an index in memory: the double for tests. */
import { Failure } from '../../domain/errors.ts';
import type { IndexDamaged } from '../damage.ts';
import type { Index } from '../door.ts';
import { commitWrite, scanNewestCommit } from '../engine/commits.ts';
import { examineRows } from '../engine/reader.ts';
import { encodeWrite } from '../engine/stored-row.ts';
import type { IndexHome, Replacement, Salvage } from '../home.ts';
import { commitRange, keys } from '../keys.ts';
import type { Entry } from '../row.ts';
import { type MemoryIndexOptions, openMemoryDatabase, openMemoryIndex } from './memory.ts';
import { MemoryRows } from './rows.ts';

/** The home of an index in this process. */
export class MemoryHome implements IndexHome {
  private readonly options: MemoryIndexOptions;
  private isReplacing = false;
  /** The rows "on disk". */
  rows: MemoryRows;

  constructor(options: MemoryIndexOptions = {}) {
    this.options = options;
    this.rows = options.rows ?? new MemoryRows();
  }

  open(onDamage: (damage: IndexDamaged) => void): Promise<Index> {
    return openMemoryIndex({ ...this.options, rows: this.rows, onDamage });
  }

  async salvage(): Promise<Salvage> {
    const database = openMemoryDatabase(this.rows);
    const newest = await scanNewestCommit(database);
    return {
      newest,
      async *rows() {
        yield* examineRows(database, { gte: Uint8Array.of(0), lt: commitRange.gte });
        yield* examineRows(database, { gte: commitRange.lt, lt: Uint8Array.of(0xff) });
      },
      [Symbol.asyncDispose]: () => database.close(),
    };
  }

  async replace(): Promise<Replacement> {
    if (this.isReplacing)
      throw new Failure('STORE_UNAVAILABLE', 'the index is being rebuilt already', {
        metadata: { lock: 'held' },
      });
    this.isReplacing = true;
    const rows = new MemoryRows();
    return {
      put: async (entries: readonly Entry[]) => {
        if (entries.some(([key]) => key[0] === keys.store.commit.code))
          throw new RangeError('rows must not contain a commit: the new index begins with one of its own');
        rows.write(entries.map(([key, value]) => encodeWrite({ type: 'put', key, value })));
      },
      adopt: async ({ seq, time }) => {
        const first = seq + 1;
        rows.write([encodeWrite(commitWrite({ seq: first, epoch: 0, time, since: first }))]);
        this.rows = rows;
      },
      [Symbol.asyncDispose]: async () => {
        this.isReplacing = false;
      },
    };
  }
}
