/** What namespaces use, and what they may. Pure, like everything that runs inside a decision. */
import { crc32 } from 'node:zlib';
import { Failure } from '../../domain/errors.ts';
import type { Asking, Rows, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { QuotaRecord, UsageRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';

/** A namespace has so many rows of usage, so that commits do not all rewrite one. */
const usageShards = 16;

/** All of them. */
export const allShards: readonly number[] = Array.from({ length: usageShards }, (_, shard) => shard);

/**
 * Which of the namespace's usage rows a session is counted in. By its id, which a commit knows before it is begun; the
 * uid of a session that the commit opens is minted in it.
 */
export function usageShard(session: string): number {
  return crc32(session) % usageShards;
}

/** The usage row that a session is counted in. */
export function usageKey(ns: string, session: string): Key {
  return keys.calls.usage.key(ns, usageShard(session));
}

/** The rows that say whether a session may grow. With a quota it takes another round for all of the usage. */
export function growthKeys(ns: string, session: string): Key[] {
  return [usageKey(ns, session), keys.store.namespace.key(ns)];
}

/** The usage of what is empty. */
export const noUsage: UsageRecord = { sessions: 0, artifacts: 0, bytes: 0 };

/** The sum of some usage; what is left out counts as 0. */
export function plus(usage: UsageRecord, more: Partial<UsageRecord>): UsageRecord {
  return {
    // Rows of before sessions were counted have none.
    sessions: (usage.sessions ?? 0) + (more.sessions ?? 0),
    artifacts: usage.artifacts + (more.artifacts ?? 0),
    bytes: usage.bytes + (more.bytes ?? 0),
  };
}

/**
 * Counts in what a session gains, or out what it loses.
 *
 * @throws Failure QUOTA_EXCEEDED if the namespace may not hold that much more.
 */
export function* addUsage(tx: Tx, session: string, gain: Partial<UsageRecord>): Asking<void> {
  const { ns } = tx;
  const shard = usageShard(session);
  if (Object.values(gain).some((amount) => amount > 0)) yield* requireQuota(tx, ns, gain);
  yield [keys.calls.usage.key(ns, shard)];
  tx.put(keys.calls.usage, [ns, shard], plus(tx.get(keys.calls.usage, ns, shard) ?? noUsage, gain));
}

/** What a namespace uses. */
function* usageOf(rows: Rows, ns: string): Asking<UsageRecord> {
  yield allShards.map((shard) => keys.calls.usage.key(ns, shard));
  return allShards
    .map((shard) => rows.get(keys.calls.usage, ns, shard) ?? noUsage)
    .reduce((sum, share) => plus(sum, share), noUsage);
}

/** @throws Failure QUOTA_EXCEEDED if the namespace may not hold that much more. */
export function* requireQuota(rows: Rows, ns: string, gain: Partial<UsageRecord>): Asking<void> {
  yield [keys.store.namespace.key(ns)];
  const quota = rows.get(keys.store.namespace, ns)?.quota;
  if (quota === undefined) return;
  const failure = beyondQuota(quota, plus(yield* usageOf(rows, ns), gain), gain);
  if (failure !== undefined) throw failure;
}

/**
 * Why so much usage is more than the quota allows; undefined if it is not. What does not grow is never too much.
 *
 * @param after what would be used. @param gain what of it is new.
 */
function beyondQuota(
  quota: QuotaRecord,
  after: UsageRecord,
  gain: Partial<UsageRecord>,
): Failure | undefined {
  for (const what of ['sessions', 'artifacts', 'bytes'] as const) {
    const limit = quota[what];
    if (limit === undefined || (gain[what] ?? 0) <= 0 || after[what] <= limit) continue;
    const used = after[what] - (gain[what] ?? 0);
    return new Failure(
      'QUOTA_EXCEEDED',
      `the namespace may hold ${limit} ${what}; it holds ${used}, and this would add ${gain[what]}`,
      { metadata: { quota: what, limit: String(limit), used: String(used) } },
    );
  }
  return undefined;
}
