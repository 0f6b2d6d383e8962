import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FileWriter } from '../../src/blobs/file-writer.ts';
import type { Writable } from '../../src/blobs/files.ts';
import { WriteBuffers, writeBufferBytes } from '../../src/blobs/write-buffers.ts';
import { content, expectSame, temporaryDirectory } from './support.ts';

/** The file itself, which is given only the first bytes of each write: what a busy disk may do to any. */
function takingAtMost(bytesMax: number, file: FileHandle): Writable {
  return {
    write: (bytes, offset, length, position) =>
      file.write(bytes, offset, Math.min(length, bytesMax), position),
    writev: ([first], position) => file.write(first!, 0, Math.min(first!.length, bytesMax), position),
  };
}

it('writes what it was given, in order, and gives every buffer back', async () => {
  await using directory = await temporaryDirectory();
  const edge = fc.constantFrom(0, 1, writeBufferBytes - 1, writeBufferBytes, writeBufferBytes + 1);
  const sizes = fc.array(fc.oneof(edge, fc.nat(100_000), fc.nat(600_000)), { maxLength: 12 });
  const sparesMaxes = fc.constantFrom(0, 1, 2, 100);
  const takenMax = fc.constantFrom(100_000, 262_143, Number.POSITIVE_INFINITY);
  let files = 0;
  const property = fc.asyncProperty(sizes, sparesMaxes, takenMax, async (sizes, sparesMax, taken) => {
    const buffers = new WriteBuffers(sparesMax, 1);
    const path = join(directory.path, `${files++}`);
    await using file = await open(path, 'wx');
    const writer = new FileWriter(
      taken === Number.POSITIVE_INFINITY ? file : takingAtMost(taken, file),
      buffers,
    );
    const bytes = content(sizes.reduce((sum, one) => sum + one, 0));
    let at = 0;
    for (const size of sizes) {
      await writer.write(bytes.subarray(at, at + size));
      at += size;
      expect(buffers.lent).toBeLessThanOrEqual(sparesMax < 2 ? 1 : 2);
    }
    await writer.finish();
    expect(buffers.lent).toBe(0);
    expectSame(await readFile(path), bytes);
  });
  await fc.assert(property, { numRuns: 100 });
});

it('throws the error of a write under way from the next call, and gives every buffer back', async () => {
  const buffers = new WriteBuffers();
  await using full = await open('/dev/full', 'w');
  const writer = new FileWriter(full, buffers);
  await writer.write(content(writeBufferBytes - 1));
  await writer.write(content(1)); // fills the buffer: its write begins and will fail
  await expect(writer.finish()).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(writer.write(content(1))).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(writer.write(content(writeBufferBytes))).rejects.toMatchObject({ code: 'ENOSPC' });
  await writer.abandon();
  expect(buffers.lent).toBe(0);
});

it('lends a second buffer only while few are out, and keeps only a few', () => {
  const buffers = new WriteBuffers(2, 1);
  const [first, second] = [buffers.take(), buffers.takeSpare()!];
  expect(second).toBeInstanceOf(Uint8Array);
  expect(buffers.takeSpare()).toBeUndefined();
  const third = buffers.take(); // a first buffer is never refused
  for (const buffer of [first, second, third]) buffers.giveBack(buffer);
  expect(buffers.lent).toBe(0);
  expect(buffers.take()).toBe(first);
  expect(buffers.take()).not.toBe(second);
});
