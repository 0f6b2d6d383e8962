/** Clause 8: rows that are kept in memory are the rows of the reader's instant, whatever is written meanwhile. */
import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { Random } from '../../bench/stores/random.ts';
import type { Index, Snapshot } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { inAnyOrder } from './any-order.ts';
import { unwritten, written } from './faults.ts';
import { type OpenRig, turns } from './support.ts';

/** A family whose rows are kept. */
const { name: family } = keys.sessions;
const ns = 'q';
const names = ['a', 'b', 'c', 'd', 'e'];
const wanted = names.map((name) => family.key(ns, name));

const textsOf = (values: readonly (Uint8Array | undefined)[]) =>
  values.map((value) => value && Buffer.from(value).toString());
/** What is read once is not kept. */
const kept = async (reader: Index | Snapshot) => {
  await reader.cached.getMany(wanted);
  return textsOf(await reader.cached.getMany(wanted));
};
const stored = async (reader: Index | Snapshot) => textsOf(await reader.getMany(wanted));

/** A value of the family; only its text matters here. */
const record = (at: number) => ({ revision: at }) as never;

/** Counts up in some rows, and removes others; reads what it counts up. */
function change(index: Index, up: readonly string[], gone: readonly string[] = []): Promise<void> {
  return index.transact({
    ns,
    reads: up.map((name) => family.key(ns, name)),
    *decide(tx) {
      for (const name of up) {
        const before = tx.get(family, ns, name) as unknown as { readonly revision: number } | undefined;
        tx.put(family, [ns, name], record((before?.revision ?? 0) + 1));
      }
      for (const name of gone) tx.del(family, ns, name);
    },
  });
}

export function cacheContract(open: OpenRig): void {
  test('8: a row in memory is that of the instant, before, while and after a batch becomes durable', async () => {
    await using rig = await open();
    const { index } = rig;
    await change(index, names);
    await using before = index.snapshot();
    const old = await kept(before);
    expect(await kept(index)).toEqual(old);
    // The database has the batch, and nobody has been told of it.
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    const { promise: applied, resolve: apply } = Promise.withResolvers<void>();
    rig.faults.plan(async (write) => {
      await write();
      apply();
      await told;
    });
    const changed = change(index, ['a', 'b'], ['c']);
    await applied;
    await using during = index.snapshot();
    expect(await kept(before)).toEqual(old);
    expect(await kept(during)).toEqual(await stored(during));
    tell();
    await changed;
    await using after = index.snapshot();
    expect(await kept(index)).toEqual(await stored(index));
    for (const snapshot of [before, during, after, before])
      expect(await kept(snapshot)).toEqual(await stored(snapshot));
    expect(await kept(before)).toEqual(old);
    expect((await kept(after))[2]).toBeUndefined();
  });

  test('8: what an old snapshot reads is not kept for later ones', async () => {
    await using rig = await open();
    const { index } = rig;
    await change(index, names);
    await rig.reopen();
    await using before = rig.index.snapshot();
    await change(rig.index, ['a'], ['b']);
    await kept(before);
    await using after = rig.index.snapshot();
    expect(await kept(after)).toEqual(await stored(after));
    expect(await kept(rig.index)).toEqual(await stored(rig.index));
  });

  test.each([
    ['not written', unwritten],
    ['written', written],
  ])(
    '8: after a batch that failed and was %s, rows in memory are those of the database',
    async (_, fault) => {
      await using rig = await open();
      const { index } = rig;
      await change(index, names);
      await kept(index);
      rig.faults.plan(fault);
      await expect(change(index, ['a'], ['b'])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
      while (index.trouble !== undefined) {
        expect(await kept(index)).toEqual(await stored(index));
        rig.timer.fire();
        await turns(1);
      }
      expect(await kept(index)).toEqual(await stored(index));
      await change(index, ['a', 'c']);
      expect(await kept(index)).toEqual(await stored(index));
    },
  );

  test('8: any order of writes, snapshots and reads', async () => {
    await using rig = await open();
    const { index } = rig;
    const random = new Random(7, 'cache');
    const some = () => names.filter(() => random.below(3) === 0);
    await inAnyOrder(rig, random, {
      write: () => change(index, some(), random.below(4) === 0 ? some() : []),
      check: async (snapshot) => expect(await kept(snapshot)).toEqual(await stored(snapshot)),
    });
    expect(await kept(index)).toEqual(await stored(index));
  });

  test('8: a row in memory is decoded once, and nobody can change what it is decoded to', async () => {
    await using rig = await open();
    const { index } = rig;
    await change(index, ['a']);
    for (let time = 1; time <= 2; time++) await index.cached.getMany([family.key(ns, 'a')]);
    const read = async () => family.decode((await index.cached.getMany([family.key(ns, 'a')]))[0]!);
    const decoded = await read();
    expect(await read()).toBe(decoded);
    expect(Object.isFrozen(decoded)).toBe(true);
    expect(decoded).toEqual(record(1));
    await change(index, ['a']);
    expect(await read()).toEqual(record(2));
    expect(decoded).toEqual(record(1));
  });
}
