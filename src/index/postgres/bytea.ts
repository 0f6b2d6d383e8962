/** Byte strings as PostgreSQL receives them. */
import { Buffer } from 'node:buffer';

/** The object identifier of the type `bytea`, which never changes. */
export const byteaOid = 17;

const arrayHeadBytes = 20;
const lengthBytes = 4;

/**
 * Returns an array of byte strings in the binary format of parameters: `pg` would send a text with two digits for each
 * byte.
 */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  let bytes = arrayHeadBytes;
  for (const value of values) bytes += lengthBytes + value.length;
  const array = Buffer.allocUnsafe(bytes);
  // One dimension, no nulls, the type, the length, the first subscript.
  array.writeInt32BE(1, 0);
  array.writeInt32BE(0, 4);
  array.writeInt32BE(byteaOid, 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = arrayHeadBytes;
  for (const value of values) {
    at = array.writeInt32BE(value.length, at);
    array.set(value, at);
    at += value.length;
  }
  return array;
}

/** Returns the byte strings of arrays as the server gives them, one array after another. */
export function byteaArraysIn(bytes: Buffer): Buffer[][] {
  const arrays: Buffer[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const isEmpty = bytes.readInt32BE(at) === 0;
    const length = isEmpty ? 0 : bytes.readInt32BE(at + 12);
    // Without a dimension, no length and no first subscript follow.
    at += isEmpty ? 12 : arrayHeadBytes;
    const array: Buffer[] = [];
    for (let n = 0; n < length; n++) {
      const end = at + lengthBytes + bytes.readInt32BE(at);
      array.push(bytes.subarray(at + lengthBytes, end));
      at = end;
    }
    arrays.push(array);
  }
  return arrays;
}
