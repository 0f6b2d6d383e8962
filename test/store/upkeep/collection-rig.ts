/** A store in memory whose contents are collected, with a clock that the test moves. */
import { Buffer } from 'node:buffer';
import { expect, onTestFinished } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { type Allowance, Budget } from '../../../src/domain/load/budget.ts';
import type { Family } from '../../../src/index/family.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import type { Write } from '../../../src/index/row.ts';
import type { StoreOptions } from '../../../src/store/open.ts';
import type { Collected } from '../../../src/store/upkeep/collection.ts';
import { writeRows } from '../../support/rows.ts';
import { openTestStore, startOfTime, type TestStore } from '../../support/service.ts';
import { digestOf, specOf, target, tester } from '../../support/specs.ts';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export const unbounded: Allowance = { limit: 100_000 };

interface Opened {
  readonly rows?: MemoryRows;
  readonly blobs?: BlobStore;
  readonly clock?: { now: number };
  readonly options?: Partial<StoreOptions>;
}

/** Closed when the test has ended. Contents of more than 64 bytes are files. */
export async function openCollected(opened: Opened = {}) {
  const { rows = new MemoryRows(), clock = { now: startOfTime } } = opened;
  const files = opened.blobs ?? openMemoryBlobs({ now: () => clock.now });
  const index = await openMemoryIndex({ rows, clock: () => clock.now });
  const test = await openTestStore({ inlineBytesMax: 64, ...opened.options, index, blobs: files });
  onTestFinished(() => test[Symbol.asyncDispose]());
  return new Rig(test, rows, clock);
}

export class Rig {
  readonly test: TestStore;
  readonly rows: MemoryRows;
  readonly clock: { now: number };

  constructor(test: TestStore, rows: MemoryRows, clock: { now: number }) {
    this.test = test;
    this.rows = rows;
    this.clock = clock;
  }

  get store() {
    return this.test.store;
  }

  get index() {
    return this.test.index;
  }

  get blobs() {
    return this.test.blobs;
  }

  async push(name: string, bytes: Uint8Array, session = 's') {
    return await this.store.uploads.create(tester, specOf({ session, name }), bytes);
  }

  async remove(name: string, session = 's'): Promise<void> {
    await this.store.artifacts.delete(tester, target(session, name));
  }

  async read(name: string, session = 's'): Promise<Buffer> {
    const { bytes } = await this.store.downloads.artifact(tester, target(session, name), {
      offset: 0,
      limit: undefined,
    });
    return Buffer.concat(await Array.fromAsync(bytes));
  }

  async collect(allowance: Partial<Allowance> = {}, findOrphans = false): Promise<Collected> {
    return await this.store.collection.collect({ ...unbounded, ...allowance }, { findOrphans });
  }

  /** Collects until there is no more to do now. */
  async drain(findOrphans = false): Promise<Omit<Collected, 'more' | 'nextTime' | 'pauses'>> {
    const total = { condemned: 0, removed: 0, removedBytes: 0, orphans: 0 };
    for (;;) {
      const did = await this.collect({}, findOrphans);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += did[key];
      if (!did.more) return total;
    }
  }

  async scrub(
    options: { limit?: number; bytesMax?: number; minAgeMs?: number; isStopped?: () => boolean } = {},
  ) {
    const { limit = 1_000, bytesMax = 2 ** 40, minAgeMs = 0, isStopped = () => false } = options;
    return await this.store.scrub.scrub({ budget: new Budget({ limit, isStopped }), bytesMax, minAgeMs });
  }

  /** Every file there is. */
  async files(): Promise<string[]> {
    return await Array.fromAsync(this.blobs.list(await this.internalId()));
  }

  async internalId(): Promise<string> {
    const value = await this.index.get(keys.store.namespace.key('default'));
    return keys.store.namespace.decode(value!).internalId;
  }

  /** Writes a file that no row names. */
  async orphan(id: number, bytes: Uint8Array): Promise<string> {
    const hex = id.toString(16).padStart(32, '0');
    const name = `${await this.internalId()}/${hex.slice(-2)}/${hex}`;
    await using staged = await this.blobs.stage(name);
    await staged.write(bytes);
    await staged.commit();
    return name;
  }

  async count<P extends readonly unknown[], V>(family: Family<P, V>): Promise<number> {
    return (await this.all(family)).length;
  }

  async all<P extends readonly unknown[], V>(family: Family<P, V>): Promise<{ parts: P; value: V }[]> {
    const found: { parts: P; value: V }[] = [];
    for await (const block of this.index.scan(family.range(...([] as never))))
      for (const [key, value] of block) found.push({ parts: family.parse(key), value: family.decode(value) });
    return found;
  }

  /** Changes rows as no operation would. */
  async write(...writes: readonly Write[]): Promise<void> {
    await writeRows(this.index, writes);
  }

  /** Everything has been collected: no file, no content, nothing queued. */
  async expectEmpty(): Promise<void> {
    expect(await this.files()).toEqual([]);
    for (const family of Object.values(keys.blobs))
      expect([family.name, await this.count(family as Family<readonly unknown[], unknown>)]).toEqual([
        family.name,
        0,
      ]);
  }

  async recordOf(bytes: Uint8Array) {
    const value = await this.index.get(keys.blobs.record.key('default', digestOf(bytes).sha256));
    return value && keys.blobs.record.decode(value);
  }
}
