/** Clauses 1 and 2: what a transaction sees and in which order. */
import { expect, test } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { KeyNotAsked, type Tx } from '../../src/index/door.ts';
import { idTimeMs } from '../support/times.ts';
import { decide, del, increment, key, look, type OpenRig, put, rowsOf, text, write } from './support.ts';

export function transactionsContract(open: OpenRig): void {
  test('2: a transaction sees every write before it, durable or not', async () => {
    await using rig = await open();
    const { index } = rig;
    const results = await Promise.all([
      write(index, [put('a', '1'), put('b', '1')]),
      look(index, 'a'),
      write(index, [put('a', '2'), del('b')]),
      look(index, 'a'),
      look(index, 'b'),
    ]);
    expect(results).toEqual([undefined, '1', undefined, '2', undefined]);
    expect(await rowsOf(index)).toEqual([['a', '2']]);
  });

  test('2: the last write of a transaction to one key counts', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), del('a'), put('a', '3'), put('b', '1'), del('b')]);
    expect(await rowsOf(rig.index)).toEqual([['a', '3']]);
  });

  test('2: 64 increments at once give 64, in a few batches', async () => {
    await using rig = await open();
    const results = await Promise.all(Array.from({ length: 64 }, () => increment(rig.index, 'counter')));
    expect(results).toEqual(Array.from({ length: 64 }, (_, at) => at + 1));
    expect(text(await rig.index.get(key('counter')))).toBe('64');
    expect(rig.index.stats.batches).toBeLessThanOrEqual(2);
    expect(rig.index.stats.transactions).toBe(64);
  });

  test('2: callers who act on the answers of one batch share the next', async () => {
    await using rig = await open();
    const caller = async () => {
      for (let round = 0; round < 10; round++) await increment(rig.index, 'counter');
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect(text(await rig.index.get(key('counter')))).toBe('640');
    expect(rig.index.stats.batches).toBeLessThanOrEqual(20);
  });

  test('2: a decision is resumed with the rows that it asks for, in at most five rounds', async () => {
    await using rig = await open();
    const { index } = rig;
    await write(
      index,
      ['1', '2', '3', '4', '5', '6'].map((at) => put(at, String(Number(at) + 1))),
    );
    const follow = (hops: number) =>
      index.transact({
        ns: 'q',
        reads: [key('1')],
        *decide(tx) {
          let at = '1';
          for (let hop = 0; hop < hops; hop++) {
            // What it has asked for already costs no round.
            yield [key('1'), key(at), key(at)];
            at = text(tx.value(key(at)))!;
          }
          tx.write(put('found', at));
          return at;
        },
      });
    expect(await follow(5)).toBe('6');
    await expect(follow(6)).rejects.toThrow(RangeError);
    expect(text(await index.get(key('found')))).toBe('6');
  });

  test('2: what a decision asks for later is as those before it have left it', async () => {
    await using rig = await open();
    const { index } = rig;
    await write(index, [put('pointer', 'a'), put('a', '0'), put('b', '0')]);
    const stalled = rig.faults.stall();
    const first = write(index, [put('elsewhere', '')]);
    await stalled;
    /** Adds one to the row that the pointer names, and lets the pointer name the other one. */
    const step = () =>
      index.transact({
        ns: 'q',
        reads: [key('pointer')],
        *decide(tx) {
          const name = text(tx.value(key('pointer')))!;
          yield [key(name)];
          const next = Number(text(tx.value(key(name)))) + 1;
          tx.write(put(name, String(next)));
          tx.write(put('pointer', name === 'a' ? 'b' : 'a'));
          return `${name}${next}`;
        },
      });
    const steps = Array.from({ length: 6 }, step);
    rig.faults.release();
    expect(await Promise.all(steps)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
    await first;
    expect(await rowsOf(index)).toEqual([
      ['a', '3'],
      ['b', '3'],
      ['elsewhere', ''],
      ['pointer', 'a'],
    ]);
  });

  test('2: a decision reads what it has written', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), put('b', '1')]);
    const seen = await decide(rig.index, ['a', 'b'], (_texts, tx) => {
      tx.write(put('a', '2'));
      tx.write(del('b'));
      tx.write(put('c', '3'));
      return { writes: [], result: ['a', 'b', 'c'].map((name) => text(tx.value(key(name)))) };
    });
    expect(seen).toEqual(['2', undefined, '3']);
  });

  test('2: a dry run sees what was written before it, and nobody sees what it writes', async () => {
    await using rig = await open();
    await write(rig.index, [put('a', '1'), put('b', '1')]);
    const seen = await decide(rig.index, ['a', 'b', 'c'], (_texts, tx) => {
      tx.write(put('a', '2'));
      const dryRun = tx.dryRun();
      dryRun.write(put('b', '3'));
      dryRun.write(put('c', '3'));
      const values = (one: typeof tx) => ['a', 'b', 'c'].map((name) => text(one.value(key(name))));
      return { writes: [], result: [values(dryRun), values(tx)] };
    });
    expect(seen).toEqual([
      ['2', '3', '3'],
      ['2', '1', undefined],
    ]);
    expect(await rowsOf(rig.index)).toEqual([
      ['a', '2'],
      ['b', '1'],
    ]);
  });

  test('2: a row that was not asked for is refused, a missing one is undefined', async () => {
    await using rig = await open();
    await expect(
      decide(rig.index, ['a'], (_texts, tx) => ({ writes: [], result: tx.value(key('b')) })),
    ).rejects.toThrow(KeyNotAsked);
    expect(await look(rig.index, 'a')).toBeUndefined();
  });

  test('1: what a decision throws is thrown, and nothing is written', async () => {
    await using rig = await open();
    const refusal = new Failure('SESSION_SEALED', 'sealed');
    const refused = decide(rig.index, ['a'], () => {
      throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(rig.index.stats.batches).toBe(0);
    expect(await rowsOf(rig.index)).toEqual([]);
  });

  test('1: time stands still in a run and never goes back, and ids grow', async () => {
    const times = [5_000, 4_000, 4_000, 4_000, 9_000, 8_000];
    await using rig = await open({ clock: () => times.shift() ?? 1 });
    const seen: { now: number; ids: string[] }[] = [];
    const tell = (tx: Tx) => {
      const ids = [tx.mintId(), tx.mintId()];
      for (const id of ids) expect(idTimeMs(id)).toBe(tx.now);
      return { now: tx.now, ids: ids.map((id) => Buffer.from(id).toString('hex')) };
    };
    for (let round = 0; round < 6; round++)
      seen.push(
        await rig.index.transact({
          ns: 'q',
          reads: [],
          *decide(tx) {
            const before = tx.now;
            yield [key('later')];
            expect(tx.now).toBe(before);
            return tell(tx);
          },
        }),
      );
    expect(seen.map(({ now }) => now)).toEqual([5_000, 5_000, 5_000, 5_000, 9_000, 9_000]);
    const ids = seen.flatMap((each) => each.ids);
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(rig.index.now()).toBe(9_000);
  });

  test('1: time does not go back over a restart', async () => {
    await using rig = await open({ clock: () => 7_000_000 });
    await write(rig.index, [put('a', '1')]);
    await rig.reopen({ clock: () => 1_000 });
    expect(rig.index.now()).toBe(7_000_000);
    expect(await decide(rig.index, [], (_texts, tx) => ({ writes: [], result: tx.now }))).toBe(7_000_000);
  });

  test('1: random bytes have the length asked for and differ', async () => {
    await using rig = await open();
    const [first, second] = await decide(rig.index, [], (_texts, tx) => ({
      writes: [],
      result: [tx.random(32), tx.random(32)],
    }));
    expect(first).toHaveLength(32);
    expect(Buffer.compare(first!, second!)).not.toBe(0);
  });
}
