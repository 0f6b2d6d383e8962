/** The rows that a session consists of. Pure, like everything that runs inside a decision. */
import { type SessionUid, sessionUid } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import type { Pairs } from '../../domain/metadata.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Retention } from '../../domain/retention.ts';
import type { Session } from '../../domain/session.ts';
import type { Asking, Reader, Rows, Tx, Writer } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ManifestRecord, OutputsRecord, SessionRecord } from '../../index/records.ts';
import { leasedWord } from '../../query/catalogs.ts';
import { etagOf, manifestNotFound, sealPending } from './failures.ts';
import { asOf, dueTime, freeAgain, hasLapsed, SessionLapsed, type SessionNow } from './session-life.ts';

/** The settings of a new session. */
export interface NewSession {
  readonly id: SessionId;
  readonly implicit: boolean;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** Sorted bytewise, each once. */
  readonly expectedOutputs?: readonly string[];
  /** Undefined: a copy of the namespace's policy. */
  readonly retention?: Retention | undefined;
  /** Milliseconds. */
  readonly leaseMs?: number | undefined;
}

/** Makes a new open session, with the rows that find it. The caller must put its record. */
export function* createSession(tx: Tx, wanted: NewSession): Asking<SessionRecord> {
  const { expectedOutputs = [], retention, leaseMs, ...given } = wanted;
  yield* leaveId(tx, wanted.id);
  const record: SessionRecord = {
    ...given,
    ...(yield* retentionOf(tx, tx.ns, retention)),
    ...(leaseMs === undefined ? {} : { lease: { durationMs: leaseMs, expireTime: tx.now + leaseMs } }),
    hasOutputs: expectedOutputs.length > 0,
    uid: sessionUid(tx.mintId()),
    state: 'open',
    createTime: tx.now,
    updateTime: tx.now,
    feed: 0,
    artifacts: 0,
    bytes: 0,
    holds: 0,
    revision: 1,
  };
  if (record.hasOutputs) tx.put(keys.sessions.outputs, [tx.ns, record.uid], { expected: expectedOutputs });
  putDerivedOfSession(tx, record);
  return record;
}

/** Returns the retention of a session: the one that its opener asked for, or else the namespace's policy. */
export function* retentionOf(
  rows: Rows,
  ns: string,
  asked: Retention | undefined,
): Asking<Pick<SessionRecord, 'retention' | 'askedRetention'>> {
  if (asked !== undefined) return { retention: asked, askedRetention: asked };
  yield [keys.store.policy.key(ns)];
  const policy = rows.get(keys.store.policy, ns)?.retention;
  return policy === undefined ? {} : { retention: policy };
}

/** Takes the id away from the session that had it, if that is gone for so long that the id is free again. */
function* leaveId(tx: Tx, id: string): Asking<void> {
  yield [keys.sessions.name.key(tx.ns, id)];
  const name = tx.get(keys.sessions.name, tx.ns, id);
  if (name === undefined) return;
  if (name.goneSince !== undefined) {
    tx.del(keys.calls.expiry, freeAgain(name.goneSince), tx.ns, 'gone', id);
    return;
  }
  yield [keys.sessions.record.key(tx.ns, name.uid)];
  const before = tx.get(keys.sessions.record, tx.ns, name.uid);
  if (before !== undefined) putSession(tx, before, { ...before, deleteTime: tx.now });
}

/** Puts the rows that are derived from a session's record and find it. */
export function putDerivedOfSession(tx: Writer, record: SessionRecord): void {
  const { ns } = tx;
  if (record.deleteTime === undefined) tx.put(keys.sessions.name, [ns, record.id], { uid: record.uid });
  const due = dueTime(record);
  if (due !== undefined) tx.put(keys.calls.expiry, [due, ns, 'session', record.uid], true);
  tx.put(keys.sessions.byTime, [ns, record.uid], true);
  for (const [key, value] of record.metadata)
    tx.put(keys.sessions.byMetadata, [ns, key, value, record.uid], true);
  for (const [key, value] of record.labels) tx.put(keys.sessions.byLabel, [ns, key, value, record.uid], true);
  for (const word of stateWords(record)) tx.put(keys.sessions.byState, [ns, word, record.uid], true);
}

/** The reverse of {@link putDerivedOfSession}, except for the name, which outlives the session. */
export function delDerivedOfSession(tx: Writer, record: SessionRecord): void {
  const { ns } = tx;
  const due = dueTime(record);
  if (due !== undefined) tx.del(keys.calls.expiry, due, ns, 'session', record.uid);
  tx.del(keys.sessions.byTime, ns, record.uid);
  for (const [key, value] of record.metadata) tx.del(keys.sessions.byMetadata, ns, key, value, record.uid);
  for (const [key, value] of record.labels) tx.del(keys.sessions.byLabel, ns, key, value, record.uid);
  for (const word of stateWords(record)) tx.del(keys.sessions.byState, ns, word, record.uid);
}

/** Returns a session's state and outcome in the spelling of filters. */
export function stateWords({
  state,
  outcome,
  lease,
}: Pick<SessionRecord, 'state' | 'outcome' | 'lease'>): string[] {
  const words = [state, ...(outcome === undefined ? [] : [outcome])].map((word) => word.toUpperCase());
  return state === 'open' && lease !== undefined ? [...words, leasedWord] : words;
}

/**
 * Returns the session of an artifact as it is now. The caller has asked for its record. Undefined if the record is
 * lost.
 */
export function sessionOf(rows: Rows, ns: string, uid: SessionUid, now: number): SessionNow | undefined {
  const record = rows.get(keys.sessions.record, ns, uid);
  return record && asOf(record, now);
}

/** Puts the record of a session, and those of its rows that follow from its state and its end. */
export function putSession(tx: Writer, before: SessionRecord, after: SessionRecord): void {
  const { ns } = tx;
  tx.put(keys.sessions.record, [ns, after.uid], after);
  const words = stateWords(after);
  const wordsBefore = stateWords(before);
  if (words.join() !== wordsBefore.join()) {
    for (const word of wordsBefore) tx.del(keys.sessions.byState, ns, word, before.uid);
    for (const word of words) tx.put(keys.sessions.byState, [ns, word, after.uid], true);
  }
  const due = dueTime(after);
  const dueBefore = dueTime(before);
  if (due === dueBefore) return;
  if (dueBefore !== undefined) tx.del(keys.calls.expiry, dueBefore, ns, 'session', before.uid);
  if (due !== undefined) tx.put(keys.calls.expiry, [due, ns, 'session', after.uid], true);
}

/**
 * Returns the record of a session that has an artifact with an expiry of its own: the artifact may outlast the session.
 */
export function withSurvivor(record: SessionRecord, expireTime: number | undefined): SessionRecord {
  if (expireTime === undefined || (record.survivesUntil ?? 0) >= expireTime) return record;
  return { ...record, survivesUntil: expireTime };
}

/** Returns the record of a session that is written to. Its lease is renewed if a certain part of it has passed. */
export function renewed(record: SessionRecord, now: number): SessionRecord {
  const { lease } = record;
  if (lease === undefined || record.state !== 'open') return record;
  const passed = now + lease.durationMs - lease.expireTime;
  if (passed < lease.durationMs * limits.leaseRenewalPart) return record;
  return { ...record, lease: { ...lease, expireTime: now + lease.durationMs } };
}

/**
 * The set of live artifacts at the seal must not depend on the time when the manifest is computed.
 *
 * @throws Failure SEAL_PENDING; {@link SessionLapsed}.
 */
export function refuseWhileSealing(session: SessionRecord, now: number): void {
  if (session.state === 'sealing') throw sealPending(session.id);
  if (hasLapsed(session, now)) throw new SessionLapsed(session);
}

/**
 * Returns the manifest of a sealed session. @throws Failure SEAL_PENDING until it is stored; MANIFEST_NOT_FOUND for an
 * open session.
 */
export function manifestOf({ id, state, lapsed, manifest }: SessionNow): ManifestRecord {
  if (state === 'sealing' || lapsed) throw sealPending(id);
  if (manifest === undefined) throw manifestNotFound(id);
  return manifest;
}

const noOutputs: OutputsRecord = { expected: [] };

/** Returns the expected outputs of a session. */
export function* outputsOf(rows: Rows, ns: string, record: SessionRecord): Asking<OutputsRecord> {
  if (!record.hasOutputs) return noOutputs;
  yield [keys.sessions.outputs.key(ns, record.uid)];
  return rows.get(keys.sessions.outputs, ns, record.uid) ?? noOutputs;
}

/** Returns the sessions that the records describe at an instant, for a caller. */
export async function readSessions(
  reader: Reader,
  ns: string,
  records: readonly SessionRecord[],
  now: number,
): Promise<Session[]> {
  const having = records.filter(({ hasOutputs }) => hasOutputs);
  const values = await reader.getMany(having.map(({ uid }) => keys.sessions.outputs.key(ns, uid)));
  let next = 0;
  return records.map((record) => {
    const value = record.hasOutputs ? values[next++] : undefined;
    return toSession(
      asOf(record, now),
      value === undefined ? noOutputs : keys.sessions.outputs.decode(value),
    );
  });
}

/** Returns a session as a caller sees it, from its two records. */
export function toSession(record: SessionNow, outputs: OutputsRecord): Session {
  return {
    id: record.id,
    uid: record.uid,
    state: record.state,
    ...(record.outcome === undefined ? {} : { outcome: record.outcome }),
    metadata: record.metadata,
    labels: record.labels,
    expectedOutputs: outputs.expected,
    missingOutputs: outputs.missing ?? [],
    createTime: record.createTime,
    updateTime: record.updateTime,
    ...(record.sealTime === undefined ? {} : { sealTime: record.sealTime }),
    ...(record.expireTime === undefined ? {} : { expireTime: record.expireTime }),
    retention: record.retention ?? { ttlMs: {} },
    kept: record.kept === true,
    ...(record.lease === undefined ? {} : { lease: record.lease }),
    artifactCount: record.artifacts,
    sizeBytes: record.bytes,
    holdCount: record.holds,
    lastSequence: record.feed,
    ...(record.manifest === undefined
      ? {}
      : {
          manifest: {
            sha256: record.manifest.sha256,
            sizeBytes: record.manifest.size,
            lineCount: record.manifest.lines,
          },
        }),
    etag: etagOf(record),
  };
}
