/** A listener for durable batches that fails. */
import { expect, it } from 'vitest';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { key, put, text, write } from '../support.ts';

it('a listener that throws is warned of once for each cause, and the batches are acknowledged', async () => {
  const warnings: string[] = [];
  const landed: number[] = [];
  let cause = 'no room';
  await using index = await openMemoryIndex({
    warn: (message) => warnings.push(message),
    onLanded: ({ seq }) => {
      landed.push(seq);
      throw new Error(cause);
    },
  });
  for (const name of ['a', 'b']) await write(index, [put(name, '1')]);
  cause = 'no hope';
  await write(index, [put('c', '1')]);
  expect((await index.getMany(['a', 'b', 'c'].map(key))).map(text)).toEqual(['1', '1', '1']);
  expect(landed.length).toBe(3);
  expect(index.trouble).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('no room'), expect.stringContaining('no hope')]);
});
