/** The memory of uploads: each has a block of its own or waits, and what is returned goes to those that wait first. */
import { expect, it } from 'vitest';
import { memoryBlockBytes, UploadMemory } from '../../../src/blobs/gcs/upload-memory.ts';

const never = new AbortController().signal;
const memoryOf = (blocks: number) => new UploadMemory(blocks * memoryBlockBytes);
const blocksOf = (memory: UploadMemory) => memory.takenBytes / memoryBlockBytes;

it('has a block for as many uploads as it has blocks, and the others wait', async () => {
  const memory = memoryOf(8);
  const shares = await Promise.all(Array.from({ length: 8 }, () => memory.begin(never)));
  const ninth = memory.begin(never);
  expect(memory).toMatchObject({ waitingCount: 1 });
  expect(blocksOf(memory)).toBe(8);
  for (const share of shares) {
    expect(share.take()).toHaveLength(memoryBlockBytes);
    expect(share.take()).toBeUndefined();
  }
  shares[0]!.give([new Uint8Array(memoryBlockBytes)]);
  shares[0]!.end();
  expect((await ninth).take()).toBeDefined();
  expect(memory.waitingCount).toBe(0);
});

it('lends at most three quarters beyond what uploads have of their own', async () => {
  const memory = memoryOf(8);
  const share = await memory.begin(never);
  const blocks = Array.from({ length: 9 }, () => share.take()).filter((block) => block !== undefined);
  expect(blocks).toHaveLength(1 + 6);
  // One is left for another upload.
  const other = await memory.begin(never);
  expect(other.take()).toBeDefined();
  expect(other.take()).toBeUndefined();
});

it('gives a block that is returned to an upload that waits, before any upload gets more', async () => {
  const memory = memoryOf(4);
  const first = await memory.begin(never);
  const blocks = Array.from({ length: 4 }, () => first.take()!);
  const [second, third] = [memory.begin(never), memory.begin(never)];
  expect(memory.waitingCount).toBe(2);
  first.give(blocks.slice(0, 1));
  expect((await second).take()).toBeDefined();
  expect(memory.waitingCount).toBe(1);
  expect(first.take()).toBeUndefined();
  first.give(blocks.slice(1, 3));
  expect((await third).take()).toBeDefined();
  expect(first.take()).toBeDefined();
  expect(blocksOf(memory)).toBe(4);
});

it('forgets an upload that ends while it waits', async () => {
  const memory = memoryOf(1);
  const first = await memory.begin(never);
  const ending = new AbortController();
  const second = memory.begin(ending.signal);
  const third = memory.begin(never);
  ending.abort(new Error('the client has left'));
  await expect(second).rejects.toThrow('the client has left');
  first.end();
  await third;
  expect(memory.waitingCount).toBe(0);
  expect(blocksOf(memory)).toBe(1);
});
