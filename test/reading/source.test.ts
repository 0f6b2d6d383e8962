import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { Failure } from '../../src/domain/errors.ts';
import { Source } from '../../src/reading/source.ts';

/** Counts its streams, and fails at a byte. */
function counting(bytes: Uint8Array, failsAt = Number.POSITIVE_INFINITY) {
  const failure = new Failure('DATA_LOSS', 'damaged');
  const opened: number[] = [];
  let left = 0;
  async function* open(offset: number, length: number) {
    opened.push(offset);
    left++;
    try {
      for (let at = offset; at < offset + length; at += 3) {
        if (at + 3 > failsAt) throw failure;
        yield bytes.subarray(at, Math.min(at + 3, offset + length));
      }
    } finally {
      left--;
    }
  }
  return { open, failure, opened, left: () => left };
}

const bytes = Buffer.from('abcdefghijklmnopqrstuvwxyz');

it('reads blocks that follow each other from one stream, and jumps with another', async () => {
  const { open, opened, left } = counting(bytes);
  {
    await using source = new Source(open, bytes.length, { blockBytes: 4 });
    expect(String(await source.range(2, 15))).toBe('cdefghijklmno');
    expect(String(await source.from(17))).toBe('rst');
    expect(opened).toEqual([0]);
    expect(String(await source.range(24, 99))).toBe('yz');
    expect(opened).toEqual([0, 24]);
    // It is kept.
    expect(String(await source.from(16))).toBe('qrst');
    expect(opened).toEqual([0, 24]);
    expect(String(await source.from(26))).toBe('');
    expect(left()).toBe(1);
  }
  expect(left()).toBe(0);
});

it('gives one block at a time, whoever asks', async () => {
  const { open, opened } = counting(bytes);
  await using source = new Source(open, bytes.length, { blockBytes: 4 });
  const offsets = [0, 4, 4, 8, 9, 12];
  const parts = await Promise.all(offsets.map((offset) => source.from(offset)));
  expect(parts.map(String)).toEqual(['abcd', 'efgh', 'efgh', 'ijkl', 'jkl', 'mnop']);
  expect(opened).toEqual([0]);
});

it('tells whoever asks again of the same damage', async () => {
  const { open, failure } = counting(bytes, 10);
  await using source = new Source(open, bytes.length, { blockBytes: 4 });
  expect(String(await source.from(4))).toBe('efgh');
  await expect(source.from(8)).rejects.toBe(failure);
  await expect(source.from(8)).rejects.toBe(failure);
  expect(String(await source.from(0))).toBe('abcd');
});

it('says when it has read as much as it may, or for as long', async () => {
  let now = 0;
  const { open } = counting(bytes);
  await using source = new Source(open, bytes.length, {
    blockBytes: 4,
    bytesMax: 8,
    millisecondsMax: 10,
    elapsed: () => now,
  });
  await source.from(0);
  expect(source.isSpent).toBe(false);
  now = 10;
  expect(source.isSpent).toBe(true);
  now = 0;
  await source.from(4);
  expect(source.isSpent).toBe(true);
});

it('gives nothing once it is closed', async () => {
  const { open, left } = counting(bytes);
  const source = new Source(open, bytes.length, { blockBytes: 4 });
  await source.from(0);
  const late = source.from(4);
  await source[Symbol.asyncDispose]();
  await expect(late).rejects.toThrow('closed');
  expect(left()).toBe(0);
});
