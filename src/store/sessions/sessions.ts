/** Opening, reading and changing sessions. Sealing is in `seal.ts`. */
import { Failure, failedWith } from '../../domain/errors.ts';
import { type Pairs, samePairs } from '../../domain/metadata.ts';
import type { SessionId } from '../../domain/names.ts';
import {
  type Principal,
  requireSessionWritable,
  requireWholeSessions,
  seesSession,
} from '../../domain/principal.ts';
import { laterExpiry, type Retention, sameRetention } from '../../domain/retention.ts';
import type { Outcome, Session } from '../../domain/session.ts';
import type { Env, Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { OutputsRecord, SessionRecord } from '../../index/records.ts';
import { readSession } from '../look/read-session.ts';
import { checkEtag, sessionNotFound, sessionSealed } from '../rows/failures.ts';
import {
  createSession,
  findSession,
  outputsOf,
  putSession,
  readSessions,
  refuseWhileSealing,
  renewed,
  requireSession,
  retentionOf,
  toSession,
} from '../rows/session-rows.ts';
import type { OnStep } from '../rows/steps.ts';
import { type Draft, type Rows, transact } from '../rows/transaction.ts';
import { addUsage, growthKeys } from '../rows/usage.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { enterKept, leaveKept, withExpiry } from './kept-sessions.ts';
import type { Lapses } from './lapses.ts';
import { decideDeleteSession } from './session-deletion.ts';

/** What OpenSession sets; already checked. */
export interface SessionSpec {
  readonly id: SessionId;
  readonly metadata: Pairs;
  readonly labels: Pairs;
  /** Sorted bytewise, each once. */
  readonly expectedOutputs: readonly string[];
  /** Undefined: a copy of the namespace's policy. */
  readonly retention?: Retention | undefined;
  /** Milliseconds; undefined: no lease. */
  readonly leaseMs?: number | undefined;
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
  /** Only while it is open. */
  readonly retention?: Retention;
  /** Renew the lease. */
  readonly touch?: boolean;
  /** Refuse unless the session still has this etag. */
  readonly etag?: string;
}

/** Sessions of the caller’s namespace. */
export class Sessions {
  private readonly index: Index;
  private readonly namespaces: Namespaces;

  private readonly lapses: Lapses;

  private readonly onStep: OnStep | undefined;

  constructor(index: Index, namespaces: Namespaces, lapses: Lapses, onStep?: OnStep) {
    this.index = index;
    this.namespaces = namespaces;
    this.lapses = lapses;
    this.onStep = onStep;
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
    return this.lapses.settled(ns, () =>
      transact(this.index, {
        queue: ns,
        by: principal,
        reads: [keys.sessions.name.key(ns, spec.id), ...growthKeys(ns, spec.id)],
        decide: (rows, draft, env) => decideOpen(ns, spec, rows, draft, env),
      }),
    );
  }

  /** @throws Failure SESSION_NOT_FOUND. */
  async get(principal: Principal, id: SessionId): Promise<Session> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    await using snapshot = this.index.snapshot();
    const now = this.index.now();
    const record = await readSession(snapshot, principal, id, now);
    return (await readSessions(snapshot, ns, [record], now))[0]!;
  }

  /** @throws Failure SESSION_NOT_FOUND, ETAG_MISMATCH, SESSION_SEALED. */
  async update(principal: Principal, id: SessionId, changes: SessionChanges): Promise<Session> {
    const ns = principal.namespace;
    return await this.change(principal, id, (rows, draft, env) =>
      decideUpdate(ns, id, changes, rows, draft, env),
    );
  }

  /** Says how an abandoned session really ended. @throws Failure SESSION_NOT_FOUND, OUTCOME_CONFLICT, ETAG_MISMATCH, SEAL_PENDING. */
  async amend(principal: Principal, id: SessionId, amendment: Amendment): Promise<Session> {
    const ns = principal.namespace;
    return await this.change(principal, id, (rows, draft, env) =>
      decideAmend(ns, id, amendment, rows, draft, env),
    );
  }

  /**
   * Deletes a session and all that is in it, at once for every reader; false if there was nothing to delete.
   *
   * @throws Failure ARTIFACT_HELD, SEAL_PENDING, ETAG_MISMATCH.
   */
  async delete(principal: Principal, id: SessionId, etag?: string): Promise<boolean> {
    const { namespace: ns } = principal;
    try {
      const deleted = await this.change(principal, id, (rows, draft, env) =>
        decideDeleteSession(ns, id, etag, rows, draft, env),
      );
      await this.onStep?.('session.deleted');
      return deleted;
    } catch (error) {
      if (failedWith(error, 'SESSION_NOT_FOUND')) return false;
      throw error;
    }
  }

  private async change<T>(
    principal: Principal,
    id: SessionId,
    decide: (rows: Rows, draft: Draft, env: Env) => T,
  ): Promise<T> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    if (!seesSession(principal, id)) throw sessionNotFound(id);
    return await this.lapses.settled(ns, () =>
      transact(this.index, { queue: ns, by: principal, reads: [keys.sessions.name.key(ns, id)], decide }),
    );
  }
}

function decideOpen(ns: string, spec: SessionSpec, rows: Rows, draft: Draft, env: Env) {
  const found = findSession(rows, ns, spec.id, env.now);
  if (found === undefined) {
    const record = createSession(rows, draft, env, ns, { ...spec, implicit: false });
    draft.put(keys.sessions.record, [ns, record.uid], record);
    addUsage(rows, draft, ns, record.id, { sessions: 1 });
    return { session: toSession(record, { expected: spec.expectedOutputs }), created: true };
  }
  const outputs = outputsOf(rows, ns, found);
  const differs = differences(found, outputs, spec);
  if (found.implicit && found.state === 'open') return complete(found, spec, ns, rows, draft, env);
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
  if (!sameAsked(found.askedRetention, spec.retention)) fields.push('retention');
  if (found.lease?.durationMs !== spec.leaseMs) fields.push('lease');
  return fields;
}

function sameAsked(before: Retention | undefined, now: Retention | undefined): boolean {
  return before === undefined || now === undefined ? before === now : sameRetention(before, now);
}

/** Gives a session that a push opened, once, what its opener would have given it. */
function complete(found: SessionRecord, spec: SessionSpec, ns: string, rows: Rows, draft: Draft, env: Env) {
  const outputs: OutputsRecord = { expected: spec.expectedOutputs };
  const record: SessionRecord = {
    ...found,
    ...(spec.retention === undefined ? {} : retentionOf(rows, ns, spec.retention)),
    ...(spec.leaseMs === undefined
      ? {}
      : { lease: { durationMs: spec.leaseMs, expireTime: env.now + spec.leaseMs } }),
    implicit: false,
    metadata: spec.metadata,
    hasOutputs: spec.expectedOutputs.length > 0,
    updateTime: env.now,
    revision: found.revision + 1,
  };
  for (const [key, value] of record.metadata)
    draft.put(keys.sessions.byMetadata, [ns, key, value, record.uid], true);
  if (record.hasOutputs) draft.put(keys.sessions.outputs, [ns, record.uid], outputs);
  putSession(draft, ns, found, record);
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
  const found = requireSession(rows, ns, id, env.now);
  const outputs = outputsOf(rows, ns, found);
  if (found.amended && found.outcome === outcome) return toSession(found, outputs);
  refuseWhileSealing(found, env.now);
  if (found.outcome !== 'abandoned') throw cannotAmend(found);
  checkEtag(`session ${id}`, found, etag);
  const record: SessionRecord = {
    ...amended(rows, draft, ns, found, outcome, env.now),
    amended: true,
    updateTime: env.now,
    revision: found.revision + 1,
  };
  putSession(draft, ns, found, record);
  return toSession(record, outputs);
}

/** With the outcome, and what the retention makes of it: never an earlier expiry than before. */
function amended(
  rows: Rows,
  draft: Draft,
  ns: string,
  found: SessionRecord,
  outcome: Outcome,
  now: number,
): SessionRecord {
  const left = leaveKept(rows, draft, ns, found, now);
  const entered = enterKept(rows, draft, ns, { ...left, outcome }, now);
  return entered.kept ? entered : withExpiry(entered, laterExpiry(left.expireTime, entered.expireTime));
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
  const found = requireSession(rows, ns, id, env.now);
  checkEtag(`session ${id}`, found, changes.etag);
  const isOpen = found.state === 'open';
  if (!isOpen && (changes.retention !== undefined || (changes.touch && found.lease !== undefined)))
    throw sessionSealed(found);
  const outputs = outputsOf(rows, ns, found);
  const record = changed(changes.touch ? renewed(found, env.now) : found, changes, env.now);
  if (record === found) return toSession(found, outputs);
  if (record.labels !== found.labels) {
    for (const [key, value] of found.labels) draft.del(keys.sessions.byLabel, ns, key, value, found.uid);
    for (const [key, value] of record.labels)
      draft.put(keys.sessions.byLabel, [ns, key, value, found.uid], true);
  }
  putSession(draft, ns, found, record);
  return toSession(record, outputs);
}

/** The same record if nothing would change. */
function changed(found: SessionRecord, { labels, retention }: SessionChanges, now: number): SessionRecord {
  const hasLabels = labels !== undefined && !samePairs(labels, found.labels);
  const hasRetention = retention !== undefined && !sameRetention(retention, found.retention ?? { ttlMs: {} });
  if (!hasLabels && !hasRetention) return found;
  return {
    ...found,
    ...(hasLabels ? { labels } : {}),
    ...(hasRetention ? { retention } : {}),
    updateTime: now,
    revision: found.revision + 1,
  };
}
