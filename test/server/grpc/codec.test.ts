/** Messages with large bytes: copied to their frames, or sent after them. */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { DownloadArtifactResponseSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { markBlock } from '../../../src/domain/blocks.ts';
import { blockAfter, encoderOf, sizeOf } from '../../../src/server/grpc/codec.ts';

const encode = encoderOf(DownloadArtifactResponseSchema);

/** A frame as grpc-js makes it: a header of five bytes with the length it was told of, and the message. */
function framed(value: Uint8Array): Buffer {
  const encoded = encode({ part: { case: 'chunk', value } });
  const frame = Buffer.alloc(5 + encoded.byteLength);
  frame.writeUInt32BE(encoded.byteLength, 1);
  encoded.copy(frame, 5);
  return frame;
}

it('a block is announced by its frame, and not copied', () => {
  const block = new Uint8Array(1_000).fill(7);
  const copied = framed(block.slice());
  markBlock(block);
  const frame = framed(block);
  expect(blockAfter(frame)).toBe(block);
  expect(Buffer.concat([frame, block]).equals(copied)).toBe(true);
  expect(copied.readUInt32BE(1)).toBe(copied.length - 5);
});

it('the size of a message counts its block', () => {
  const block = new Uint8Array(1_000).fill(7);
  const size = sizeOf(encode({ part: { case: 'chunk', value: block } }));
  markBlock(block);
  const encoded = encode({ part: { case: 'chunk', value: block } });
  expect([sizeOf(encoded), encoded.byteLength < 10]).toEqual([size, true]);
});

it('bytes of others are copied, and left alone', () => {
  const bytes = new Uint8Array(1_000).fill(7);
  const frame = framed(bytes);
  expect([bytes.length, blockAfter(frame)]).toEqual([1_000, undefined]);
  expect(frame.subarray(-1_000).every((byte) => byte === 7)).toBe(true);
});
