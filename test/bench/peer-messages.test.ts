import { createHash } from 'node:crypto';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { Content, MiB } from '../../bench/harness/content.ts';
import { pushes, pushFrame } from '../../bench/harness/pushes.ts';
import { writeFrames } from '../../bench/peers/bazel-remote.ts';
import { putFrame } from '../../bench/peers/etcd.ts';
import { varintField } from '../../bench/peers/protobuf.ts';

/** The fields of each gRPC message in a stream of bytes, by number. */
function messagesOf(bytes: Buffer): ReadonlyMap<number, Uint8Array | bigint>[] {
  const messages: Map<number, Uint8Array | bigint>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const reader = new BinaryReader(bytes.subarray(at + 5, end));
    const fields = new Map<number, Uint8Array | bigint>();
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      fields.set(number, type === 2 ? reader.bytes() : BigInt(reader.int64()));
    }
    messages.push(fields);
    at = end;
  }
  return messages;
}

it('gives etcd the message of a push as a value, its session and name as the key', () => {
  const [push] = pushes(1);
  const [put, ...more] = messagesOf(putFrame(push!));
  expect(more).toEqual([]);
  expect(Buffer.from(put!.get(1) as Uint8Array).toString()).toBe(`${push!.session}/${push!.name}`);
  expect(Buffer.compare(put!.get(2) as Uint8Array, pushFrame(push!).subarray(5))).toBe(0);
});

it('gives bazel-remote a content in pieces with their offsets, and says which is the last', () => {
  const content = new Content(3 * MiB);
  const sha256 = content.digest(7);
  // The buffers of a content serve again.
  const bytes = Buffer.concat([...writeFrames(content, 7, sha256)].map((part) => Buffer.from(part)));
  const messages = messagesOf(bytes);
  expect(messages.map((fields) => fields.get(2))).toEqual([0n, BigInt(MiB), BigInt(2 * MiB)]);
  expect(messages.map((fields) => fields.get(3))).toEqual([0n, 0n, 1n]);
  const name = Buffer.from(messages[0]!.get(1) as Uint8Array).toString();
  expect(name).toMatch(new RegExp(`^uploads/[0-9a-f-]{36}/blobs/${sha256}/${3 * MiB}$`));
  const hash = createHash('sha256');
  for (const fields of messages) hash.update(fields.get(10) as Uint8Array);
  expect(hash.digest('hex')).toBe(sha256);
});

it('encodes numbers of more than 32 bits', () => {
  const reader = new BinaryReader(varintField(2, 5 * 2 ** 40 + 3));
  reader.tag();
  expect(BigInt(reader.int64())).toBe(BigInt(5 * 2 ** 40 + 3));
});
