/** What becomes of the memory of a block when its message has been copied to a frame. */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { DownloadArtifactResponseSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { markBlock } from '../../../src/domain/blocks.ts';
import { encoderOf } from '../../../src/server/grpc/codec.ts';

const encode = encoderOf(DownloadArtifactResponseSchema);

function framed(value: Uint8Array): Buffer {
  const encoded = encode({ part: { case: 'chunk', value } });
  const frame = Buffer.alloc(encoded.byteLength);
  encoded.copy(frame, 0);
  expect(encoded.byteLength).toBe(frame.length);
  return frame;
}

it('a block that is copied is freed', () => {
  const block = new Uint8Array(1_000).fill(7);
  markBlock(block);
  const frame = framed(block);
  expect(block.length).toBe(0);
  expect(frame.subarray(-1_000).every((byte) => byte === 7)).toBe(true);
});

it('bytes of others are left alone', () => {
  const bytes = new Uint8Array(1_000).fill(7);
  framed(bytes);
  expect(bytes.length).toBe(1_000);
});
