/** The rows that an API key consists of. Pure, like everything that runs inside a decision. */
import { limits } from '../../domain/limits.ts';
import type { Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord } from '../../index/records.ts';

/** Returns the time when the key ceased or will cease to be good. Undefined: never, unless the record changes. */
function endTime({ revokeTime, expireTime }: ApiKeyRecord): number | undefined {
  if (revokeTime === undefined || expireTime === undefined) return revokeTime ?? expireTime;
  return Math.min(revokeTime, expireTime);
}

/** Returns the time from which no answer mentions the key any more. Undefined: never, unless the record changes. */
function forgetTime(record: ApiKeyRecord): number | undefined {
  const end = endTime(record);
  return end === undefined ? undefined : end + limits.endedKeyDays * 24 * 3_600_000;
}

/** Returns true for a key that is not good any more. A revocation counts also where the clock is behind. */
export function isEnded({ revokeTime, expireTime }: ApiKeyRecord, now: number): boolean {
  return revokeTime !== undefined || (expireTime ?? Number.POSITIVE_INFINITY) <= now;
}

/** Returns true for a key that ended so long ago that it counts as one that never existed. */
export function isForgotten(record: ApiKeyRecord, now: number): boolean {
  return (forgetTime(record) ?? Number.POSITIVE_INFINITY) <= now;
}

/** @param before the record that is replaced. */
export function putKey(tx: Writer, id: string, record: ApiKeyRecord, before?: ApiKeyRecord): void {
  const queued = before && forgetTime(before);
  if (queued !== undefined) tx.del(keys.calls.expiry, queued, record.ns, 'key', id);
  tx.put(keys.credentials.apiKey, [id], record);
  putDerivedOfKey(tx, id, record);
}

/** Puts the row that is derived from a key's record: its place in the queue of the reaper. */
export function putDerivedOfKey(tx: Writer, id: string, record: ApiKeyRecord): void {
  const time = forgetTime(record);
  if (time !== undefined) tx.put(keys.calls.expiry, [time, record.ns, 'key', id], true);
}
