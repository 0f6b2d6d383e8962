/** The transactions that change or delete an artifact. Pure. */
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { Failure } from '../../domain/errors.ts';
import { type ExpiryRequest, expiryField, resolveExpiry } from '../../domain/expiry.ts';
import type { Pairs } from '../../domain/metadata.ts';
import { type Principal, seesArtifact, seesSession } from '../../domain/principal.ts';
import type { Env } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord, SessionRecord } from '../../index/records.ts';
import { delArtifact, delExpiry, putExpiry, toArtifact } from '../rows/artifact-rows.ts';
import { detach } from '../rows/blob-rows.ts';
import {
  artifactDeleted,
  artifactExpired,
  artifactNotFound,
  checkEtag,
  sessionNotFound,
} from '../rows/failures.ts';
import { asOf, isOver, isThere } from '../rows/session-life.ts';
import { putSession, refuseWhileSealing, withSurvivor } from '../rows/session-rows.ts';
import type { Draft, Rows } from '../rows/transaction.ts';
import { addUsage, usageKey } from '../rows/usage.ts';

/** What is present is changed. */
export interface ArtifactChanges {
  /** Replaces all labels. */
  readonly labels?: Pairs;
  /** A new expiry of the artifact's own, or `'never'` to remove it. */
  readonly expiry?: ExpiryRequest | 'never';
  readonly hold?: boolean;
  /** Refuse unless the artifact still has this etag. */
  readonly etag?: string;
}

interface Found {
  readonly record: ArtifactRecord;
  readonly head: HeadRecord;
  /** As it is written; see {@link asOf}. */
  readonly session: SessionRecord;
}

/** Why a target was not found. */
type Missing = 'session' | 'artifact' | 'deleted';

/** Finds a target inside a transaction, in as few rounds as can be. */
function find(rows: Rows, by: Principal, target: ArtifactTarget): Found | Missing {
  const ns = by.namespace;
  if ('id' in target) {
    const record = rows.get(keys.artifacts.record, ns, target.id);
    if (record === undefined || !seesArtifact(by, record)) return 'artifact';
    rows.require([
      keys.artifacts.head.key(ns, record.uid, record.name),
      keys.sessions.record.key(ns, record.uid),
    ]);
    const session = sessionOf(rows, ns, record);
    if (session.deleteTime !== undefined) return 'artifact';
    return { record, head: rows.get(keys.artifacts.head, ns, record.uid, record.name)!, session };
  }
  const name = rows.get(keys.sessions.name, ns, target.session);
  if (name === undefined || !seesSession(by, target.session)) return 'session';
  if (!seesArtifact(by, target)) return 'artifact';
  const { version } = target;
  const wanted = [keys.artifacts.head.key(ns, name.uid, target.name), keys.sessions.record.key(ns, name.uid)];
  if (version !== undefined) wanted.push(keys.artifacts.version.key(ns, name.uid, target.name, version));
  rows.require(wanted);
  const session = rows.get(keys.sessions.record, ns, name.uid);
  if (session === undefined ? name.goneSince !== undefined : session.deleteTime !== undefined)
    return 'session';
  const head = rows.get(keys.artifacts.head, ns, name.uid, target.name);
  if (head === undefined) return 'artifact';
  if (version === undefined && head.deleted) return head.reaped ? 'artifact' : 'deleted';
  const id =
    version === undefined
      ? head.latest
      : rows.get(keys.artifacts.version, ns, name.uid, target.name, version)?.id;
  const record = id && rows.get(keys.artifacts.record, ns, id);
  return record ? { record, head, session: sessionOf(rows, ns, record) } : 'artifact';
}

function notFound(target: ArtifactTarget, missing: Missing): Failure {
  if (missing === 'session' && 'session' in target) return sessionNotFound(target.session);
  return missing === 'deleted' ? artifactDeleted(target) : artifactNotFound(target);
}

/** @throws Failure ARTIFACT_NOT_FOUND, ARTIFACT_DELETED, ARTIFACT_EXPIRED, ETAG_MISMATCH, SEAL_PENDING. */
export function decideUpdate(
  by: Principal,
  target: ArtifactTarget,
  changes: ArtifactChanges,
  rows: Rows,
  draft: Draft,
  env: Env,
): Artifact {
  const ns = by.namespace;
  const found = find(rows, by, target);
  if (typeof found === 'string') throw notFound(target, found);
  const { record, head, session } = found;
  const sessionNow = asOf(session, env.now);
  if (!isThere(record, sessionNow, env.now)) throw artifactExpired(record, sessionNow);
  checkEtag(`artifact ${record.id}`, record, changes.etag);
  const isLatest = head.latest === record.id;
  const changed = applyChanges(record, changes, env.now);
  if (changed === record) return toArtifact(record, isLatest, sessionNow);
  delExpiry(draft, ns, record);
  putExpiry(draft, ns, changed);
  if (isLatest && changed.labels !== record.labels) replaceLabels(draft, ns, record, changed);
  changeSession(draft, ns, session, record, changed, env.now);
  draft.put(keys.artifacts.record, [ns, record.id], changed);
  return toArtifact(changed, isLatest, sessionNow);
}

/** The same record if nothing would change. */
function applyChanges(record: ArtifactRecord, changes: ArtifactChanges, now: number): ArtifactRecord {
  const { expireTime: before, ...rest } = record;
  let expireTime = before;
  if (changes.expiry === 'never') expireTime = undefined;
  else if (changes.expiry !== undefined)
    expireTime = resolveExpiry(`changes.${expiryField(changes.expiry)}`, changes.expiry, now);
  const changed: ArtifactRecord = {
    ...rest,
    ...(expireTime === undefined ? {} : { expireTime }),
    labels: changes.labels ?? record.labels,
    hold: changes.hold ?? record.hold,
    revision: record.revision + 1,
  };
  const sameLabels = JSON.stringify(changed.labels) === JSON.stringify(record.labels);
  return sameLabels && changed.hold === record.hold && expireTime === before ? record : changed;
}

function replaceLabels(draft: Draft, ns: string, before: ArtifactRecord, after: ArtifactRecord): void {
  for (const [key, value] of before.labels) draft.del(keys.latest.byLabel, ns, key, value, before.id);
  for (const [key, value] of after.labels) draft.put(keys.latest.byLabel, [ns, key, value, after.id], true);
}

function sessionOf(rows: Rows, ns: string, record: ArtifactRecord): SessionRecord {
  const session = rows.get(keys.sessions.record, ns, record.uid);
  if (session === undefined)
    throw new Failure('DATA_LOSS', 'an artifact belongs to a session whose record is gone', {
      metadata: { artifact: record.id },
    });
  return session;
}

/** What its session has to know of a change: what is held, and what outlasts it. */
function changeSession(
  draft: Draft,
  ns: string,
  session: SessionRecord,
  before: ArtifactRecord,
  after: ArtifactRecord,
  now: number,
): void {
  let changed = withSurvivor(session, after.expireTime);
  if (after.hold !== before.hold) {
    refuseWhileSealing(session, now);
    changed = { ...changed, holds: changed.holds + (after.hold ? 1 : -1) };
  }
  changed = leftOver(changed, now);
  if (changed !== session) putSession(draft, ns, session, changed);
}

/** An expired session of which something that was left changes or goes is looked after again. */
function leftOver(session: SessionRecord, now: number): SessionRecord {
  if (!isOver(session, now)) return session;
  const { reaped: _waits, ...rest } = session;
  return { ...rest, leftTime: now, revision: session.revision + 1 };
}

/** False if there was nothing to delete. @throws Failure ARTIFACT_HELD, ETAG_MISMATCH, SEAL_PENDING. */
export function decideDelete(
  by: Principal,
  target: ArtifactTarget,
  etag: string | undefined,
  rows: Rows,
  draft: Draft,
  env: Env,
): boolean {
  const ns = by.namespace;
  const found = find(rows, by, target);
  if (typeof found === 'string') return false;
  const { record, head, session } = found;
  rows.require([usageKey(ns, record.session), keys.blobs.record.key(ns, record.sha256)]);
  refuseWhileSealing(session, env.now);
  if (record.hold)
    throw new Failure('ARTIFACT_HELD', `artifact ${record.id} is on hold; release the hold first`, {
      metadata: { artifact: record.id },
    });
  checkEtag(`artifact ${record.id}`, record, etag);
  const isLatest = head.latest === record.id;
  delArtifact(draft, ns, record, isLatest);
  // What had expired was gone already: that it was deleted is no news.
  const reaped = isThere(record, asOf(session, env.now), env.now) ? {} : { reaped: true };
  if (isLatest)
    draft.put(keys.artifacts.head, [ns, record.uid, record.name], { ...head, deleted: true, ...reaped });
  const feed = session.feed + 1;
  draft.put(keys.artifacts.feed, [ns, record.uid, feed], { kind: 'deleted', id: record.id, time: env.now });
  putSession(draft, ns, session, {
    ...leftOver(session, env.now),
    feed,
    artifacts: session.artifacts - 1,
    bytes: session.bytes - record.size,
  });
  addUsage(rows, draft, ns, record.session, { artifacts: -1, bytes: -record.size });
  detach(rows, draft, ns, record.sha256, { kind: 'artifact', id: record.id }, env.now);
  return true;
}
