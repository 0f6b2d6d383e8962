/** Wraps a real database so that a test decides when a batch reaches it and what becomes of it. */
import { Buffer } from 'node:buffer';
import type { Database, DatabaseReader, DatabaseSnapshot } from '../../src/index/engine/database.ts';
import { underWay } from './under-way.ts';

/** What happens instead of a batch. `apply` writes it to the database. */
type Fault = (apply: () => Promise<void>, database: Database) => Promise<void>;

/** The batch is not written and fails. */
export const unwritten: Fault = async () => {
  throw new Error('injected: the batch was not written');
};

/** The batch is written and fails all the same. */
export const written: Fault = async (apply) => {
  await apply();
  throw new Error('injected: the batch was written');
};

export class Faults {
  /** The open database, beneath everything that the index does. */
  database!: Database;
  /** Batches that the index has begun. */
  batches = 0;
  /** Look-ups of several rows that the index has made. */
  reads = 0;
  /** Iterators and snapshots that the index has opened and not closed. */
  openResources = 0;
  /** Iterators fail with this as soon as they come to a key that is not below `from`. */
  unreadable: { readonly from: Uint8Array; readonly error: Error } | undefined;
  private readonly planned: Fault[] = [];
  private openingsToFail = 0;
  private probesToFail: Error[] = [];
  private isDead = false;
  private gate: PromiseWithResolvers<void> | undefined;
  private arrival: PromiseWithResolvers<void> | undefined;
  private readGate: PromiseWithResolvers<void> | undefined;
  private readArrival: PromiseWithResolvers<void> | undefined;

  /** The coming batches, one each. */
  plan(...faults: Fault[]): void {
    this.planned.push(...faults);
  }

  /** The next `count` attempts to open the database fail. */
  failOpening(count: number): void {
    this.openingsToFail = count;
  }

  /** The next probes of the disk fail with these errors, one each. */
  failProbes(...errors: Error[]): void {
    this.probesToFail = errors;
  }

  /** What the index is told of the disk. */
  readonly probe = async (): Promise<void> => {
    const error = this.probesToFail.shift();
    if (error !== undefined) throw error;
  };

  /** From now on batches wait. Resolves when one does. */
  stall(): Promise<void> {
    this.gate ??= Promise.withResolvers();
    this.arrival = Promise.withResolvers();
    return this.arrival.promise;
  }

  release(): void {
    this.gate?.resolve();
    this.gate = undefined;
  }

  /** Lets the batch that waits go on, and the next one wait. Resolves when that one does. */
  releaseOne(): Promise<void> {
    this.release();
    return this.stall();
  }

  /** From now on look-ups of several rows have what they found, and wait with it. Resolves when one does. */
  stallReads(): Promise<void> {
    this.readGate ??= Promise.withResolvers();
    this.readArrival = Promise.withResolvers();
    return this.readArrival.promise;
  }

  releaseReads(): void {
    this.readGate?.resolve();
    this.readGate = undefined;
  }

  /** Nothing reaches the database any more, as when the process is killed. */
  kill(): void {
    this.isDead = true;
    this.release();
    this.releaseReads();
  }

  async open(openDatabase: () => Promise<Database>): Promise<Database> {
    if (this.isDead || this.openingsToFail > 0) {
      this.openingsToFail--;
      throw new Error('injected: the database cannot be opened');
    }
    const database = await underWay(openDatabase());
    this.database = database;
    return {
      ...database,
      ...this.counted(database),
      snapshot: () => {
        const snapshot = database.snapshot();
        const counted = (taken: DatabaseSnapshot) => ({
          ...taken,
          ...this.counted(taken),
          getMany: (keys: readonly Uint8Array[]) => underWay(taken.getMany(keys)),
          close: this.closing(() => taken.close()),
        });
        return snapshot instanceof Promise ? underWay(snapshot).then(counted) : counted(snapshot);
      },
      getMany: async (keys) => {
        this.reads++;
        const found = await underWay(database.getMany(keys));
        if (this.readGate !== undefined) {
          this.readArrival?.resolve();
          await this.readGate.promise;
        }
        return found;
      },
      batch: (writes) => this.batch(database, () => underWay(database.batch(writes))),
      close: () => underWay(database.close()),
    };
  }

  private counted(reader: DatabaseReader): Pick<DatabaseReader, 'iterator'> {
    return {
      iterator: (range) => {
        const iterator = reader.iterator(range);
        return {
          nextv: async (size) => this.readable(await underWay(iterator.nextv(size))),
          close: this.closing(() => iterator.close()),
        };
      },
    };
  }

  private readable(block: [Uint8Array, Uint8Array][]): [Uint8Array, Uint8Array][] {
    const { unreadable } = this;
    if (unreadable !== undefined && block.some(([key]) => Buffer.compare(key, unreadable.from) >= 0))
      throw unreadable.error;
    return block;
  }

  /** Counts a resource until it is closed for the first time. */
  private closing(close: () => Promise<void>): () => Promise<void> {
    let isOpen = true;
    this.openResources++;
    return () => {
      if (isOpen) this.openResources--;
      isOpen = false;
      return close();
    };
  }

  private async batch(database: Database, apply: () => Promise<void>): Promise<void> {
    this.batches++;
    if (this.gate !== undefined) {
      this.arrival?.resolve();
      await this.gate.promise;
    }
    if (this.isDead) throw new Error('injected: the process was killed');
    const fault = this.planned.shift();
    await (fault === undefined ? apply() : fault(apply, database));
  }
}
