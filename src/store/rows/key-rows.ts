/** The rows that an API key consists of. Pure, like everything that runs inside a decision. */
import { limits } from '../../domain/limits.ts';
import type { Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord } from '../../index/records.ts';

/** When it ceased or will cease to be good. Undefined: never, as things are. */
function endTime({ revokeTime, expireTime }: ApiKeyRecord): number | undefined {
  if (revokeTime === undefined || expireTime === undefined) return revokeTime ?? expireTime;
  return Math.min(revokeTime, expireTime);
}

/** When nothing is said of it any more. Undefined: never, as things are. */
function forgetTime(record: ApiKeyRecord): number | undefined {
  const end = endTime(record);
  return end === undefined ? undefined : end + limits.endedKeyDays * 24 * 3_600_000;
}

/** True for one that is not good any more. */
export function isEnded(record: ApiKeyRecord, now: number): boolean {
  return (endTime(record) ?? Number.POSITIVE_INFINITY) <= now;
}

/** True for one that has ended so long ago that it is as if it had never been. */
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

/** What is derived from a key's record: where it is queued for the reaper. */
export function putDerivedOfKey(tx: Writer, id: string, record: ApiKeyRecord): void {
  const time = forgetTime(record);
  if (time !== undefined) tx.put(keys.calls.expiry, [time, record.ns, 'key', id], true);
}
