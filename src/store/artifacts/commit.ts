/**
 * The committing transaction of a push: one `decide` that checks everything once more and writes all of it or nothing.
 */
import { createHash } from 'node:crypto';
import type { Artifact, ArtifactSpec, Receipt } from '../../domain/artifact.ts';
import { guessContentType } from '../../domain/content-type.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { expiryField, resolveExpiry } from '../../domain/expiry.ts';
import { type ArtifactId, artifactId } from '../../domain/ids.ts';
import { limits } from '../../domain/limits.ts';
import { inheritPairs, samePairs } from '../../domain/metadata.ts';
import { canRead, type Principal, seesEverything } from '../../domain/principal.ts';
import type { Env } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord, SessionRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import {
  delExpiry,
  delLatest,
  latestRecord,
  liveLatest,
  putArtifact,
  putExpiry,
  toArtifact,
} from '../rows/artifact-rows.ts';
import { attach, attachHeld, blobReads, healOrDiscard, isHeld } from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import {
  artifactDeleted,
  artifactExpired,
  contentNotFound,
  requestIdReused,
  sessionMustExist,
  sessionSealed,
} from '../rows/failures.ts';
import { isThere } from '../rows/session-life.ts';
import {
  createSession,
  findSession,
  putSession,
  renewed,
  sessionOf,
  withSurvivor,
} from '../rows/session-rows.ts';
import { chargeToken } from '../rows/token-use.ts';
import type { Draft, Rows } from '../rows/transaction.ts';
import { addUsage, growthKeys } from '../rows/usage.ts';

/** Content that the namespace is said to hold already, and a live artifact that the caller can read with it. */
export interface HeldContent {
  readonly kind: 'held';
  readonly sha256: Sha256;
  readonly size: number;
  readonly witness: ArtifactId;
}

/** All that the decision depends on beside the rows. */
export interface CommitRequest {
  readonly by: Principal;
  readonly spec: ArtifactSpec;
  readonly content: Content | HeldContent;
  /** A push to an unknown session opens it. */
  readonly opensSessions: boolean;
}

/** What was made or found, and how. */
export interface CommitResult {
  readonly artifact: Artifact;
  readonly receipt: Receipt;
}

/** Identifies what a request id was used for. */
export function fingerprint(
  spec: ArtifactSpec,
  content: { readonly sha256: Sha256; readonly size: number },
): string {
  const said = [
    spec.session,
    spec.name,
    spec.contentType ?? null,
    spec.metadata,
    spec.labels,
    spec.inputs,
    spec.expiry ?? null,
    spec.newVersion,
    content.sha256,
    content.size,
  ];
  return createHash('sha256').update(JSON.stringify(said)).digest('base64url');
}

/** The rows that every commit reads. What depends on them (head, latest version) takes another round. */
export function commitReads(request: CommitRequest): Key[] {
  const { by, spec, content } = request;
  const { namespace: ns, subject } = by;
  const wanted = [keys.sessions.name.key(ns, spec.session), ...growthKeys(ns, spec.session)];
  if (by.restriction?.pushBytesMax !== undefined) wanted.push(keys.credentials.tokenUse.key(ns, subject));
  if (spec.requestId !== undefined) wanted.push(keys.calls.requestId.key(ns, subject, spec.requestId));
  for (const input of spec.inputs) wanted.push(keys.artifacts.record.key(ns, input));
  if (content.kind === 'held') wanted.push(keys.artifacts.record.key(ns, content.witness));
  wanted.push(...blobReads(ns, content));
  return wanted;
}

/**
 * Pure but for `env`. @throws Failure with every reason that a push can be refused for.
 */
export function decideCommit(request: CommitRequest, rows: Rows, draft: Draft, env: Env): CommitResult {
  const { by, spec, content } = request;
  const ns = by.namespace;
  const replayed = replay(request, rows, draft, env);
  if (replayed !== undefined) return replayed;

  requireSessions(request, rows);
  const found = findSession(rows, ns, spec.session, env.now);
  if (found === undefined && !request.opensSessions) throw sessionMustExist(spec.session);
  if (found !== undefined && found.state !== 'open') throw sessionSealed(found);
  const head = found && rows.get(keys.artifacts.head, ns, found.uid, spec.name);
  const expireTime = resolveExpiry(expiryField(spec.expiry), spec.expiry, env.now);
  checkInputs(request, rows, env);

  const same = liveLatest(rows, ns, head, found, env.now);
  if (same !== undefined && isSame(same, spec, content)) {
    const kept = extendExpiry(draft, ns, found!, same, expireTime);
    if (content.kind !== 'held') healOrDiscard(rows, draft, ns, content, env.now);
    else if (!isHeld(rows, ns, content)) throw contentNotFound(content.sha256);
    rememberRequest(rows, draft, request, kept.id, env);
    return {
      artifact: toArtifact(kept, true, found),
      receipt: receiptFor(kept, spec, content.size, 'deduplicated'),
    };
  }

  const session = found ?? openImplicitly(rows, draft, env, request);
  chargeToken(by, content.size, rows, draft);
  addUsage(rows, draft, ns, spec.session, {
    sessions: found === undefined ? 1 : 0,
    artifacts: 1,
    bytes: content.size,
  });
  return addVersion(request, rows, draft, env, session, head, expireTime);
}

/** The answer to a request id that is known: the artifact as it is now. */
function replay(request: CommitRequest, rows: Rows, draft: Draft, env: Env): CommitResult | undefined {
  const { by, spec, content } = request;
  const { namespace: ns, subject } = by;
  if (spec.requestId === undefined) return undefined;
  const known = rows.get(keys.calls.requestId, ns, subject, spec.requestId);
  if (known === undefined || known.expireTime <= env.now) return undefined;
  if (known.fingerprint !== fingerprint(spec, content)) throw requestIdReused(spec.requestId);
  const record = rows.get(keys.artifacts.record, ns, known.artifact);
  const session = record && sessionOf(rows, ns, record.uid, env.now);
  if (record === undefined || session?.deleteTime !== undefined)
    throw artifactDeleted({ id: known.artifact });
  if (!isThere(record, session, env.now)) throw artifactExpired(record, session);
  const head = rows.get(keys.artifacts.head, ns, record.uid, record.name);
  if (content.kind !== 'held') healOrDiscard(rows, draft, ns, content, env.now);
  return {
    artifact: toArtifact(record, head?.latest === record.id, session),
    receipt: receiptFor(record, spec, content.size, 'replayed'),
  };
}

/** The sessions that the decision looks at, in one round, however many inputs there are. */
function requireSessions({ by, spec, content }: CommitRequest, rows: Rows): void {
  const { namespace: ns } = by;
  const name = rows.get(keys.sessions.name, ns, spec.session);
  const ids = content.kind === 'held' ? [...spec.inputs, content.witness] : spec.inputs;
  const uids = new Set(ids.flatMap((id) => rows.get(keys.artifacts.record, ns, id)?.uid ?? []));
  if (name !== undefined) uids.add(name.uid);
  rows.require([...uids].map((uid) => keys.sessions.record.key(ns, uid)));
}

function checkInputs(request: CommitRequest, rows: Rows, env: Env): void {
  request.spec.inputs.forEach((input, at) => {
    const record = readableNow(request.by, input, rows, env.now);
    if (record === undefined)
      throw new Failure('INPUT_NOT_FOUND', `inputs[${at}]: there is no artifact ${input}`, {
        metadata: { artifact: input },
        violations: [{ field: `inputs[${at}]`, description: `there is no artifact ${input}` }],
      });
  });
}

/** An artifact that is there and that the caller can read. */
function readableNow(by: Principal, id: ArtifactId, rows: Rows, now: number): ArtifactRecord | undefined {
  const { namespace: ns } = by;
  const record = rows.get(keys.artifacts.record, ns, id);
  if (record === undefined || !canRead(by, record)) return undefined;
  return isThere(record, sessionOf(rows, ns, record.uid, now), now) ? record : undefined;
}

function isSame(
  latest: ArtifactRecord,
  spec: ArtifactSpec,
  content: { readonly sha256: Sha256; readonly size: number },
): boolean {
  if (spec.newVersion || latest.sha256 !== content.sha256 || latest.size !== content.size) return false;
  return spec.contentType === undefined || spec.contentType === latest.contentType;
}

/** A later explicit expiry is taken over; nothing else ever changes, and never to an earlier time. */
function extendExpiry(
  draft: Draft,
  ns: string,
  session: SessionRecord,
  record: ArtifactRecord,
  expireTime: number | undefined,
): ArtifactRecord {
  if (expireTime === undefined || record.expireTime === undefined || expireTime <= record.expireTime)
    return record;
  const extended: ArtifactRecord = { ...record, expireTime, revision: record.revision + 1 };
  delExpiry(draft, ns, record);
  putExpiry(draft, ns, extended);
  draft.put(keys.artifacts.record, [ns, record.id], extended);
  const outlasting = withSurvivor(session, expireTime);
  if (outlasting !== session) putSession(draft, ns, session, outlasting);
  return extended;
}

function openImplicitly(rows: Rows, draft: Draft, env: Env, request: CommitRequest): SessionRecord {
  const wanted = { id: request.spec.session, implicit: true, metadata: [], labels: [] };
  return createSession(rows, draft, env, request.by.namespace, wanted);
}

function addVersion(
  request: CommitRequest,
  rows: Rows,
  draft: Draft,
  env: Env,
  session: SessionRecord,
  head: HeadRecord | undefined,
  expireTime: number | undefined,
): CommitResult {
  const { by: caller, spec, content } = request;
  const ns = caller.namespace;
  const record = newRecord(spec, content, env, session, head, expireTime);
  const by = { kind: 'artifact', id: record.id } as const;
  const alreadyHeld =
    content.kind === 'held'
      ? attachWitnessed(rows, draft, caller, content, by, env)
      : attach(rows, draft, ns, content, by, env.now);
  const superseded = latestRecord(rows, ns, head);
  if (superseded !== undefined) delLatest(draft, ns, superseded);
  putArtifact(draft, ns, record);
  draft.put(keys.artifacts.head, [ns, session.uid, record.name], {
    nextVersion: record.version + 1,
    latest: record.id,
  });
  putSession(draft, ns, session, {
    ...withSurvivor(renewed(session, env.now), expireTime),
    feed: record.feed,
    artifacts: session.artifacts + 1,
    bytes: session.bytes + record.size,
  });
  rememberRequest(rows, draft, request, record.id, env);
  return {
    artifact: toArtifact(record, true, session),
    // Whoever may not read everything must not learn from it what is held elsewhere.
    receipt: receiptFor(record, spec, alreadyHeld && seesEverything(caller) ? record.size : 0, undefined),
  };
}

function newRecord(
  spec: ArtifactSpec,
  content: { readonly sha256: Sha256; readonly size: number },
  env: Env,
  session: SessionRecord,
  head: HeadRecord | undefined,
  expireTime: number | undefined,
): ArtifactRecord {
  const { pairs, inherited } = inheritPairs(spec.metadata, session.metadata);
  return {
    id: artifactId(env.mintId()),
    uid: session.uid,
    session: session.id,
    name: spec.name,
    version: head?.nextVersion ?? 1,
    sha256: content.sha256,
    size: content.size,
    contentType: spec.contentType ?? guessContentType(spec.name),
    metadata: pairs,
    inherited,
    labels: spec.labels,
    inputs: spec.inputs,
    createTime: env.now,
    feed: session.feed + 1,
    ...(expireTime === undefined ? {} : { expireTime }),
    hold: false,
    revision: 1,
  };
}

/** The caller must still be able to read an artifact with that content, and the content must still be there. */
function attachWitnessed(
  rows: Rows,
  draft: Draft,
  caller: Principal,
  content: HeldContent,
  by: { readonly kind: 'artifact'; readonly id: string },
  env: Env,
): true {
  const ns = caller.namespace;
  const witness = readableNow(caller, content.witness, rows, env.now);
  if (witness?.sha256 !== content.sha256 || !attachHeld(rows, draft, ns, content, by))
    throw contentNotFound(content.sha256);
  return true;
}

function rememberRequest(
  rows: Rows,
  draft: Draft,
  request: CommitRequest,
  artifact: ArtifactId,
  env: Env,
): void {
  const { by, spec, content } = request;
  const { namespace: ns, subject } = by;
  if (spec.requestId === undefined) return;
  const forgotten = rows.get(keys.calls.requestId, ns, subject, spec.requestId);
  const queued = `${subject}\0${spec.requestId}`;
  if (forgotten !== undefined) draft.del(keys.calls.expiry, forgotten.expireTime, ns, 'request', queued);
  const expireTime = env.now + limits.requestIdHoursKept * 3_600_000;
  draft.put(keys.calls.requestId, [ns, subject, spec.requestId], {
    fingerprint: fingerprint(spec, content),
    artifact,
    createTime: env.now,
    expireTime,
  });
  draft.put(keys.calls.expiry, [expireTime, ns, 'request', queued], true);
}

function receiptFor(
  record: ArtifactRecord,
  spec: ArtifactSpec,
  bytesSaved: number,
  kind: 'deduplicated' | 'replayed' | undefined,
): Receipt {
  const deduplicated = kind === 'deduplicated';
  const replayed = kind === 'replayed';
  const carried = new Map(record.metadata);
  const metadataDiffers = spec.metadata.some(([key, value]) => carried.get(key) !== value);
  const inputsDiffer = record.inputs.join() !== spec.inputs.join();
  return {
    deduplicated,
    replayed,
    metadataDiffers: deduplicated && metadataDiffers,
    labelsDiffer: deduplicated && !samePairs(record.labels, spec.labels),
    inputsDiffer: deduplicated && inputsDiffer,
    bytesSaved: replayed ? 0 : bytesSaved,
  };
}
