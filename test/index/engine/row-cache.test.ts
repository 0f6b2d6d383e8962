/** What is kept of reads that take time, without a snapshot. */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { textOf } from '../../../src/index/bytes.ts';
import { Batch } from '../../../src/index/engine/batch.ts';
import { RowCache } from '../../../src/index/engine/row-cache.ts';
import { keys } from '../../../src/index/keys.ts';

const text = textOf(keys.store.policy.key('a'));
const value = Buffer.from('{}');

it('a row that a batch writes, which was sent after the read began, is not kept before that is durable', () => {
  let sent: Batch | undefined;
  const cache = new RowCache(() => sent);
  cache.start(1);
  const view = cache.view();
  sent = new Batch();
  sent.add(new Map([[text, keys.store.policy.del('a')]]), 0, { ns: 'a' });
  for (let time = 1; time <= 3; time++) view.keep(text, value);
  expect(cache.find(text)).toBeUndefined();
  sent = undefined;
  for (let time = 1; time <= 2; time++) view.keep(text, value);
  expect(cache.find(text)).toBe(value);
});

it('rows that are read in turn are all kept when they are read again', () => {
  const cache = new RowCache(() => undefined);
  cache.start(1);
  const texts = Array.from({ length: 700 }, (_, at) => textOf(keys.store.policy.key(`namespace-${at}`)));
  for (let time = 1; time <= 2; time++) for (const one of texts) cache.keep(one, value);
  expect(texts.filter((one) => cache.find(one) === undefined)).toEqual([]);
});
