/**
 * Several processes over one index and one blob store, in this process. Each has its own view of the index, whose owners
 * come from one table: a namespace is owned by one of them at a time, and moves when the test says so. The table does
 * what the owners of a real index do: a transaction about a namespace that another process owns does nothing and fails.
 */
import { onTestFinished } from 'vitest';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import type { Index, Transaction } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { here, notOwner, type Owners } from '../../src/index/owners.ts';
import type { Store, StoreOptions } from '../../src/store/open.ts';
import { openCheckedStore } from './row-owners.ts';
import { startOfTime } from './service.ts';
import { TestTimers } from './timers.ts';

/** Which process owns which namespace. */
class OwnerTable {
  private readonly owners = new Map<string, string>();
  private readonly listeners = new Map<string, ((ns: string) => void)[]>();
  private readonly underWay = new Map<string, Set<Promise<unknown>>>();

  /** The owner of a namespace; the process that asks first takes it. */
  ownerOf(ns: string, asking: string): string {
    const owner = this.owners.get(ns);
    if (owner !== undefined) return owner;
    this.give(ns, asking);
    return asking;
  }

  /** Moves a namespace when the transactions of its owner have ended, as a clean hand-over does. */
  async move(ns: string, to: string): Promise<void> {
    this.owners.set(ns, 'nobody');
    await Promise.allSettled(this.underWay.get(ns) ?? []);
    this.give(ns, to);
  }

  /** Leaves a namespace without an owner, as a process does that is killed. Who asks for it first takes it. */
  abandon(ns: string): void {
    this.owners.delete(ns);
  }

  viewOf(process: string): Owners {
    return {
      ownerOf: async (ns) => {
        const owner = this.ownerOf(ns, process);
        return owner === process ? here : { isHere: false, address: `${owner}:1` };
      },
      forget: () => undefined,
      serve: async () => undefined,
      leave: async () => undefined,
      onTaken: (listener) =>
        void this.listeners.set(process, [...(this.listeners.get(process) ?? []), listener]),
    };
  }

  async transact<T>(index: Index, process: string, transaction: Transaction<T>): Promise<T> {
    const { ns } = transaction;
    const owner = this.ownerOf(ns, process);
    if (owner !== process) throw notOwner(ns, `${owner}:1`);
    const running = this.underWay.get(ns) ?? new Set();
    this.underWay.set(ns, running);
    const work = index.transact(transaction);
    running.add(work);
    try {
      return await work;
    } finally {
      running.delete(work);
    }
  }

  private give(ns: string, to: string): void {
    this.owners.set(ns, to);
    for (const listener of this.listeners.get(to) ?? []) listener(ns);
  }
}

/** One of the processes. */
export interface Replica {
  readonly index: Index;
  readonly store: Store;
  /** The calls of `getMany` so far. */
  readonly reads: () => number;
}

export interface Replicas {
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly clock: { now: number };
  readonly timers: TestTimers;
  /**
   * Opens another process. It is closed when the test has ended.
   *
   * @param aheadMs how far its clock is ahead of that of the test. Default 0.
   */
  open(process: string, options?: Partial<StoreOptions>, aheadMs?: number): Promise<Replica>;
  /** Makes a process the owner of a namespace. */
  move(ns: string, to: string): Promise<void>;
  /** Leaves a namespace without an owner; who asks for it first takes it. */
  abandon(ns: string): void;
}

/** No process yet. */
export async function openReplicas(): Promise<Replicas> {
  const clock = { now: startOfTime };
  const timers = new TestTimers();
  const index = await openMemoryIndex({ clock: () => clock.now });
  onTestFinished(() => index.close());
  const blobs = openMemoryBlobs({ now: () => clock.now });
  const table = new OwnerTable();
  return {
    index,
    blobs,
    clock,
    timers,
    move: (ns, to) => table.move(ns, to),
    abandon: (ns) => table.abandon(ns),
    open: async (process, options = {}, aheadMs = 0) => {
      let reads = 0;
      const view = viewOf(index, table, process, { onRead: () => reads++, aheadMs });
      const store = await openCheckedStore({
        after: timers.after,
        elapsed: () => 0,
        ...options,
        index: view,
        blobs,
      });
      onTestFinished(() => store[Symbol.asyncDispose]());
      return { index: view, store, reads: () => reads };
    },
  };
}

function viewOf(
  index: Index,
  table: OwnerTable,
  process: string,
  { onRead, aheadMs }: { readonly onRead: () => void; readonly aheadMs: number },
): Index {
  const own: Partial<Index> = {
    owners: table.viewOf(process),
    transact: (transaction) => table.transact(index, process, transaction),
    getMany: (keys) => {
      onRead();
      return index.getMany(keys);
    },
    now: () => index.now() + aheadMs,
    close: async () => undefined,
  };
  return new Proxy(index, {
    get(real, property) {
      const value = Reflect.get(property in own ? own : real, property, real);
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}
