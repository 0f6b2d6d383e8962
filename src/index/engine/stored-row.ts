/**
 * How a row is stored: the CRC-32 (4 bytes, big endian) of all that follows it and of the key, one byte for the
 * format version, the value. LevelDB does not check what it reads back, and a value under another key is as wrong as
 * a changed one.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { Failure } from '../../domain/errors.ts';
import { hexOf } from '../bytes.ts';
import type { Key, Value, Write } from '../row.ts';
import type { StoredValue } from './database.ts';

const formatVersion = 1;
const versionAt = 4;
/** Bytes that a stored row is longer than its value. */
const storedRowOverheadBytes = 5;

/** A row as it is stored; {@link decodeRow} reads it. */
export function encodeRow(key: Key, value: Value): StoredValue {
  const stored = Buffer.allocUnsafe(storedRowOverheadBytes + value.length);
  stored[versionAt] = formatVersion;
  stored.set(value, storedRowOverheadBytes);
  stored.writeUInt32BE(crc32(stored.subarray(versionAt), crc32(key)));
  return stored;
}

/** A write as it is stored. */
export function encodeWrite(write: Write): Write {
  return write.type === 'put'
    ? { type: 'put', key: write.key, value: encodeRow(write.key, write.value) }
    : write;
}

/** The value, sharing the memory of `stored`. Fails with `DATA_LOSS` if it is not what was stored under `key`. */
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
      `the index row ${hexOf(key)} has format version ${stored[versionAt]}, this release reads ${formatVersion}`,
    );
  }
  return stored.subarray(storedRowOverheadBytes);
}

function checksumOf(stored: StoredValue): number {
  return ((stored[0]! << 24) | (stored[1]! << 16) | (stored[2]! << 8) | stored[3]!) >>> 0;
}
