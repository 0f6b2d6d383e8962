/** Chunks that are split where they were cut: their bytes stay the same, and no other message is touched. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import {
  UploadArtifactRequestSchema as Schema,
  type UploadArtifactRequest,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { headBytes } from '../../../src/server/messages/envelopes.ts';
import { hasChunks, partOf, uploadPath } from '../../../src/server/messages/parts.ts';
import { Pieces } from '../../../src/server/messages/pieces.ts';
import { someBytes } from '../../support/calls.ts';
import { framed } from '../grpc/raw-call.ts';

const KiB = 1024;
const chunkOf = (value: Uint8Array) => toBinary(Schema, create(Schema, { part: { case: 'chunk', value } }));

/** Takes the messages of a body that comes in these pieces, and a part after each piece. */
function takenOf(pieces: readonly Uint8Array[]): UploadArtifactRequest[] {
  const body = new Pieces();
  const taken: UploadArtifactRequest[] = [];
  const take = (message: Uint8Array) => taken.push(fromBinary(Schema, message.subarray(headBytes)));
  for (const piece of pieces) {
    body.push(piece);
    for (let message = body.takeMessage(); message !== undefined; message = body.takeMessage()) take(message);
    const part = body.takePart();
    if (part === undefined) continue;
    expect(take(part.message)).toBeGreaterThan(0);
    expect(taken.at(-1)?.part.value).toHaveLength(part.chunkBytes);
  }
  expect(body.bytes).toBe(0);
  return taken;
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + sizes[turn % sizes.length]!;
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}

const joined = (messages: readonly UploadArtifactRequest[]) =>
  Buffer.concat(messages.map(({ part }) => (part.case === 'chunk' ? part.value : Buffer.alloc(0))));

it.each([
  { size: 64 * KiB, sizes: [1, 2, 3, 16 * KiB] },
  { size: 200 * KiB + 1, sizes: [70 * KiB] },
  { size: 1024 * KiB, sizes: [16 * KiB] },
  { size: 1024 * KiB, sizes: [65_542, 1] },
  { size: 2048 * KiB - 8, sizes: [64 * KiB + 6, 130 * KiB, 7] },
  { size: 300 * KiB, sizes: [5, 4, 300 * KiB] },
])('chunks of $size bytes in pieces of $sizes bytes are the same bytes', ({ size, sizes }) => {
  const first = someBytes(size, 1);
  const second = someBytes(size, 2);
  const body = Buffer.concat([first, second].map((bytes) => framed(Buffer.from(chunkOf(bytes)))));
  const taken = takenOf(cut(body, sizes));
  expect(joined(taken).equals(Buffer.concat([first, second]))).toBe(true);
});

it('passes on what has arrived', () => {
  const bytes = someBytes(1024 * KiB);
  const pieces = cut(framed(Buffer.from(chunkOf(bytes))), [100 * KiB]);
  const lengths = takenOf(pieces).map(({ part }) => (part.value as Uint8Array).length);
  expect(lengths).toHaveLength(pieces.length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(100 * KiB);
});

it('waits for messages of other kinds, and for broken ones', () => {
  const large = 'x'.repeat(200 * KiB);
  const start = toBinary(
    Schema,
    create(Schema, { part: { case: 'start', value: { spec: { session: 's', name: large } } } }),
  );
  const chunk = chunkOf(someBytes(200 * KiB));
  const twice = Buffer.concat([chunk, chunk]);
  const endless = Buffer.concat([Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(200 * KiB)]);
  for (const message of [start, twice, endless]) {
    const arrived = message.subarray(0, 150 * KiB);
    const leftBytes = message.length - arrived.length;
    expect(partOf({ arrived: [arrived], arrivedBytes: arrived.length, leftBytes })).toBeUndefined();
  }
});

it('leaves compressed messages alone', () => {
  const body = framed(Buffer.from(chunkOf(someBytes(200 * KiB))));
  body[0] = 1;
  const pieces = new Pieces();
  pieces.push(body.subarray(0, 150 * KiB));
  expect(pieces.takeMessage()).toBeUndefined();
  expect(pieces.takePart()).toBeUndefined();
});

it('is for uploads alone', () => {
  expect(hasChunks(ArtifactService.method.uploadArtifact)).toBe(true);
  expect(hasChunks(AdminService.method.importIndex)).toBe(false);
  expect(uploadPath).toBe('/artifacta.v1.ArtifactService/UploadArtifact');
});
