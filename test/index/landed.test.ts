/** What an engine tells of its durable batches: each one, or with which commit it was opened again. */
import { expect, it } from 'vitest';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { put, write } from './support.ts';

it.each([
  ['written', 2],
  ['unwritten', 1],
] as const)(
  'tells of a batch that failed and was %s by the number of the last one',
  async (outcome, newest) => {
    const told: (readonly [string, number])[] = [];
    await using index = await openMemoryIndex({
      failAt: (batch) => (batch === 2 ? outcome : undefined),
      onLanded: ({ seq }) => told.push(['landed', seq]),
      onReopened: ({ seq }) => told.push(['reopened', seq]),
    });
    await write(index, [put('a', '1')]);
    const epoch = index.nextEpoch();
    await expect(write(index, [put('a', '2')])).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await epoch;
    await write(index, [put('a', '3')]);
    expect(told).toEqual([
      ['landed', 1],
      ['reopened', newest],
      ['landed', newest + 1],
    ]);
  },
);
