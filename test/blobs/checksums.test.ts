import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockBytes } from '../../src/blobs/blob-store.ts';
import { BlockCrcs, crcRowBlocks, type ReadPlan, readPlan, verified } from '../../src/blobs/checksums.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import {
  chunksOf,
  collect,
  content,
  crcsOf,
  expectSame,
  publish,
  readChecked,
  temporaryDirectory,
} from './support.ts';

const name = 'ns1/0a/u';
const dataLoss = { reason: 'DATA_LOSS' };

describe('BlockCrcs', () => {
  it('has one big-endian CRC-32 a block, the last block as long as it is', () => {
    const bytes = content(2 * blockBytes + 3);
    const blocks = [...chunksOf(bytes, blockBytes)];
    const expected = Buffer.alloc(12);
    blocks.forEach((block, n) => {
      expected.writeUInt32BE(crc32(block), n * 4);
    });
    expect(blocks.length).toBe(3);
    expect(Buffer.from(crcsOf(bytes))).toEqual(expected);
    expect(crcsOf(content(2 * blockBytes)).length).toBe(8);
    expect(crcsOf(content(0)).length).toBe(0);
  });

  it('does not depend on the chunks', () => {
    const bytes = content(3 * blockBytes + 77);
    const expected = crcsOf(bytes);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 2 * blockBytes }), { minLength: 1, maxLength: 5 }),
        (sizes) => {
          const crcs = new BlockCrcs();
          for (const chunk of chunksOf(bytes, ...sizes, 100_000)) crcs.update(chunk);
          expect(crcs.finish()).toEqual(expected);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('readPlan', () => {
  it('covers the range with whole blocks, and no more of them than needed', () => {
    const sizeBytes = 5 * blockBytes + 100;
    const cases: [
      offset: number,
      length: number,
      readOffset: number,
      readLength: number,
      first: number,
      last: number,
    ][] = [
      [0, sizeBytes, 0, sizeBytes, 0, 5],
      [0, 1, 0, blockBytes, 0, 0],
      [0, blockBytes, 0, blockBytes, 0, 0],
      [blockBytes - 1, 2, 0, 2 * blockBytes, 0, 1],
      [blockBytes, 1, blockBytes, blockBytes, 1, 1],
      [sizeBytes - 1, 1, 5 * blockBytes, 100, 5, 5],
      [5 * blockBytes - 1, 2, 4 * blockBytes, blockBytes + 100, 4, 5],
      [17, 0, 0, 0, 0, -1],
      [sizeBytes, 0, 5 * blockBytes, 0, 5, 4],
    ];
    for (const [offset, length, readOffset, readLength, firstBlock, lastBlock] of cases) {
      const plan = { offset, length, readOffset, readLength, firstBlock, lastBlock };
      expect(readPlan({ sizeBytes, offset, length })).toEqual(plan);
    }
  });

  it('takes no range outside the blob', () => {
    for (const [offset, length] of [
      [0, 11],
      [10, 1],
      [11, 0],
      [-1, 2],
      [0, 1.5],
      [Number.NaN, 1],
    ]) {
      expect(() => readPlan({ sizeBytes: 10, offset: offset!, length: length! })).toThrow(RangeError);
    }
  });
});

describe('verified', () => {
  const bytes = content(3 * blockBytes + 1000);
  const crcs = crcsOf(bytes);

  /** What a consumer got, and how it ended. */
  async function consume(pieces: AsyncIterable<Uint8Array>): Promise<{ got: Buffer; error: unknown }> {
    const got: Uint8Array[] = [];
    try {
      for await (const piece of pieces) got.push(piece);
      return { got: Buffer.concat(got), error: undefined };
    } catch (error) {
      return { got: Buffer.concat(got), error };
    }
  }

  async function* from(source: Uint8Array, plan: ReadPlan, pieceBytes: number): AsyncGenerator<Uint8Array> {
    yield* chunksOf(source.subarray(plan.readOffset, plan.readOffset + plan.readLength), pieceBytes);
  }

  it('passes any range in pieces of any size', async () => {
    const part = { offset: fc.nat(bytes.length), length: fc.nat(bytes.length) };
    const pieceBytes = fc.oneof(
      fc.constantFrom(blockBytes, 65_536),
      fc.integer({ min: 5_000, max: 2_500_000 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.record(part), pieceBytes, async ({ offset, length: wish }, size) => {
        const length = Math.min(wish, bytes.length - offset);
        const plan = readPlan({ sizeBytes: bytes.length, offset, length });
        const got = await collect(verified(from(bytes, plan, size), { plan, crcs }));
        expectSame(got, bytes.subarray(offset, offset + length));
      }),
      { numRuns: 100 },
    );
  });

  it('copies nothing', async () => {
    const plan = readPlan({ sizeBytes: bytes.length, offset: 10, length: bytes.length - 20 });
    for await (const piece of verified(from(bytes, plan, 300_000), { plan, crcs })) {
      expect(piece.buffer).toBe(bytes.buffer);
    }
  });

  const places = { first: 0, 'in the middle': Math.floor(blockBytes / 2), last: -1 };
  for (const block of [0, 1, 2, 3]) {
    for (const [where, place] of Object.entries(places)) {
      for (const pieceBytes of [blockBytes, 65_536, 700_001]) {
        it(`releases no byte of block ${block} if its ${where} byte has a flipped bit (pieces of ${pieceBytes})`, async () => {
          const start = block * blockBytes;
          const end = Math.min(start + blockBytes, bytes.length);
          const bad = Uint8Array.from(bytes);
          bad[place < 0 ? end - 1 : Math.min(start + place, end - 2)]! ^= 1 << (block + 2);
          const plan = readPlan({ sizeBytes: bytes.length, offset: 0, length: bytes.length });
          const { got, error } = await consume(verified(from(bad, plan, pieceBytes), { plan, crcs }));
          expect(error).toMatchObject({ ...dataLoss, metadata: { block: String(block) } });
          expectSame(got, bytes.subarray(0, start));
        });
      }
    }
  }

  it('checks the whole block even if the flipped bit is outside the range', async () => {
    const bad = Uint8Array.from(bytes);
    bad[blockBytes + 500]! ^= 1;
    const plan = readPlan({ sizeBytes: bytes.length, offset: 2 * blockBytes - 10, length: 5 });
    const { got, error } = await consume(verified(from(bad, plan, blockBytes), { plan, crcs }));
    expect(error).toMatchObject(dataLoss);
    expect(got.length).toBe(0);
  });

  it('fails on too few and on too many bytes, and on missing checksums', async () => {
    const plan = readPlan({ sizeBytes: bytes.length, offset: 0, length: bytes.length });
    async function* some(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
      yield* pieces;
    }
    const short = await consume(verified(some(bytes.subarray(0, -1)), { plan, crcs }));
    expect(short.error).toMatchObject(dataLoss);
    expectSame(short.got, bytes.subarray(0, 3 * blockBytes));
    expect((await consume(verified(some(), { plan, crcs }))).error).toMatchObject(dataLoss);
    expect((await consume(verified(some(bytes, content(1)), { plan, crcs }))).error).toMatchObject(dataLoss);
    const surplus = await consume(verified(some(Buffer.concat([bytes, content(1)])), { plan, crcs }));
    expect(surplus.error).toMatchObject({ ...dataLoss, message: expect.stringContaining('more bytes') });
    const fewer = await consume(verified(some(bytes), { plan, crcs: crcs.subarray(0, -1) }));
    expect(fewer.error).toMatchObject(dataLoss);
    expect(fewer.got.length).toBe(3 * blockBytes);
    const none = readPlan({ sizeBytes: 0, offset: 0, length: 0 });
    expect((await consume(verified(some(), { plan: none, crcs: new Uint8Array(0) }))).error).toBeUndefined();
    const beyond = await consume(verified(some(content(1)), { plan: none, crcs: new Uint8Array(0) }));
    expect(beyond.error).toMatchObject(dataLoss);
  });

  it('takes the checksums from the row of the first block', async () => {
    const sizeBytes = (2 * crcRowBlocks + 2) * blockBytes;
    const first = 2 * crcRowBlocks - 1; // the last of one row, the first of the next
    const two = content(2 * blockBytes);
    const plan = readPlan({ sizeBytes, offset: first * blockBytes, length: 2 * blockBytes });
    const rows = new Uint8Array(2 * crcRowBlocks * 4);
    rows.set(crcsOf(two), (crcRowBlocks - 1) * 4);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield two;
    }
    expectSame(await collect(verified(pieces(), { plan, crcs: rows })), two);
    const unaligned = verified(pieces(), { plan, crcs: rows.subarray(4) });
    await expect(collect(unaligned)).rejects.toMatchObject(dataLoss);
  });

  it('ends its source when the consumer stops or a block is bad', async () => {
    const plan = readPlan({ sizeBytes: bytes.length, offset: 0, length: bytes.length });
    let ended = 0;
    async function* source(of: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        yield* chunksOf(of, blockBytes);
      } finally {
        ended++;
      }
    }
    for await (const _ of verified(source(bytes), { plan, crcs })) break;
    expect(ended).toBe(1);
    await expect(collect(verified(source(content(bytes.length, 9)), { plan, crcs }))).rejects.toThrow();
    expect(ended).toBe(2);
  });
});

describe('rot on disk', () => {
  const bytes = content(2 * blockBytes + 1000);
  const crcs = crcsOf(bytes);
  const whole = { sizeBytes: bytes.length, offset: 0, length: bytes.length };

  async function damaged(damage: (path: string) => Promise<void>): Promise<unknown> {
    await using directory = await temporaryDirectory();
    const blobs = await openDiskBlobs({ root: directory.path });
    await blobs.prepareNamespace('ns1');
    await publish(blobs, name, bytes);
    expectSame(await collect(readChecked(blobs, name, crcs, whole)), bytes);
    await damage(join(directory.path, 'blobs', name));
    return await collect(readChecked(blobs, name, crcs, whole)); // before the directory goes
  }

  it.each([0, 1, blockBytes, 2 * blockBytes, bytes.length - 1])(
    'detects a file cut to %i bytes',
    async (size) => {
      await expect(damaged((path) => truncate(path, size))).rejects.toMatchObject(dataLoss);
    },
  );

  it('detects a file that is gone', async () => {
    await expect(damaged((path) => rm(path))).rejects.toMatchObject(dataLoss);
  });

  it.each([0, blockBytes - 1, blockBytes, 2 * blockBytes, bytes.length - 1])(
    'detects a bit flipped at %i',
    async (at) => {
      const flip = async (path: string) => {
        await using file = await open(path, 'r+');
        await file.write(Uint8Array.of(bytes[at]! ^ 0x10), 0, 1, at);
      };
      await expect(damaged(flip)).rejects.toMatchObject(dataLoss);
    },
  );
});
