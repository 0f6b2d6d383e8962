/** Looks for files that no row names: files that were written and never committed. */
import type { BlobStore } from '../../blobs/blob-store.ts';
import { shards } from '../../blobs/names.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { condemn } from '../rows/blob-rows.ts';
import { ifHere } from '../rows/here.ts';
import type { OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';
import { Inconsistency } from './inconsistency.ts';
import { type OrphanScans, orphanScanSetting } from './orphan-scans.ts';
import { endConfirmation, mayCondemn } from './orphan-valve.ts';

const dayMs = 86_400_000;
/** Younger files may be about to be committed. */
export const orphanAgeMs = dayMs;
/** The time between two scans of a store that was always closed cleanly. */
const scanEveryMs = 7 * dayMs;
const namesTogether = 250;
const condemnedTogether = 50;
/** The most files that one scan condemns; the next scan finds the others. */
const rememberedMax = 1_000_000;

interface Orphan {
  readonly ns: string;
  readonly size: number;
  readonly generation: string | undefined;
}

/**
 * One scan at a time, made in pieces. Its position is only in memory: a scan that has not finished when the process
 * ends starts again. The owner of the store as a whole scans all namespaces. If two processes scan at once, one may
 * condemn what the other has condemned or removed, which changes nothing.
 */
export class Orphans {
  private readonly index: Index;
  private readonly blobs: BlobStore;
  private readonly onStep: OnStep | undefined;
  /** The scan in progress. It yields the number of files that it has just condemned. */
  private scan: AsyncGenerator<number, void> | undefined;
  /** Each caller that continues the scan waits for the callers before it. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(index: Index, blobStore: BlobStore, onStep: OnStep | undefined) {
    this.index = index;
    this.blobs = blobStore;
    this.onStep = onStep;
  }

  /** Returns true if a scan is in progress, or due: after an unclean end, and weekly. */
  async isDue(): Promise<boolean> {
    if (this.scan !== undefined) return true;
    const value = await this.index.get(keys.store.setting.key(orphanScanSetting));
    const scans = value && (keys.store.setting.decode(value) as OrphanScans);
    return (
      scans?.lastTime === undefined ||
      scans.isWanted === true ||
      this.index.now() - scans.lastTime >= scanEveryMs
    );
  }

  /**
   * Continues the scan, or begins one, until it is finished or the budget is spent.
   *
   * @throws Inconsistency and DATA_LOSS if the rows cannot be trusted; the next call then starts the scan again.
   */
  async work(budget: Budget): Promise<{ readonly condemned: number; readonly more: boolean }> {
    const turn = this.turn.then(() => this.goOn(budget));
    this.turn = turn.catch(() => undefined);
    return await turn;
  }

  /** Forgets the scan in progress: another process looks for orphans now. */
  drop(): void {
    this.scan = undefined;
  }

  private async goOn(budget: Budget): Promise<{ readonly condemned: number; readonly more: boolean }> {
    let condemned = 0;
    while (!budget.isSpent) {
      this.scan ??= this.begin();
      try {
        const next = await this.scan.next();
        if (next.done) {
          this.scan = undefined;
          return { condemned, more: false };
        }
        condemned += next.value;
        budget.spend('items', next.value);
      } catch (error) {
        this.scan = undefined;
        throw error;
      }
    }
    return { condemned, more: true };
  }

  private async *begin(): AsyncGenerator<number, void> {
    const found = new Map<string, Orphan>();
    let count = 0;
    let bytes = 0;
    let allBytes = 0;
    for (const { ns, internalId } of await this.namespaces())
      for (const shard of shards) {
        const names = await Array.fromAsync(this.blobs.list(internalId, shard));
        for (let at = 0; at < names.length; at += namesTogether) {
          const looked = await this.look(ns, names.slice(at, at + namesTogether));
          allBytes += looked.bytes;
          for (const { name, size, generation } of looked.orphans) {
            count++;
            bytes += size;
            if (found.size < rememberedMax) found.set(name, { ns, size, generation });
          }
          yield 0;
        }
        yield 0;
      }
    if (found.size > 0) for await (const _ of this.requireNameless(found)) yield 0;
    if (!(await mayCondemn(this.index, { count, bytes }, allBytes)))
      return await this.note({ isWanted: true });
    yield* this.condemn(found);
    await endConfirmation(this.index);
    await this.note(count > found.size ? { isWanted: true } : {});
  }

  private async namespaces(): Promise<{ readonly ns: string; readonly internalId: string }[]> {
    const namespaces = [];
    for await (const block of this.index.scan(keys.store.namespace.range()))
      for (const [key, value] of block)
        namespaces.push({
          ns: keys.store.namespace.parse(key)[0],
          internalId: keys.store.namespace.decode(value).internalId,
        });
    return namespaces;
  }

  /**
   * Returns those of some names that no row has and whose files are old enough, and the bytes of all existing files.
   */
  private async look(ns: string, names: readonly string[]) {
    const { index } = this;
    const values = await index.getMany(names.map((name) => keys.blobs.physicalName.key(ns, name)));
    const states = values.map((value) => value && keys.blobs.physicalName.decode(value));
    const sizes = await index.getMany(
      states.flatMap((state, at) => {
        if (state === undefined) return [];
        const { key } =
          state.state === 'live'
            ? { key: keys.blobs.record.key(ns, state.sha256) }
            : { key: keys.blobs.condemned.key(state.notBefore, ns, names[at]!) };
        return [key];
      }),
    );
    // The sizes from both kinds of rows.
    let bytes = sizes.reduce((sum, value) => sum + (value ? sizeIn(value) : 0), 0);
    const orphans: (Omit<Orphan, 'ns'> & { readonly name: string })[] = [];
    for (const [at, name] of names.entries()) {
      if (states[at] !== undefined) continue;
      const stat = await this.blobs.stat(name);
      // The file was condemned, and has been removed since it was listed.
      if (stat === undefined) continue;
      bytes += stat.sizeBytes;
      // A file from the future has no age: it may have been written just now by another clock.
      const ageMs = index.now() - stat.modifyTimeMs;
      if (ageMs >= orphanAgeMs) orphans.push({ name, size: stat.sizeBytes, generation: stat.generation });
    }
    return { orphans, bytes };
  }

  /** A file with a content is not an orphan, even if the row of its name is lost. */
  private async *requireNameless(found: ReadonlyMap<string, Orphan>): AsyncGenerator<void> {
    for await (const block of this.index.scan(keys.blobs.record.range())) {
      for (const [key, value] of block) {
        const { name } = keys.blobs.record.decode(value);
        if (name === undefined || !found.has(name)) continue;
        const [ns, sha256] = keys.blobs.record.parse(key);
        throw new Inconsistency(`the content ${sha256} in ${ns} is in a file that has no row: ${name}`);
      }
      yield;
    }
  }

  private async *condemn(found: ReadonlyMap<string, Orphan>): AsyncGenerator<number> {
    for (const [ns, all] of Map.groupBy(found, ([, orphan]) => orphan.ns))
      for (let at = 0; at < all.length; at += condemnedTogether) {
        const some = all.slice(at, at + condemnedTogether);
        const condemned = await ifHere(this.index, ns, () => this.condemnOf(ns, some));
        const removed = condemned ?? (await this.removeElsewhere(ns, some));
        await this.onStep?.('collect.orphanCondemned');
        yield removed;
      }
  }

  private condemnOf(ns: string, some: readonly (readonly [string, Orphan])[]): Promise<number> {
    return transact(this.index, {
      ns,
      reads: some.map(([name]) => keys.blobs.physicalName.key(ns, name)),
      *decide(tx) {
        const free = some.filter(([name]) => tx.get(keys.blobs.physicalName, ns, name) === undefined);
        for (const [name, { size, generation }] of free) condemn(tx, { name, size, generation });
        return free.length;
      },
    });
  }

  /**
   * Removes files of a namespace that another process owns. They are so old that no commit takes them
   * (`publishedMsMax` in `blob-rows.ts`), and no row has ever led a reader to them.
   */
  private async removeElsewhere(ns: string, some: readonly (readonly [string, Orphan])[]): Promise<number> {
    const rows = await this.index.getMany(some.map(([name]) => keys.blobs.physicalName.key(ns, name)));
    const free = some.filter((_one, at) => rows[at] === undefined);
    for (const [name, { generation }] of free) await this.blobs.delete(name, generation);
    return free.length;
  }

  /** Records that a scan has ended. */
  private async note(scans: OrphanScans): Promise<void> {
    await transact(this.index, {
      ns: '',
      reads: [],
      *decide(tx) {
        tx.put(keys.store.setting, [orphanScanSetting], { ...scans, lastTime: tx.now });
      },
    });
  }
}

function sizeIn(value: Uint8Array): number {
  return (JSON.parse(Buffer.from(value).toString()) as { size: number }).size;
}
