/** Blocks of contents are freed by whoever is last to need them, and nothing else is. */
import { expect, it } from 'vitest';
import { freeBlock, markBlock, takeBlock } from '../../src/domain/blocks.ts';

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

it('the memory of a freed block serves the next one, and older references see nothing of it', () => {
  const block = takeBlock(1024 * 1024).fill(7);
  const part = block.subarray(10, 20);
  markBlock(block);
  freeBlock(block);
  const next = takeBlock(1024 * 1024);
  expect([block.length, part.length, next.length]).toEqual([0, 0, 1024 * 1024]);
  expect([next[0], next.at(-1)]).toEqual([7, 7]);
  // It is not marked: its reader decides.
  freeBlock(next);
  expect(next.length).toBe(1024 * 1024);
});

it('a block of another size has memory of its own', () => {
  const block = takeBlock(1_000);
  expect([block.length, block.buffer.byteLength]).toEqual([1_000, 1_000]);
});
