/** Messages of uploads that are put together as their bytes come: nothing of what was read stays in use. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import {
  UploadArtifactRequestSchema as Schema,
  type UploadArtifactRequest,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { freeReceived } from '../../../src/domain/blocks.ts';
import { Assembly } from '../../../src/server/messages/assembly.ts';
import { headBytes } from '../../../src/server/messages/envelopes.ts';
import { someBytes } from '../../support/calls.ts';
import { framed } from '../grpc/raw-call.ts';

const KiB = 1024;

const chunkOf = (value: Uint8Array) =>
  framed(Buffer.from(toBinary(Schema, create(Schema, { part: { case: 'chunk', value } }))));

/** Returns the chunks of a body that comes in pieces of these sizes, each read over when it was taken. */
function chunksOf(body: Buffer, sizes: readonly number[], takesParts = false): Buffer[] {
  const assembly = new Assembly();
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const piece = Buffer.from(body.subarray(at, at + sizes[turn % sizes.length]!));
    at += piece.length;
    const messages = assembly.take(piece);
    piece.fill(0);
    const part = takesParts ? assembly.takePart() : undefined;
    for (const message of part === undefined ? messages : [...messages, part]) {
      const { part: decoded }: UploadArtifactRequest = fromBinary(Schema, message.subarray(headBytes));
      const value = decoded.value as Uint8Array;
      chunks.push(Buffer.from(value));
      // As the reader does, so that the next message comes into this memory.
      freeReceived(value);
    }
  }
  return chunks;
}

it.each([
  { chunks: [0, 1, 5], sizes: [1] },
  { chunks: [10, 20, 30], sizes: [1_000] },
  { chunks: [64 * KiB, 64 * KiB], sizes: [16 * KiB] },
  { chunks: [1024 * KiB, 1024 * KiB, 3, 1024 * KiB], sizes: [16 * KiB, 7] },
  { chunks: [1024 * KiB, 300 * KiB, 2000 * KiB], sizes: [64 * KiB, 3 * KiB] },
])('chunks of $chunks bytes in pieces of $sizes bytes', ({ chunks, sizes }) => {
  const values = chunks.map((size, at) => someBytes(size, at));
  const body = Buffer.concat(values.map((value) => chunkOf(value)));
  const taken = chunksOf(body, sizes);
  expect(taken.map(({ length }) => length)).toEqual(chunks);
  expect(Buffer.concat(taken).equals(Buffer.concat(values))).toBe(true);
  const parts = chunksOf(body, sizes, true);
  expect(Buffer.concat(parts).equals(Buffer.concat(values))).toBe(true);
});

it('passes on what has arrived of a chunk, but of nothing else', () => {
  const value = someBytes(500 * KiB);
  const parts = chunksOf(chunkOf(value), [100 * KiB], true);
  expect(parts).toHaveLength(6);
  const assembly = new Assembly();
  const compressed = chunkOf(value);
  compressed[0] = 1;
  assembly.take(compressed.subarray(0, 200 * KiB));
  expect(assembly.takePart()).toBeUndefined();
  assembly.take(compressed.subarray(200 * KiB));
  expect(assembly.takePart()).toBeUndefined();
});

it('has memory for what has come, and not for what is announced', () => {
  const value = someBytes(900 * KiB);
  const body = chunkOf(value);
  const assemblies = Array.from({ length: 40 }, () => new Assembly());
  const before = process.memoryUsage().arrayBuffers;
  for (const assembly of assemblies) assembly.take(body.subarray(0, 10 * KiB));
  const grown = process.memoryUsage().arrayBuffers - before;
  // Without the memory of earlier messages, which at most 16 may have.
  expect(grown / assemblies.length).toBeLessThanOrEqual(40 * KiB);
  for (const assembly of assemblies) {
    const [message] = assembly.take(body.subarray(10 * KiB));
    expect(message?.equals(body)).toBe(true);
  }
});

it('drops a message that has begun', () => {
  const assembly = new Assembly();
  assembly.take(chunkOf(someBytes(100 * KiB)).subarray(0, 50 * KiB));
  assembly.drop();
  const [message] = assembly.take(chunkOf(Buffer.from('next')));
  expect(message?.subarray(-4).toString()).toBe('next');
});
