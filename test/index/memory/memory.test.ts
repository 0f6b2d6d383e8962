import { expect, test } from 'vitest';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import { indexContract } from '../contract.ts';
import { openMemoryRig, openWaitingRig } from '../rigs.ts';
import { decide, increment, key, look, put, rowsOf, value, write } from '../support.ts';

indexContract('memory', openMemoryRig);
indexContract('memory whose reads take a turn', openWaitingRig);

test('a decide that is not pure shows', async () => {
  await using index = await openMemoryIndex();
  let runs = 0;
  for (let at = 0; at < 64; at++) {
    await decide(index, [], () => {
      runs++;
      return { writes: [], result: undefined };
    });
  }
  // The chance that none, or every one, of 64 is run twice is 2^-63.
  expect(runs).toBeGreaterThan(64);
  expect(runs).toBeLessThan(128);
});

test('the run that counts is the last one', async () => {
  await using index = await openMemoryIndex({ random: (length) => new Uint8Array(length).fill(1) });
  let runs = 0;
  const result = await decide(index, [], () => {
    runs++;
    return { writes: [put(`run ${runs}`, '')], result: runs };
  });
  expect(result).toBe(2);
  expect(await rowsOf(index)).toEqual([['run 2', '']]);
  await expect(
    decide(index, [], () => {
      throw new Error(`run ${++runs}`);
    }),
  ).rejects.toThrow('run 4');
});

test('a batch fails on request, written or not', async () => {
  const rows = new MemoryRows();
  const outcomes: Record<number, 'unwritten' | 'written'> = { 2: 'unwritten', 3: 'written' };
  const index = await openMemoryIndex({ rows, failAt: (batch) => outcomes[batch] });
  expect(await increment(index, 'a')).toBe(1);
  await expect(increment(index, 'a')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(await look(index, 'a')).toBe('1');
  await expect(increment(index, 'a')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect(await look(index, 'a')).toBe('2');
  expect(index.epoch).toBe(3);
  await index.close();
  await using again = await openMemoryIndex({ rows });
  expect(await look(again, 'a')).toBe('2');
});

test('rows that no snapshot can see are forgotten', async () => {
  const rows = new MemoryRows();
  rows.write([{ type: 'put', key: key('a'), value: value('1') }]);
  const at = rows.retain();
  rows.write([{ type: 'del', key: key('a') }]);
  rows.write([{ type: 'put', key: key('b'), value: value('1') }]);
  expect(rows.size).toBe(2);
  expect(rows.get(key('a'), at)).toEqual(value('1'));
  expect(rows.get(key('a'))).toBeUndefined();
  rows.release(at);
  expect(rows.size).toBe(1);
});

test('two indexes in memory share nothing', async () => {
  await using first = await openMemoryIndex();
  await using second = await openMemoryIndex();
  await write(first, [put('a', '1')]);
  expect(await rowsOf(second)).toEqual([]);
});
