/** Opening, reading and changing sessions. Sealing is in `seal.ts`. */
import { Failure, failedWith } from '../../domain/errors.ts';
import { type Pairs, samePairs } from '../../domain/metadata.ts';
import type { SessionId } from '../../domain/names.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { type Principal, requireSessionWritable, requireWholeSessions } from '../../domain/principal.ts';
import { laterExpiry, type Retention, sameRetention } from '../../domain/retention.ts';
import type { Session } from '../../domain/session.ts';
import type { Asking, Index, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { OutputsRecord, SessionRecord } from '../../index/records.ts';
import { changeableSession, readSession, takingSession } from '../look/session.ts';
import { checkEtag, sessionSealed } from '../rows/failures.ts';
import { isOver } from '../rows/session-life.ts';
import {
  createSession,
  outputsOf,
  putSession,
  readSessions,
  refuseWhileSealing,
  renewed,
  retentionOf,
  toSession,
} from '../rows/session-rows.ts';
import type { OnStep } from '../rows/steps.ts';
import { type LapseWriter, transact } from '../rows/transaction.ts';
import { addUsage, growthKeys } from '../rows/usage.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { enterKept, leaveKept, withExpiry } from './kept-sessions.ts';
import { decideDeleteSession } from './session-deletion.ts';

/** The settings of OpenSession; already checked. */
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

/** The true end of an abandoned session. */
interface Amendment {
  readonly outcome: Exclude<Outcome, 'abandoned'>;
  readonly etag: string | undefined;
}

/** The changes of a session. A field that is present is changed. */
export interface SessionChanges {
  /** Replaces all labels. */
  readonly labels?: Pairs;
  /** Only while the session is open. */
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

  private readonly lapses: LapseWriter;

  private readonly onStep: OnStep | undefined;

  constructor(index: Index, namespaces: Namespaces, lapses: LapseWriter, onStep?: OnStep) {
    this.index = index;
    this.namespaces = namespaces;
    this.lapses = lapses;
    this.onStep = onStep;
  }

  /**
   * Opens a session. If it exists and was opened with the same settings, it is returned. If a push opened it, the
   * settings are applied once.
   *
   * @throws Failure SESSION_CONFLICT, SESSION_GONE.
   */
  async open(principal: Principal, spec: SessionSpec): Promise<{ session: Session; created: boolean }> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    requireSessionWritable(principal, spec.id);
    return transact(this.index, {
      ns,
      by: principal,
      lapses: this.lapses,
      reads: [keys.sessions.name.key(ns, spec.id), ...growthKeys(ns, spec.id)],
      decide: (tx) => decideOpen(tx, spec),
    });
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
    return await this.change(principal, id, (tx) => decideUpdate(tx, principal, id, changes));
  }

  /**
   * Records how an abandoned session really ended. @throws Failure SESSION_NOT_FOUND, OUTCOME_CONFLICT, ETAG_MISMATCH,
   * SEAL_PENDING.
   */
  async amend(principal: Principal, id: SessionId, amendment: Amendment): Promise<Session> {
    return await this.change(principal, id, (tx) => decideAmend(tx, principal, id, amendment));
  }

  /**
   * Deletes a session and everything in it, at once for every reader. Returns false if nothing existed to delete.
   *
   * @throws Failure ARTIFACT_HELD, SEAL_PENDING, ETAG_MISMATCH.
   */
  async delete(principal: Principal, id: SessionId, etag?: string): Promise<boolean> {
    try {
      await this.change(principal, id, (tx) => decideDeleteSession(tx, principal, id, etag));
    } catch (error) {
      if (!failedWith(error, 'SESSION_NOT_FOUND')) throw error;
      return false;
    }
    await this.onStep?.('session.deleted');
    return true;
  }

  private async change<T>(principal: Principal, id: SessionId, decide: (tx: Tx) => Asking<T>): Promise<T> {
    const ns = principal.namespace;
    await this.namespaces.require(ns);
    requireWholeSessions(principal);
    return await transact(this.index, {
      ns,
      by: principal,
      lapses: this.lapses,
      reads: [keys.sessions.name.key(ns, id)],
      decide,
    });
  }
}

function* decideOpen(tx: Tx, spec: SessionSpec): Asking<{ session: Session; created: boolean }> {
  const { ns } = tx;
  const found = yield* takingSession(tx, ns, spec.id, tx.now);
  if (found === undefined) {
    const record = yield* createSession(tx, { ...spec, implicit: false });
    tx.put(keys.sessions.record, [ns, record.uid], record);
    yield* addUsage(tx, record.id, { sessions: 1 });
    return { session: toSession(record, { expected: spec.expectedOutputs }), created: true };
  }
  const outputs = yield* outputsOf(tx, ns, found);
  const differs = differences(found, outputs, spec);
  if (found.implicit && found.state === 'open') return yield* complete(tx, found, spec);
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

/** Returns the fields that differ. Labels are not compared: they may have changed since. */
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

/** Gives a session that a push opened, once, the settings that its opener would have given it. */
function* complete(
  tx: Tx,
  found: SessionRecord,
  spec: SessionSpec,
): Asking<{ session: Session; created: boolean }> {
  const { ns } = tx;
  const outputs: OutputsRecord = { expected: spec.expectedOutputs };
  const record: SessionRecord = {
    ...found,
    ...(spec.retention === undefined ? {} : yield* retentionOf(tx, ns, spec.retention)),
    ...(spec.leaseMs === undefined
      ? {}
      : { lease: { durationMs: spec.leaseMs, expireTime: tx.now + spec.leaseMs } }),
    implicit: false,
    metadata: spec.metadata,
    hasOutputs: spec.expectedOutputs.length > 0,
    updateTime: tx.now,
    revision: found.revision + 1,
  };
  for (const [key, value] of record.metadata)
    tx.put(keys.sessions.byMetadata, [ns, key, value, record.uid], true);
  if (record.hasOutputs) tx.put(keys.sessions.outputs, [ns, record.uid], outputs);
  putSession(tx, found, record);
  return { session: toSession(record, outputs), created: false };
}

/** Records how an abandoned session really ended, once. The manifest and the feed stay as they are. */
function* decideAmend(tx: Tx, by: Principal, id: SessionId, { outcome, etag }: Amendment): Asking<Session> {
  const found = yield* changeableSession(tx, by, id, tx.now);
  const outputs = yield* outputsOf(tx, tx.ns, found);
  if (found.amended && found.outcome === outcome) return toSession(found, outputs);
  refuseWhileSealing(found, tx.now);
  if (found.outcome !== 'abandoned') throw cannotAmend(found);
  if (isOver(found, tx.now)) throw expiredBefore(found);
  checkEtag(`session ${id}`, found, etag);
  const record: SessionRecord = {
    ...(yield* amended(tx, found, outcome)),
    amended: true,
    updateTime: tx.now,
    revision: found.revision + 1,
  };
  putSession(tx, found, record);
  return toSession(record, outputs);
}

/** Returns the session with the outcome, and with the effect of its retention: never an earlier expiry than before. */
function* amended(tx: Tx, found: SessionRecord, outcome: Outcome): Asking<SessionRecord> {
  const left = yield* leaveKept(tx, found);
  const { session } = yield* enterKept(tx, { ...left, outcome });
  return session.kept ? session : withExpiry(session, laterExpiry(left.expireTime, session.expireTime));
}

/** Returns the refusal for a session that has expired: it does not come back. */
function expiredBefore({ id, outcome }: SessionRecord): Failure {
  const message = `session ${id} has expired; its outcome could be amended only before that`;
  return new Failure('OUTCOME_CONFLICT', message, { metadata: { session: id, outcome: outcome ?? '' } });
}

function cannotAmend({ id, outcome, amended }: SessionRecord): Failure {
  const how =
    outcome === undefined ? 'is open' : `${amended ? 'was amended to' : 'ended with'} the outcome ${outcome}`;
  const message = `session ${id} ${how}; only an abandoned session can be amended, and only once`;
  return new Failure('OUTCOME_CONFLICT', message, { metadata: { session: id, outcome: outcome ?? '' } });
}

function* decideUpdate(tx: Tx, by: Principal, id: SessionId, changes: SessionChanges): Asking<Session> {
  const { ns } = tx;
  const found = yield* changeableSession(tx, by, id, tx.now);
  checkEtag(`session ${id}`, found, changes.etag);
  const isOpen = found.state === 'open';
  if (!isOpen && changes.retention !== undefined)
    throw sessionSealed(
      found,
      'its retention cannot be changed here; an operator can change it with "artifacta policy apply"',
    );
  if (!isOpen && changes.touch && found.lease !== undefined)
    throw sessionSealed(found, 'its lease has ended and cannot be renewed');
  const outputs = yield* outputsOf(tx, ns, found);
  const record = changed(changes.touch ? renewed(found, tx.now) : found, changes, tx.now);
  if (record === found) return toSession(found, outputs);
  if (record.labels !== found.labels) {
    for (const [key, value] of found.labels) tx.del(keys.sessions.byLabel, ns, key, value, found.uid);
    for (const [key, value] of record.labels)
      tx.put(keys.sessions.byLabel, [ns, key, value, found.uid], true);
  }
  putSession(tx, found, record);
  return toSession(record, outputs);
}

/** Returns the same record if nothing would change. */
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
