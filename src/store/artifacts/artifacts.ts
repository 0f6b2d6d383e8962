/** Reading and changing artifacts that exist. */
import type { Artifact, ArtifactTarget } from '../../domain/artifact.ts';
import { type Failure, failedWith } from '../../domain/errors.ts';
import { type Principal, seesArtifact, seesSession } from '../../domain/principal.ts';
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import { toArtifact } from '../rows/artifact-rows.ts';
import { artifactDeleted, artifactExpired, artifactNotFound, sessionNotFound } from '../rows/failures.ts';
import { asOf, isOver, isThere, type SessionNow } from '../rows/session-life.ts';
import type { OnStep } from '../rows/steps.ts';
import { transact } from '../rows/transaction.ts';
import { usageKey } from '../rows/usage.ts';
import type { Lapses } from '../sessions/lapses.ts';
import type { Namespaces } from '../tenants/namespaces.ts';
import { type ArtifactChanges, decideDelete, decideUpdate } from './artifact-changes.ts';

/** Why one of several may be missing without failing the others. */
const notReadable = [
  'ARTIFACT_NOT_FOUND',
  'ARTIFACT_EXPIRED',
  'ARTIFACT_DELETED',
  'SESSION_NOT_FOUND',
] as const;

/** Artifacts of the caller’s namespace, as they are now. */
export class Artifacts {
  private readonly index: Index;
  private readonly namespaces: Namespaces;
  private readonly onStep: OnStep | undefined;

  private readonly lapses: Lapses;

  constructor(index: Index, namespaces: Namespaces, lapses: Lapses, onStep?: OnStep) {
    this.lapses = lapses;
    this.index = index;
    this.namespaces = namespaces;
    this.onStep = onStep;
  }

  /** @throws Failure ARTIFACT_NOT_FOUND, ARTIFACT_EXPIRED, ARTIFACT_DELETED, SESSION_NOT_FOUND. */
  async get(principal: Principal, target: ArtifactTarget): Promise<Artifact> {
    await this.namespaces.require(principal.namespace);
    await using snapshot = this.index.snapshot();
    return await readArtifact(snapshot, principal, target, this.index.now());
  }

  /** Each of them, or why it cannot be read, as of one instant. */
  async batchGet(principal: Principal, targets: readonly ArtifactTarget[]): Promise<(Artifact | Failure)[]> {
    await this.namespaces.require(principal.namespace);
    await using snapshot = this.index.snapshot();
    const now = this.index.now();
    return await Promise.all(
      targets.map(async (target) => {
        try {
          return await readArtifact(snapshot, principal, target, now);
        } catch (error) {
          if (failedWith(error, ...notReadable)) return error;
          throw error;
        }
      }),
    );
  }

  /** Labels, expiry and hold. @throws Failure ETAG_MISMATCH and what {@link get} throws. */
  async update(principal: Principal, target: ArtifactTarget, changes: ArtifactChanges): Promise<Artifact> {
    await this.namespaces.require(principal.namespace);
    const ns = principal.namespace;
    return this.lapses.settled(ns, () =>
      transact(this.index, {
        queue: ns,
        by: principal,
        reads: targetReads(ns, target),
        decide: (rows, draft, env) => decideUpdate(principal, target, changes, rows, draft, env),
      }),
    );
  }

  /** Deletes one version; false if there was nothing to delete. @throws Failure ARTIFACT_HELD, SEAL_PENDING, ETAG_MISMATCH. */
  async delete(principal: Principal, target: ArtifactTarget, etag?: string): Promise<boolean> {
    await this.namespaces.require(principal.namespace);
    const ns = principal.namespace;
    const deleted = await this.lapses.settled(ns, () =>
      transact(this.index, {
        queue: ns,
        by: principal,
        reads: targetReads(ns, target),
        decide: (rows, draft, env) => decideDelete(principal, target, etag, rows, draft, env),
      }),
    );
    await this.onStep?.('delete.committed');
    return deleted;
  }
}

function targetReads(ns: string, target: ArtifactTarget): Key[] {
  if ('id' in target) return [keys.artifacts.record.key(ns, target.id)];
  return [keys.sessions.name.key(ns, target.session), usageKey(ns, target.session)];
}

/** The artifact that a target names, as of the reader's instant. */
export async function readArtifact(
  reader: Reader,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Promise<Artifact> {
  const { record, isLatest, session } = await readRecord(reader, by, target, now);
  return toArtifact(record, isLatest, session);
}

/** An artifact that is there. */
export interface FoundRecord {
  readonly record: ArtifactRecord;
  readonly isLatest: boolean;
  /** As it is now; undefined if its record is lost. */
  readonly session: SessionNow | undefined;
}

/** Finds a live artifact. @throws Failure as {@link Artifacts.get}. */
export async function readRecord(
  reader: Reader,
  by: Principal,
  target: ArtifactTarget,
  now: number,
): Promise<FoundRecord> {
  const found =
    'id' in target ? await readById(reader, by, target.id) : await readByName(reader, by, target, now);
  const session = found.session && asOf(found.session, now);
  if (!isThere(found.record, session, now)) throw artifactExpired(found.record, session);
  return { ...found, session };
}

async function readById(reader: Reader, by: Principal, id: ArtifactRecord['id']) {
  const ns = by.namespace;
  const value = await reader.get(keys.artifacts.record.key(ns, id));
  if (value === undefined) throw artifactNotFound({ id });
  const record = keys.artifacts.record.decode(value);
  if (!seesArtifact(by, record)) throw artifactNotFound({ id });
  const [head, sessionValue] = await reader.getMany([
    keys.artifacts.head.key(ns, record.uid, record.name),
    keys.sessions.record.key(ns, record.uid),
  ]);
  const session = sessionValue && keys.sessions.record.decode(sessionValue);
  if (session?.deleteTime !== undefined) throw artifactNotFound({ id });
  const isLatest = head !== undefined && keys.artifacts.head.decode(head).latest === record.id;
  return { record, isLatest, session };
}

async function readByName(
  reader: Reader,
  by: Principal,
  target: Exclude<ArtifactTarget, { id: unknown }>,
  now: number,
) {
  const ns = by.namespace;
  const nameValue = await reader.get(keys.sessions.name.key(ns, target.session));
  if (nameValue === undefined || !seesSession(by, target.session)) throw sessionNotFound(target.session);
  if (!seesArtifact(by, target)) throw artifactNotFound(target);
  const { uid, goneSince } = keys.sessions.name.decode(nameValue);
  const [headValue, sessionValue] = await reader.getMany([
    keys.artifacts.head.key(ns, uid, target.name),
    keys.sessions.record.key(ns, uid),
  ]);
  const session = sessionValue && keys.sessions.record.decode(sessionValue);
  const isGone = session === undefined ? goneSince !== undefined : session.deleteTime !== undefined;
  if (isGone) throw sessionNotFound(target.session);
  if (headValue === undefined) throw artifactNotFound(target);
  const head = keys.artifacts.head.decode(headValue);
  let id = head.latest;
  if (target.version === undefined) {
    // Of what was in a session that is over nothing tells any more how it ended.
    const isOverAll = session !== undefined && isOver(asOf(session, now), now);
    if (head.deleted) throw head.reaped || isOverAll ? artifactNotFound(target) : artifactDeleted(target);
  } else {
    const version = await reader.get(keys.artifacts.version.key(ns, uid, target.name, target.version));
    if (version === undefined) throw artifactNotFound(target);
    id = keys.artifacts.version.decode(version).id;
  }
  const value = await reader.get(keys.artifacts.record.key(ns, id));
  if (value === undefined) throw artifactNotFound(target);
  return { record: keys.artifacts.record.decode(value), isLatest: id === head.latest, session };
}
