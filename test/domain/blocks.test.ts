/** Blocks of contents are freed by whoever is last to need them, and nothing else is. */
import { expect, it } from 'vitest';
import { freeBlock, markBlock } from '../../src/domain/blocks.ts';

it('frees what is marked, by any view of it, once', () => {
  const block = new Uint8Array(100).fill(7);
  const part = block.subarray(10, 20);
  freeBlock(part);
  expect([block.length, part.length]).toEqual([100, 10]);
  markBlock(block);
  freeBlock(part);
  expect([block.length, part.length, block.buffer.byteLength]).toEqual([0, 0, 0]);
  freeBlock(block);
});

it('leaves alone what is not marked', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  freeBlock(bytes);
  expect([...bytes]).toEqual([1, 2, 3]);
});
