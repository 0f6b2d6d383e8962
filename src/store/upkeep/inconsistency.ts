/** The reasons for which collection stops: it deletes nothing that it does not understand. */

import type { Sha256 } from '../../domain/digest.ts';
import { failedWith } from '../../domain/errors.ts';
import { keys } from '../../index/keys.ts';
import type { BlobRecord } from '../../index/records.ts';
import type { Value } from '../../index/row.ts';

/** Rows disagree with each other, or are of a kind that this version does not know. The message is for operators. */
export class Inconsistency extends Error {}

/**
 * Returns the reason for which maintenance has to wait for a check, if the error has one; undefined for any other
 * error.
 */
export function inconsistencyIn(error: unknown): string | undefined {
  if (error instanceof Inconsistency) return error.message;
  return failedWith(error, 'DATA_LOSS') ? error.message : undefined;
}

const knownFields = new Set([
  'name',
  'bytesTime',
  'size',
  'generation',
  'crc32c',
  'refs',
  'quarantined',
  'idleSince',
]);

/** Returns the record of a content, if all its fields are understood. @throws Inconsistency. */
export function soundRecord(value: Value, ns: string, sha256: Sha256): BlobRecord {
  const record = decoded(value);
  const isSound =
    record !== undefined &&
    isCount(record.refs) &&
    isCount(record.size) &&
    (record.name === undefined || typeof record.name === 'string') &&
    (record.bytesTime === undefined || (isCount(record.bytesTime) && record.name === undefined)) &&
    (record.idleSince === undefined || isCount(record.idleSince)) &&
    Object.keys(record).every((field) => knownFields.has(field));
  if (isSound) return record;
  throw new Inconsistency(
    `the record of the content ${sha256} in ${ns} has an unknown form or an unknown count of references`,
  );
}

function decoded(value: Value): BlobRecord | undefined {
  try {
    const record: unknown = keys.blobs.record.decode(value);
    return typeof record === 'object' && record !== null ? (record as BlobRecord) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
