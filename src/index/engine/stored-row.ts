/**
 * The stored form of a row: a CRC-32 (4 bytes, big endian), one byte for the format version, and the value. The CRC is
 * that of everything that follows it and of the key. LevelDB does not check what it reads back, and a value under
 * another key is as wrong as a changed one.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { Failure } from '../../domain/errors.ts';
import { hexOf } from '../bytes.ts';
import type { Key, Value, Write } from '../row.ts';
import type { StoredValue } from './database.ts';

const formatVersion = 1;
const versionAt = 4;
/** The number of bytes by which a stored row is longer than its value. */
const storedRowOverheadBytes = 5;

/** Returns the stored form of a row; {@link decodeRow} reads it. */
export function encodeRow(key: Key, value: Value): StoredValue {
  const stored = Buffer.allocUnsafe(storedRowOverheadBytes + value.length);
  stored[versionAt] = formatVersion;
  stored.set(value, storedRowOverheadBytes);
  stored.writeUInt32BE(crc32(stored.subarray(versionAt), crc32(key)));
  return stored;
}

/**
 * Returns the stored form of many writes, in one block of memory. The rows are made from the last to the first: the key
 * of a row lies where the row before it will be, so that one call has all that the checksum is of.
 */
export function encodeWrites(writes: readonly Write[]): Write[] {
  let bytes = 0;
  let keyBytesMax = 0;
  for (const write of writes) {
    if (write.type === 'del') continue;
    bytes += storedRowOverheadBytes + write.value.length;
    keyBytesMax = Math.max(keyBytesMax, write.key.length);
  }
  const block = Buffer.allocUnsafeSlow(keyBytesMax + bytes);
  const encoded: Write[] = [...writes];
  let end = block.length;
  for (let at = writes.length - 1; at >= 0; at--) {
    const write = writes[at]!;
    if (write.type === 'del') continue;
    const { key, value } = write;
    const valueAt = end - value.length;
    const keyAt = valueAt - 1 - key.length;
    block.set(value, valueAt);
    block[valueAt - 1] = formatVersion;
    block.set(key, keyAt);
    const start = valueAt - storedRowOverheadBytes;
    block.writeUInt32BE(crc32(block.subarray(keyAt, end)), start);
    encoded[at] = { type: 'put', key, value: block.subarray(start, end) };
    end = start;
  }
  return encoded;
}

/** Returns the stored form of a write. */
export function encodeWrite(write: Write): Write {
  return write.type === 'put'
    ? { type: 'put', key: write.key, value: encodeRow(write.key, write.value) }
    : write;
}

/**
 * Returns the value, which shares the memory of `stored`. Fails with `DATA_LOSS` if the value is not the one that was
 * stored under `key`.
 */
export function decodeRow(key: Key, stored: StoredValue): Value {
  if (
    stored.length < storedRowOverheadBytes ||
    checksumOf(stored) !== crc32(stored.subarray(versionAt), crc32(key))
  ) {
    const name = hexOf(key);
    throw new Failure('DATA_LOSS', `the index row ${name} does not match its checksum`, {
      metadata: { key: name },
    });
  }
  if (stored[versionAt] !== formatVersion) {
    throw new Failure(
      'NOT_IMPLEMENTED',
      `the index row ${hexOf(key)} has format version ${stored[versionAt]}, and this release reads ${formatVersion}`,
    );
  }
  return stored.subarray(storedRowOverheadBytes);
}

function checksumOf(stored: StoredValue): number {
  return ((stored[0]! << 24) | (stored[1]! << 16) | (stored[2]! << 8) | stored[3]!) >>> 0;
}
