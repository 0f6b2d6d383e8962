/** The little of protobuf and gRPC that messages of peers need: their definitions are not ours to keep. */
import { Buffer } from 'node:buffer';

/** A field of bytes. */
export function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([fieldHead(number, bytes.length), bytes]);
}

/** A field of bytes without them, which follow. */
export function fieldHead(number: number, length: number): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(length)]);
}

/** A field of a whole number or a truth value. */
export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

/** A gRPC frame; `moreBytes` of its message follow it. */
export function framed(message: Buffer, moreBytes = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length + moreBytes, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  // Not by shifts, which end at 32 bits.
  for (; value > 0x7f; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}
