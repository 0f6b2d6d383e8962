/** The decisions that change or delete an artifact. */
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { Failure, failedWith } from '../../domain/errors.ts';
import { type ExpiryRequest, expiryField, resolveExpiry } from '../../domain/expiry.ts';
import type { SessionUid } from '../../domain/ids.ts';
import type { Pairs } from '../../domain/metadata.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, SessionRecord } from '../../index/records.ts';
import { type FoundArtifact, findArtifact, liveArtifact, notFoundReasons } from '../look/artifact.ts';
import { delArtifact, delExpiry, putExpiry, signatureOfArtifact, toArtifact } from '../rows/artifact-rows.ts';
import { detach } from '../rows/blob-rows.ts';
import { checkEtag } from '../rows/failures.ts';
import { asOf, isOver, isThere } from '../rows/session-life.ts';
import { putSession, refuseWhileSealing, withSurvivor } from '../rows/session-rows.ts';
import { addUsage, usageKey } from '../rows/usage.ts';

/** The changes of an artifact. A field that is present is changed. */
export interface ArtifactChanges {
  /** Replaces all labels. */
  readonly labels?: Pairs;
  /** A new expiry of the artifact's own, or `'never'` to remove it. */
  readonly expiry?: ExpiryRequest | 'never';
  readonly hold?: boolean;
  /** Refuse unless the artifact still has this etag. */
  readonly etag?: string;
}

/** The result of a change. */
interface Changed {
  readonly artifact: Artifact;
  /** The artifact's session, if that has expired: the change may have lowered the bound for its survivors. */
  readonly left: SessionUid | undefined;
}

/** @throws Failure ETAG_MISMATCH, SEAL_PENDING and the failures of finding a live artifact. */
export function* decideUpdate(
  tx: Tx,
  by: Principal,
  target: ArtifactTarget,
  changes: ArtifactChanges,
): Asking<Changed> {
  const { record, isLatest, session: sessionNow } = yield* liveArtifact(tx, by, target, tx.now);
  const session = writtenSession(tx, record);
  checkEtag(`artifact ${record.id}`, record, changes.etag);
  const changed = applyChanges(record, changes, tx.now);
  if (changed === record) return { artifact: toArtifact(record, isLatest, sessionNow), left: undefined };
  delExpiry(tx, record);
  putExpiry(tx, changed);
  if (isLatest && changed.labels !== record.labels) replaceLabels(tx, record, changed);
  changeSession(tx, session, record, changed);
  tx.put(keys.artifacts.record, [tx.ns, record.id], changed);
  return { artifact: toArtifact(changed, isLatest, sessionNow), left: expired(session, tx.now) };
}

function expired(session: SessionRecord, now: number): SessionUid | undefined {
  return isOver(session, now) ? session.uid : undefined;
}

/** Returns the same record if nothing would change. */
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

function replaceLabels(tx: Tx, before: ArtifactRecord, after: ArtifactRecord): void {
  const { ns } = tx;
  for (const [key, value] of before.labels) tx.del(keys.latest.byLabel, ns, key, value, before.id);
  const signature = signatureOfArtifact(after);
  for (const [key, value] of after.labels) tx.put(keys.latest.byLabel, [ns, key, value, after.id], signature);
}

/** Returns the session of an artifact that was found. @throws Failure DATA_LOSS if it is lost. */
function writtenSession(tx: Tx, record: ArtifactRecord): SessionRecord {
  const session = tx.get(keys.sessions.record, tx.ns, record.uid);
  if (session === undefined)
    throw new Failure(
      'DATA_LOSS',
      'the index has lost the record of the session of this artifact: an operator must run "artifacta fsck"',
      { metadata: { artifact: record.id } },
    );
  return session;
}

/** Tells the session about a change of its artifact: whether it is held, and until when it outlasts the session. */
function changeSession(tx: Tx, session: SessionRecord, before: ArtifactRecord, after: ArtifactRecord): void {
  let changed = withSurvivor(session, after.expireTime);
  if (after.hold !== before.hold) {
    refuseWhileSealing(session, tx.now);
    changed = { ...changed, holds: changed.holds + (after.hold ? 1 : -1) };
  }
  changed = leftOver(changed, tx.now);
  if (changed !== session) putSession(tx, session, changed);
}

/** Makes the reaper look at an expired session again, if one of its survivors changes or goes. */
function leftOver(session: SessionRecord, now: number): SessionRecord {
  if (!isOver(session, now)) return session;
  const { reaped: _waits, ...rest } = session;
  return { ...rest, leftTime: now, revision: session.revision + 1 };
}

/** The result of a deletion. */
interface Deletion {
  /** False if nothing existed to delete. */
  readonly deleted: boolean;
  /** As in {@link Changed}. */
  readonly left: SessionUid | undefined;
}

/** @throws Failure ARTIFACT_HELD, ETAG_MISMATCH, SEAL_PENDING; DATA_LOSS. */
export function* decideDelete(
  tx: Tx,
  by: Principal,
  target: ArtifactTarget,
  etag: string | undefined,
): Asking<Deletion> {
  const found = yield* foundOrNothing(tx, by, target);
  if (found === undefined) return { deleted: false, left: undefined };
  const { record, head, isLatest } = found;
  yield [usageKey(tx.ns, record.session), keys.blobs.record.key(tx.ns, record.sha256)];
  const session = writtenSession(tx, record);
  refuseWhileSealing(session, tx.now);
  if (record.hold)
    throw new Failure('ARTIFACT_HELD', `artifact ${record.id} is on hold; release the hold first`, {
      metadata: { artifact: record.id },
    });
  checkEtag(`artifact ${record.id}`, record, etag);
  delArtifact(tx, record, isLatest);
  // An artifact that had expired was gone already: its deletion adds nothing new.
  const reaped = isThere(record, asOf(session, tx.now), tx.now) ? {} : { reaped: true };
  if (isLatest && head !== undefined)
    tx.put(keys.artifacts.head, [tx.ns, record.uid, record.name], { ...head, deleted: true, ...reaped });
  const sequence = session.feed + 1;
  tx.put(keys.artifacts.feed, [tx.ns, record.uid, sequence], {
    kind: 'deleted',
    id: record.id,
    time: tx.now,
  });
  putSession(tx, session, {
    ...leftOver(session, tx.now),
    feed: sequence,
    artifacts: session.artifacts - 1,
    bytes: session.bytes - record.size,
  });
  yield* addUsage(tx, record.session, { artifacts: -1, bytes: -record.size });
  yield* detach(tx, record.sha256, { kind: 'artifact', id: record.id });
  return { deleted: true, left: expired(session, tx.now) };
}

function* foundOrNothing(tx: Tx, by: Principal, target: ArtifactTarget): Asking<FoundArtifact | undefined> {
  try {
    return yield* findArtifact(tx, by, target, tx.now);
  } catch (error) {
    if (failedWith(error, ...notFoundReasons)) return undefined;
    throw error;
  }
}
