/** What direct uploads that were not finished leave: nothing, when their time is over. */
import { join } from 'node:path';
import { keys } from '../../../src/index/keys.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import type { Store } from '../../../src/store/open.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import type { BucketProcess } from './bucket-process.ts';
import { sendAll } from './direct.ts';
import { openPlace } from './place.ts';

const hour = 3_600_000;
/** The first sweep of a name to which a client sends has come then, and the last. */
const sweptMs = 14 * hour;
const goneMs = 10 * 24 * hour;

interface Leftovers {
  readonly faults: readonly string[];
  /** Objects that nobody had finished, and that the sweeps have removed. */
  readonly removed: number;
}

/**
 * Lets the times of all direct uploads pass over a store that nobody has open. In between a late client still sends bytes
 * to the URLs of uploads of which it had sent none.
 */
export async function sweepLeftovers(
  {
    dataDir,
    indexDir = join(dataDir, 'index'),
  }: { readonly dataDir: string; readonly indexDir?: string | undefined },
  { process, prefix }: { readonly process: BucketProcess; readonly prefix: string },
  unsent: readonly { readonly uri: string; readonly bytes: Uint8Array }[],
): Promise<Leftovers> {
  const clock = { now: Date.now() };
  const faults: string[] = [];
  const begun = await process.begun(prefix);
  const stored = () => process.names(`${prefix}/blobs/`);
  using place = await openPlace(process.place(prefix));
  const index = await openLevelIndex({
    directory: indexDir,
    markPath: `${indexDir}.mark`,
    clock: () => clock.now,
  });
  const rowOf = async (object: string) => {
    const name = object.slice(`${prefix}/blobs/`.length);
    const internalId = name.split('/')[0]!;
    for await (const block of index.scan(keys.store.namespace.range()))
      for (const [key, value] of block) {
        if (keys.store.namespace.decode(value).internalId !== internalId) continue;
        const [ns] = keys.store.namespace.parse(key);
        const row = await index.get(keys.blobs.physicalName.key(ns, name));
        if (row !== undefined) return keys.blobs.physicalName.decode(row);
      }
    return undefined;
  };
  const expectOnlyLive = async (when: string) => {
    for (const object of await stored())
      if (begun.has(object) && (await rowOf(object))?.state !== 'live')
        faults.push(`${when}: left by a direct upload: ${object}`);
  };
  const pass = async (ms: number) => {
    clock.now += ms;
    await process.clock(clock.now);
  };
  await using store = await openCheckedStore({ index, blobs: place, inlineBytesMax: 0, reserveBytes: 0 });
  try {
    const before = (await stored()).length;
    await pass(sweptMs);
    // What was not finished is no orphan, however much it is.
    faults.push(...(await collectAll(store, true)));
    await expectOnlyLive('after the first sweep');
    const { length: after } = await stored();
    for (const { uri, bytes } of unsent) await sendAll(uri, bytes);
    for (const object of await stored())
      if (begun.has(object) && (await rowOf(object)) === undefined)
        faults.push(`no row has what a client has sent late: ${object}`);
    const late = (await stored()).length - after;
    if (late < unsent.length) faults.push(`the bucket took only ${late} of ${unsent.length} late contents`);
    await pass(goneMs);
    faults.push(...(await collectAll(store, false)));
    await pass(2 * hour);
    faults.push(...(await collectAll(store, false)));
    await expectOnlyLive('in the end');
    for (const family of [keys.blobs.condemned, keys.blobs.maybeFree])
      for await (const block of index.scan(family.range()))
        faults.push(`${block.length} rows are left in the end: ${family.name}`);
    const apart = await inconsistencies(index, place, { orphans: true, reaped: true });
    faults.push(...apart.map((fault) => `in the end: ${fault}`));
    return { faults, removed: before + late - (await stored()).length };
  } finally {
    await process.clock(undefined);
  }
}

/** @param young what kills have left of other uploads is no orphan yet. @returns what it waits for. */
async function collectAll({ collection }: Store, young: boolean): Promise<string[]> {
  for (let round = 0; round < 100; round++) {
    const { more, pauses } = await collection.collect({ limit: 100_000 }, { findOrphans: young });
    const reasons = pauses.filter(({ cause }) => young || cause !== 'manyOrphans');
    if (reasons.length > 0) return [`collection waits: ${JSON.stringify(reasons)}`];
    if (!more) return [];
  }
  return ['the collection does not come to an end'];
}
