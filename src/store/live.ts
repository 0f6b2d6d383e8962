import { isExpired } from '../domain/expiry.ts';
import type { ArtifactId } from '../domain/ids.ts';
import { type Principal, seesArtifact } from '../domain/principal.ts';
import type { Reader } from '../index/door.ts';
import { artifacts } from '../index/keys.ts';
import type { ArtifactRecord } from '../index/records.ts';

/** Records can be large: callers read no more than this many together. */
export const recordsReadTogether = 32;

/** An artifact that is there for the caller. */
export interface LiveRecord {
  readonly record: ArtifactRecord;
  /** Of the record as it is stored. */
  readonly bytes: number;
}

/** False for what has expired at `now` or may not exist for the principal, which are not told apart. */
export function isShown(record: ArtifactRecord, by: Principal, now: number): boolean {
  return !isExpired(record, now) && seesArtifact(by, record);
}

/**
 * One for each id; undefined for what is deleted, has expired at `now` or may not exist for the principal, which
 * are not told apart.
 */
export async function readLive(
  reader: Reader,
  by: Principal,
  ids: readonly ArtifactId[],
  now: number,
): Promise<(LiveRecord | undefined)[]> {
  const values = await reader.getMany(ids.map((id) => artifacts.record.key(by.namespace, id)));
  return values.map((value) => {
    if (value === undefined) return undefined;
    const record = artifacts.record.decode(value);
    return isShown(record, by, now) ? { record, bytes: value.length } : undefined;
  });
}
