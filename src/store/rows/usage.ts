/** The usage of namespaces, and their quotas. Pure, like everything that runs inside a decision. */
import { crc32 } from 'node:zlib';
import { Failure } from '../../domain/errors.ts';
import type { Asking, Rows, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { QuotaRecord, UsageRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';

/** The number of usage rows of each namespace. With several rows, commits do not all rewrite the same one. */
const usageShards = 16;

/** The numbers of all usage rows. */
export const allShards: readonly number[] = Array.from({ length: usageShards }, (_, shard) => shard);

/**
 * Returns the number of the usage row of the namespace that counts a session. It follows from the session's id, which a
 * commit knows before it begins. The uid does not do: the uid of a session that the commit opens is minted in the
 * commit.
 */
export function usageShard(session: string): number {
  return crc32(session) % usageShards;
}

/** Returns the key of the usage row that counts a session. */
export function usageKey(ns: string, session: string): Key {
  return keys.calls.usage.key(ns, usageShard(session));
}

/**
 * Returns the keys of the rows that decide whether a session may grow. With a quota, another round reads the whole
 * usage.
 */
export function growthKeys(ns: string, session: string): Key[] {
  return [usageKey(ns, session), keys.store.namespace.key(ns)];
}

/** The usage of an empty namespace. */
export const noUsage: UsageRecord = { sessions: 0, artifacts: 0, bytes: 0 };

/** Returns the sum of two usages; a missing number counts as 0. */
export function plus(usage: UsageRecord, more: Partial<UsageRecord>): UsageRecord {
  return {
    // Rows that were written before sessions were counted have no number of sessions.
    sessions: (usage.sessions ?? 0) + (more.sessions ?? 0),
    artifacts: usage.artifacts + (more.artifacts ?? 0),
    bytes: usage.bytes + (more.bytes ?? 0),
  };
}

/**
 * Adds what a session gains to the usage, or subtracts what it loses.
 *
 * @throws Failure QUOTA_EXCEEDED if the namespace may not contain that much more.
 */
export function* addUsage(tx: Tx, session: string, gain: Partial<UsageRecord>): Asking<void> {
  const { ns } = tx;
  const shard = usageShard(session);
  if (Object.values(gain).some((amount) => amount > 0)) yield* requireQuota(tx, ns, gain);
  yield [keys.calls.usage.key(ns, shard)];
  tx.put(keys.calls.usage, [ns, shard], plus(tx.get(keys.calls.usage, ns, shard) ?? noUsage, gain));
}

/** Returns the usage of a namespace. */
function* usageOf(rows: Rows, ns: string): Asking<UsageRecord> {
  yield allShards.map((shard) => keys.calls.usage.key(ns, shard));
  return allShards
    .map((shard) => rows.get(keys.calls.usage, ns, shard) ?? noUsage)
    .reduce((sum, share) => plus(sum, share), noUsage);
}

/** @throws Failure QUOTA_EXCEEDED if the namespace may not contain that much more. */
export function* requireQuota(rows: Rows, ns: string, gain: Partial<UsageRecord>): Asking<void> {
  yield [keys.store.namespace.key(ns)];
  const quota = rows.get(keys.store.namespace, ns)?.quota;
  if (quota === undefined) return;
  const failure = beyondQuota(quota, plus(yield* usageOf(rows, ns), gain), gain);
  if (failure !== undefined) throw failure;
}

/**
 * Returns the reason for which a usage is beyond the quota; undefined if it is within. A number that does not grow is
 * never beyond the quota.
 *
 * @param after the usage to be reached. @param gain the new part of it.
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
      `the quota of the namespace for ${what} is ${limit}; it has ${used}, and this would add ${gain[what]}. Delete ` +
        'something, or ask an operator for a larger quota',
      { metadata: { quota: what, limit: String(limit), used: String(used) } },
    );
  }
  return undefined;
}
