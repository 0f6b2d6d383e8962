/**
 * The look-up of the artifact that a target names. It is written once: readers run it over a snapshot, transactions
 * inside their decision, and both find the same.
 */
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { type Principal, seesArtifact, seesSession } from '../../domain/principal.ts';
import type { Asking, CachedReader, Rows } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { lookUp } from '../../index/look-up.ts';
import type { ArtifactRecord, HeadRecord, SessionNameRecord, SessionRecord } from '../../index/records.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import { artifactDeleted, artifactExpired, artifactNotFound, sessionNotFound } from '../rows/failures.ts';
import { asOf, isOver, isThere, type SessionNow } from '../rows/session-life.ts';

/** The artifact that a target names, whether or not it has expired. */
export interface FoundArtifact {
  readonly record: ArtifactRecord;
  readonly isLatest: boolean;
  /** The head of its name; undefined if it is lost. */
  readonly head: HeadRecord | undefined;
  /** The session as it is written; undefined if it is lost. */
  readonly session: SessionRecord | undefined;
}

/** An artifact that exists. */
interface LiveArtifact extends FoundArtifact {
  /** The session as it is now. */
  readonly session: SessionNow | undefined;
}

/** The reasons for which a target may name nothing. */
export const notFoundReasons = ['ARTIFACT_NOT_FOUND', 'ARTIFACT_DELETED', 'SESSION_NOT_FOUND'] as const;

/**
 * Returns the artifact that a target names, also one that has expired and was not reaped.
 *
 * @throws Failure with one of {@link notFoundReasons}.
 */
export function findArtifact(
  rows: Rows,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Asking<FoundArtifact> {
  return 'id' in target ? findById(rows, by, target) : findByName(rows, by, target, now);
}

/**
 * Returns the artifact that a target names, if it exists. @throws Failure as {@link findArtifact}; ARTIFACT_EXPIRED.
 */
export function* liveArtifact(
  rows: Rows,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Asking<LiveArtifact> {
  const found = yield* findArtifact(rows, by, target, now);
  const session = found.session && asOf(found.session, now);
  if (!isThere(found.record, session, now)) throw artifactExpired(found.record, session);
  return { ...found, session };
}

/** {@link liveArtifact} for readers. */
export function readRecord(
  { cached }: CachedReader,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Promise<LiveArtifact> {
  return lookUp(cached, (rows) => liveArtifact(rows, by, target, now));
}

/** Returns the artifact as the caller sees it. */
export async function readArtifact(
  reader: CachedReader,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Promise<Artifact> {
  const { record, isLatest, session } = await readRecord(reader, by, target, now);
  return toArtifact(record, isLatest, session);
}

function* findById(
  rows: Rows,
  by: Principal,
  target: Extract<ArtifactTarget, { id: unknown }>,
): Asking<FoundArtifact> {
  const ns = by.namespace;
  yield [keys.artifacts.record.key(ns, target.id)];
  const record = rows.get(keys.artifacts.record, ns, target.id);
  if (record === undefined || !seesArtifact(by, record)) throw artifactNotFound(target);
  const { uid, name } = record;
  yield [keys.artifacts.head.key(ns, uid, name), keys.sessions.record.key(ns, uid)];
  const session = rows.get(keys.sessions.record, ns, uid);
  if (session?.deleteTime !== undefined) throw artifactNotFound(target);
  const head = rows.get(keys.artifacts.head, ns, uid, name);
  return { record, isLatest: head?.latest === record.id, head, session };
}

function* findByName(
  rows: Rows,
  by: Principal,
  target: Exclude<ArtifactTarget, { id: unknown }>,
  now: number,
): Asking<FoundArtifact> {
  const ns = by.namespace;
  const { version } = target;
  yield [keys.sessions.name.key(ns, target.session)];
  const name = rows.get(keys.sessions.name, ns, target.session);
  if (name === undefined || !seesSession(by, target.session)) throw sessionNotFound(target.session);
  if (!seesArtifact(by, target)) throw artifactNotFound(target);
  const wanted = [keys.artifacts.head.key(ns, name.uid, target.name), keys.sessions.record.key(ns, name.uid)];
  if (version !== undefined) wanted.push(keys.artifacts.version.key(ns, name.uid, target.name, version));
  yield wanted;
  const session = rows.get(keys.sessions.record, ns, name.uid);
  if (isGone(name, session)) throw sessionNotFound(target.session);
  const head = rows.get(keys.artifacts.head, ns, name.uid, target.name);
  if (head === undefined) throw artifactNotFound(target);
  if (version === undefined && head.deleted) {
    // If the session is over, nothing records any more how its artifacts ended.
    const isOverAll = session !== undefined && isOver(asOf(session, now), now);
    throw head.reaped || isOverAll ? artifactNotFound(target) : artifactDeleted(target);
  }
  const id =
    version === undefined
      ? head.latest
      : rows.get(keys.artifacts.version, ns, name.uid, target.name, version)?.id;
  if (id === undefined) throw artifactNotFound(target);
  yield [keys.artifacts.record.key(ns, id)];
  const record = rows.get(keys.artifacts.record, ns, id);
  if (record === undefined) throw artifactNotFound(target);
  return { record, isLatest: id === head.latest, head, session };
}

/** Returns true if the session is gone. Its survivors are found by its name as long as its record exists. */
function isGone({ goneSince }: SessionNameRecord, session: SessionRecord | undefined): boolean {
  return session === undefined ? goneSince !== undefined : session.deleteTime !== undefined;
}
