/** Opening, reading and changing sessions. Sealing is in `seal.ts`. */
import { Failure } from '../domain/errors.ts';
import { type Pairs, samePairs } from '../domain/metadata.ts';
import type { SessionId } from '../domain/names.ts';
import {
  type Principal,
  requireSessionWritable,
  requireWholeSessions,
  seesSession,
} from '../domain/principal.ts';
import type { Outcome, Session } from '../domain/session.ts';
import type { Env, Index, Reader } from '../index/door.ts';
import { sessions } from '../index/keys.ts';
import type { OutputsRecord, SessionRecord } from '../index/records.ts';
import { checkEtag, sessionLost, sessionNotFound, sessionSealed } from './failures.ts';
import type { Namespaces } from './namespaces.ts';
import {
  createSession,
  findSession,
  outputsOf,
  putChangedState,
  readSessions,
  refuseWhileSealing,
  requireSession,
  toSession,
} from './session-rows.ts';
import { type Draft, type Rows, transact } from './transaction.ts';
import { addUsage, growthKeys } from './usage.ts';

/** What OpenSession sets; already checked. */
export interface SessionSpec {
  readonly id: SessionId;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** Sorted bytewise, each once. */
  readonly expectedOutputs: readonly string[];
}

/** How a session really ended. */
export interface Amendment {
  readonly outcome: Exclude<Outcome, 'abandoned'>;
  readonly etag: string | undefined;
}

/** What is present is changed. */
export interface SessionChanges {
  /** Replaces all labels. */
  readonly labels?: Pairs;
  /** Refuse unless the session still has this etag. */
  readonly etag?: string;
}

/** Sessions of the caller’s namespace. */
export class Sessions {
  private readonly index: Index;
  private readonly namespaces: Namespaces;

  constructor(index: Index, namespaces: Namespaces) {
    this.index = index;
    this.namespaces = namespaces;
  }

  /**
   * Opens a session, or returns the one that is there if it was opened with the same settings. On a session that a
   * push opened it sets them once.
   *
   * @throws Failure SESSION_CONFLICT, SESSION_GONE.
   */
  async open(principal: Principal, spec: SessionSpec): Promise<{ session: Session; created: boolean }> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    requireSessionWritable(principal, spec.id);
    return transact(this.index, {
      queue: ns,
      by: principal,
      reads: [sessions.name.key(ns, spec.id), ...growthKeys(ns, spec.id)],
      decide: (rows, draft, env) => decideOpen(ns, spec, rows, draft, env),
    });
  }

  /** @throws Failure SESSION_NOT_FOUND. */
  async get(principal: Principal, id: SessionId): Promise<Session> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    await using snapshot = this.index.snapshot();
    const record = await readSession(snapshot, principal, id);
    return (await readSessions(snapshot, ns, [record]))[0]!;
  }

  /** @throws Failure SESSION_NOT_FOUND, ETAG_MISMATCH. */
  async update(principal: Principal, id: SessionId, changes: SessionChanges): Promise<Session> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    if (!seesSession(principal, id)) throw sessionNotFound(id);
    return transact(this.index, {
      queue: ns,
      by: principal,
      reads: [sessions.name.key(ns, id)],
      decide: (rows, draft, env) => decideUpdate(ns, id, changes, rows, draft, env),
    });
  }

  /** Says how an abandoned session really ended. @throws Failure SESSION_NOT_FOUND, OUTCOME_CONFLICT, ETAG_MISMATCH, SEAL_PENDING. */
  async amend(principal: Principal, id: SessionId, amendment: Amendment): Promise<Session> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    if (!seesSession(principal, id)) throw sessionNotFound(id);
    return transact(this.index, {
      queue: ns,
      by: principal,
      reads: [sessions.name.key(ns, id)],
      decide: (rows, draft, env) => decideAmend(ns, id, amendment, rows, draft, env),
    });
  }
}

/** The record of the session that an id names; also one that is gone, as long as something of it is left. */
export async function readSession(reader: Reader, by: Principal, id: SessionId): Promise<SessionRecord> {
  const ns = by.namespace;
  const name = await reader.get(sessions.name.key(ns, id));
  if (name === undefined || !seesSession(by, id)) throw sessionNotFound(id);
  const value = await reader.get(sessions.record.key(ns, sessions.name.decode(name).uid));
  if (value === undefined) throw sessionLost(id);
  return sessions.record.decode(value);
}

function decideOpen(ns: string, spec: SessionSpec, rows: Rows, draft: Draft, env: Env) {
  const found = findSession(rows, ns, spec.id);
  if (found === undefined) {
    const record = createSession(draft, env, ns, { ...spec, implicit: false });
    draft.put(sessions.record, [ns, record.uid], record);
    addUsage(rows, draft, ns, record.id, { sessions: 1 });
    return { session: toSession(record, { expected: spec.expectedOutputs }), created: true };
  }
  const outputs = outputsOf(rows, ns, found);
  const differs = differences(found, outputs, spec);
  if (found.implicit && found.state === 'open') return complete(found, spec, ns, draft, env);
  if (differs.length === 0) return { session: toSession(found, outputs), created: false };
  if (found.implicit) throw sessionSealed(found);
  throw new Failure(
    'SESSION_CONFLICT',
    `session ${spec.id} was opened with other settings: ${differs.join(', ')}`,
    {
      metadata: { session: spec.id },
      violations: differs.map((field) => ({ field, description: 'differs' })),
    },
  );
}

/** Labels are not compared: they may have changed since. */
function differences(found: SessionRecord, outputs: OutputsRecord, spec: SessionSpec): string[] {
  const fields: string[] = [];
  if (!samePairs(found.metadata, spec.metadata)) fields.push('metadata');
  if (outputs.expected.join('\0') !== spec.expectedOutputs.join('\0')) fields.push('expected_outputs');
  return fields;
}

/** Gives a session that a push opened, once, what its opener would have given it. */
function complete(found: SessionRecord, spec: SessionSpec, ns: string, draft: Draft, env: Env) {
  const outputs: OutputsRecord = { expected: spec.expectedOutputs };
  const record: SessionRecord = {
    ...found,
    implicit: false,
    metadata: spec.metadata,
    hasOutputs: spec.expectedOutputs.length > 0,
    updateTime: env.now,
    revision: found.revision + 1,
  };
  for (const [key, value] of record.metadata)
    draft.put(sessions.byMetadata, [ns, key, value, record.uid], true);
  if (record.hasOutputs) draft.put(sessions.outputs, [ns, record.uid], outputs);
  draft.put(sessions.record, [ns, record.uid], record);
  return { session: toSession(record, outputs), created: false };
}

/** Says how an abandoned session really ended, once. The manifest and the feed stay as they are. */
function decideAmend(
  ns: string,
  id: SessionId,
  { outcome, etag }: Amendment,
  rows: Rows,
  draft: Draft,
  env: Env,
): Session {
  const found = requireSession(rows, ns, id);
  const outputs = outputsOf(rows, ns, found);
  if (found.amended && found.outcome === outcome) return toSession(found, outputs);
  refuseWhileSealing(found);
  if (found.outcome !== 'abandoned') throw cannotAmend(found);
  checkEtag(`session ${id}`, found, etag);
  const record: SessionRecord = {
    ...found,
    outcome,
    amended: true,
    updateTime: env.now,
    revision: found.revision + 1,
  };
  putChangedState(draft, ns, found, record);
  return toSession(record, outputs);
}

function cannotAmend({ id, outcome, amended }: SessionRecord): Failure {
  const how = outcome === undefined ? 'is open' : `${amended ? 'was amended to' : 'ended'} ${outcome}`;
  const message = `session ${id} ${how}; only an abandoned one can be amended, once`;
  return new Failure('OUTCOME_CONFLICT', message, { metadata: { session: id, outcome: outcome ?? '' } });
}

function decideUpdate(
  ns: string,
  id: SessionId,
  changes: SessionChanges,
  rows: Rows,
  draft: Draft,
  env: Env,
): Session {
  const found = requireSession(rows, ns, id);
  checkEtag(`session ${id}`, found, changes.etag);
  const { labels } = changes;
  const outputs = outputsOf(rows, ns, found);
  if (labels === undefined || samePairs(labels, found.labels)) return toSession(found, outputs);
  for (const [key, value] of found.labels) draft.del(sessions.byLabel, ns, key, value, found.uid);
  for (const [key, value] of labels) draft.put(sessions.byLabel, [ns, key, value, found.uid], true);
  const record: SessionRecord = { ...found, labels, updateTime: env.now, revision: found.revision + 1 };
  draft.put(sessions.record, [ns, found.uid], record);
  return toSession(record, outputs);
}
