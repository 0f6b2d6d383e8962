/**
 * The rows of request ids. Each lies under the day on which its request succeeded. A day is as long as a request id is
 * remembered: so an id that is remembered was used today or yesterday, and all rows of earlier days can go. Nothing
 * queues them one by one.
 *
 * Days are counted by the time of the store, which is never less than in an earlier transaction, on any machine: so no
 * row lies under a day that is still to come.
 */
import type { ArtifactId } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Reader, Rows, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { RequestIdRecord } from '../../index/records.ts';
import type { Key, Range } from '../../index/row.ts';

const dayMs = limits.requestIdHoursKept * 3_600_000;

const byDay = keys.calls.requestIdByDay;

/** @param now milliseconds since the Unix epoch. */
function dayOf(now: number): number {
  return Math.floor(now / dayMs);
}

/** Whether the index has rows as earlier releases wrote them, under no day. This release writes none. */
export class OlderRequestIds {
  private readonly index: Pick<Reader, 'scan'>;
  /** False from the time on when the last of them was removed. */
  exist = true;

  private constructor(index: Pick<Reader, 'scan'>) {
    this.index = index;
  }

  /** Looks into the index. @throws Failure STORE_UNAVAILABLE */
  static async of(index: Pick<Reader, 'scan'>): Promise<OlderRequestIds> {
    const older = new OlderRequestIds(index);
    await older.look();
    return older;
  }

  /** Looks whether some are left. */
  async look(): Promise<void> {
    if (!this.exist) return;
    for await (const _ of this.index.scan({ ...keys.calls.requestId.range(), limit: 1 })) return;
    this.exist = false;
  }
}

interface Wanted {
  readonly by: Principal;
  readonly requestId: string;
  readonly today: number;
  readonly withOlder: boolean;
  readonly keys: readonly Key[];
}

/** The keys that were made last: a transaction names the rows that it reads, and its decision reads them right after. */
let last: Wanted | undefined;

/** Returns the keys of the rows in which a request id may be remembered. */
export function requestIdKeys(
  by: Principal,
  requestId: string,
  now: number,
  older: OlderRequestIds,
): readonly Key[] {
  const today = dayOf(now);
  const withOlder = older.exist;
  if (last?.by === by && last.requestId === requestId && last.today === today && last.withOlder === withOlder)
    return last.keys;
  const { namespace: ns, subject } = by;
  const wanted = today > 0 ? [byDay.key(today - 1, ns, subject, requestId)] : [];
  wanted.push(byDay.key(today, ns, subject, requestId));
  if (withOlder) wanted.push(keys.calls.requestId.key(ns, subject, requestId));
  last = { by, requestId, today, withOlder, keys: wanted };
  return wanted;
}

/** Returns what is remembered of a request id. Undefined: nothing, or not any more. */
export function* rememberedRequest(
  rows: Rows,
  by: Principal,
  requestId: string,
  now: number,
  older: OlderRequestIds,
): Asking<RequestIdRecord | undefined> {
  const wanted = requestIdKeys(by, requestId, now, older);
  yield wanted;
  for (const key of wanted) {
    const value = rows.value(key);
    // Rows of both families have the same form.
    const record = value && byDay.decode(value);
    if (record !== undefined && record.expireTime > now) return record;
  }
  return undefined;
}

/** Remembers a request id from now on. */
export function rememberRequest(
  tx: Tx,
  { subject }: Principal,
  requestId: string,
  { fingerprint, artifact }: { readonly fingerprint: string; readonly artifact: ArtifactId },
): void {
  const { ns, now } = tx;
  const expireTime = now + dayMs;
  tx.put(byDay, [dayOf(now), ns, subject, requestId], { fingerprint, artifact, createTime: now, expireTime });
}

/** Returns the range of the rows of which none is remembered any more. */
export function forgottenRequests(now: number): Pick<Range, 'gte' | 'lt'> {
  return { gte: byDay.range().gte, lt: byDay.range(Math.max(0, dayOf(now) - 1)).gte };
}

/** Returns the time from which on no row of the same day is remembered, in milliseconds since the Unix epoch. */
export function forgottenTime(key: Key): number {
  return (byDay.parse(key)[0] + 2) * dayMs;
}
