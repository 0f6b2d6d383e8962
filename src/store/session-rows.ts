/** The rows that a session consists of. Pure, like everything that runs inside a `decide`. */
import { sessionUid } from '../domain/ids.ts';
import type { Pairs } from '../domain/metadata.ts';
import type { SessionId } from '../domain/names.ts';
import type { Session } from '../domain/session.ts';
import type { Env, Reader } from '../index/door.ts';
import { sessions } from '../index/keys.ts';
import type { OutputsRecord, SessionRecord } from '../index/records.ts';
import { etagOf, sealPending, sessionGone, sessionLost, sessionNotFound } from './failures.ts';
import type { Draft, Rows } from './transaction.ts';

/** What a session is opened with. */
export interface NewSession {
  readonly id: SessionId;
  readonly implicit: boolean;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** Sorted bytewise, each once. */
  readonly expectedOutputs?: readonly string[];
}

/** A new open session, with the rows that find it; its record is left to the caller to put. */
export function createSession(draft: Draft, env: Env, ns: string, wanted: NewSession): SessionRecord {
  const { expectedOutputs = [], ...kept } = wanted;
  const record: SessionRecord = {
    ...kept,
    hasOutputs: expectedOutputs.length > 0,
    uid: sessionUid(env.mintId()),
    state: 'open',
    createTime: env.now,
    updateTime: env.now,
    feed: 0,
    artifacts: 0,
    bytes: 0,
    holds: 0,
    revision: 1,
  };
  if (record.hasOutputs) draft.put(sessions.outputs, [ns, record.uid], { expected: expectedOutputs });
  putDerivedOfSession(draft, ns, record);
  return record;
}

/** What is derived from a session's record and finds it. */
export function putDerivedOfSession(draft: Draft, ns: string, record: SessionRecord): void {
  draft.put(sessions.name, [ns, record.id], { uid: record.uid });
  draft.put(sessions.byTime, [ns, record.uid], true);
  for (const [key, value] of record.metadata)
    draft.put(sessions.byMetadata, [ns, key, value, record.uid], true);
  for (const [key, value] of record.labels) draft.put(sessions.byLabel, [ns, key, value, record.uid], true);
  for (const word of stateWords(record)) draft.put(sessions.byState, [ns, word, record.uid], true);
}

/** A session's state and outcome as filters write them. */
export function stateWords({ state, outcome }: Pick<SessionRecord, 'state' | 'outcome'>): string[] {
  return [state, ...(outcome === undefined ? [] : [outcome])].map((word) => word.toUpperCase());
}

/** Puts the record of a session whose state has changed. */
export function putChangedState(draft: Draft, ns: string, before: SessionRecord, after: SessionRecord): void {
  for (const word of stateWords(before)) draft.del(sessions.byState, ns, word, before.uid);
  for (const word of stateWords(after)) draft.put(sessions.byState, [ns, word, after.uid], true);
  draft.put(sessions.record, [ns, after.uid], after);
}

/** The session that an id names now; undefined if there is none. @throws Failure SESSION_GONE. */
export function findSession(rows: Rows, ns: string, id: string): SessionRecord | undefined {
  const name = rows.get(sessions.name, ns, id);
  if (name === undefined) return undefined;
  if (name.goneSince !== undefined) throw sessionGone(id);
  const record = rows.get(sessions.record, ns, name.uid);
  if (record === undefined) throw sessionLost(id);
  return record;
}

/** As {@link findSession}, for calls that need the session. @throws Failure SESSION_NOT_FOUND. */
export function requireSession(rows: Rows, ns: string, id: string): SessionRecord {
  const record = findSession(rows, ns, id);
  if (record === undefined) throw sessionNotFound(id);
  return record;
}

/** @throws Failure SEAL_PENDING while the manifest is being computed: it must not see deletions. */
export function refuseWhileSealing(session: SessionRecord): void {
  if (session.state === 'sealing') throw sealPending(session.id);
}

const noOutputs: OutputsRecord = { expected: [] };

/** The expected outputs of a session, inside a transaction. */
export function outputsOf(rows: Rows, ns: string, record: SessionRecord): OutputsRecord {
  return (record.hasOutputs ? rows.get(sessions.outputs, ns, record.uid) : undefined) ?? noOutputs;
}

/** What the records of sessions say to a caller. */
export async function readSessions(
  reader: Reader,
  ns: string,
  records: readonly SessionRecord[],
): Promise<Session[]> {
  const having = records.filter(({ hasOutputs }) => hasOutputs);
  const values = await reader.getMany(having.map(({ uid }) => sessions.outputs.key(ns, uid)));
  let next = 0;
  return records.map((record) => {
    const value = record.hasOutputs ? values[next++] : undefined;
    return toSession(record, value === undefined ? noOutputs : sessions.outputs.decode(value));
  });
}

/** A session as a caller sees it, from its two records. */
export function toSession(record: SessionRecord, outputs: OutputsRecord): Session {
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
