/** The committing transaction of a push: one decision that checks everything once more, and writes all rows or none. */
import { hash } from 'node:crypto';
import type { Artifact, ArtifactSpec, Receipt } from '../../domain/artifact.ts';
import { contentTypeSaid, guessContentType, mediaTypeOf } from '../../domain/content-type.ts';
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import { expiryField, resolveExpiry } from '../../domain/expiry.ts';
import { type ArtifactId, artifactId } from '../../domain/ids.ts';
import { inheritPairs, samePairs } from '../../domain/metadata.ts';
import { canRead, type Principal, seesEverything } from '../../domain/principal.ts';
import type { Asking, Tx } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ArtifactRecord, HeadRecord, SessionRecord } from '../../index/records.ts';
import type { Key } from '../../index/row.ts';
import { takingSession } from '../look/session.ts';
import {
  delExpiry,
  delLatest,
  latestRecord,
  liveLatest,
  putArtifact,
  putExpiry,
  toArtifact,
} from '../rows/artifact-rows.ts';
import {
  attach,
  attachStored,
  blobReads,
  healOrDiscard,
  isStored,
  type Referrer,
} from '../rows/blob-rows.ts';
import type { Content } from '../rows/content.ts';
import {
  artifactDeleted,
  artifactExpired,
  contentNotFound,
  requestIdReused,
  sessionMustExist,
  sessionSealed,
} from '../rows/failures.ts';
import {
  type OlderRequestIds,
  rememberedRequest,
  rememberRequest,
  requestIdKeys,
} from '../rows/request-ids.ts';
import { isThere } from '../rows/session-life.ts';
import {
  createSession,
  type NewSession,
  putSession,
  renewed,
  sessionOf,
  withSurvivor,
} from '../rows/session-rows.ts';
import { chargeToken } from '../rows/token-use.ts';
import { addUsage, growthKeys } from '../rows/usage.ts';

/**
 * Content that, according to the caller, the namespace already has; with a live artifact that has it and that the
 * caller can read.
 */
export interface WitnessedContent {
  readonly kind: 'stored';
  readonly sha256: Sha256;
  readonly size: number;
  readonly witness: ArtifactId;
}

/** The input of the decision, in addition to the rows. */
export interface CommitRequest {
  readonly by: Principal;
  readonly spec: ArtifactSpec;
  readonly content: Content | WitnessedContent;
  /** True: a push to an unknown session opens it. */
  readonly opensSessions: boolean;
  readonly olderRequestIds: OlderRequestIds;
}

/** The artifact that was made or found, and how. */
export interface CommitResult {
  readonly artifact: Artifact;
  readonly receipt: Receipt;
}

/** Returns a text that identifies the use of a request id. */
function fingerprint(
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
  return hash('sha256', JSON.stringify(said), 'base64url');
}

/**
 * Returns the keys of the rows that every commit reads first. Rows that depend on them (head, latest version) take
 * another round.
 *
 * @param now milliseconds since the Unix epoch. If another day has begun when the decision runs, rows of request ids take
 * another round, too.
 */
export function commitReads(request: CommitRequest, now: number): Key[] {
  const { by, spec, content } = request;
  const { namespace: ns, subject } = by;
  const wanted = [keys.sessions.name.key(ns, spec.session), ...growthKeys(ns, spec.session)];
  if (by.restriction?.pushBytesMax !== undefined) wanted.push(keys.credentials.tokenUse.key(ns, subject));
  if (spec.requestId !== undefined)
    wanted.push(...requestIdKeys(by, spec.requestId, now, request.olderRequestIds));
  for (const id of named(request)) wanted.push(keys.artifacts.record.key(ns, id));
  wanted.push(...blobReads(ns, content));
  return wanted;
}

/** Returns the artifacts that a push names: its inputs, and the one whose content it claims to have. */
function named({ spec, content }: CommitRequest): readonly ArtifactId[] {
  return content.kind === 'stored' ? [...spec.inputs, content.witness] : spec.inputs;
}

/** @throws Failure with every reason for which a push can be refused. */
export function* decideCommit(tx: Tx, request: CommitRequest): Asking<CommitResult> {
  const { by, spec, content } = request;
  const { ns } = tx;
  const replayed = yield* replay(tx, request);
  if (replayed !== undefined) return replayed;

  yield sessionsOf(tx, request);
  const found = yield* takingSession(tx, ns, spec.session, tx.now);
  if (found === undefined && !request.opensSessions) throw sessionMustExist(spec.session);
  if (found !== undefined && found.state !== 'open') throw sessionSealed(found);
  const head = found && (yield* headOf(tx, found, spec.name));
  const expireTime = resolveExpiry(expiryField(spec.expiry), spec.expiry, tx.now);
  checkInputs(tx, request);

  const same = yield* liveLatest(tx, ns, head, found, tx.now);
  if (same !== undefined && isSame(same, spec, content)) {
    const kept = extendExpiry(tx, found!, same, expireTime);
    if (content.kind !== 'stored') yield* healOrDiscard(tx, content);
    else if (!(yield* isStored(tx, ns, content))) throw contentNotFound(content.sha256);
    remember(tx, request, kept.id);
    return {
      artifact: toArtifact(kept, true, found),
      receipt: receiptFor(kept, spec, content.size, 'deduplicated'),
    };
  }

  const session = found ?? (yield* createSession(tx, opened(spec)));
  yield* chargeToken(tx, by, content.size);
  yield* addUsage(tx, spec.session, {
    sessions: found === undefined ? 1 : 0,
    artifacts: 1,
    bytes: content.size,
  });
  return yield* addVersion(tx, request, session, head, expireTime);
}

/** Returns the answer to a known request id: the artifact as it is now. */
function* replay(tx: Tx, request: CommitRequest): Asking<CommitResult | undefined> {
  const { by, spec, content } = request;
  const { ns } = tx;
  if (spec.requestId === undefined) return undefined;
  const known = yield* rememberedRequest(tx, by, spec.requestId, tx.now, request.olderRequestIds);
  if (known === undefined) return undefined;
  if (known.fingerprint !== fingerprint(spec, content)) throw requestIdReused(spec.requestId);
  yield [keys.artifacts.record.key(ns, known.artifact)];
  const record = tx.get(keys.artifacts.record, ns, known.artifact);
  if (record === undefined) throw artifactDeleted({ id: known.artifact });
  const { uid, name } = record;
  yield [keys.sessions.record.key(ns, uid), keys.artifacts.head.key(ns, uid, name)];
  const session = sessionOf(tx, ns, uid, tx.now);
  if (session?.deleteTime !== undefined) throw artifactDeleted({ id: known.artifact });
  if (!isThere(record, session, tx.now)) throw artifactExpired(record, session);
  const head = tx.get(keys.artifacts.head, ns, uid, name);
  if (content.kind !== 'stored') yield* healOrDiscard(tx, content);
  return {
    artifact: toArtifact(record, head?.latest === record.id, session),
    receipt: receiptFor(record, spec, content.size, 'replayed'),
  };
}

/**
 * Returns the keys of the sessions that the decision looks at, for one round, however many inputs the push has. The
 * head of the name comes with them.
 */
function sessionsOf(tx: Tx, request: CommitRequest): Key[] {
  const { ns } = tx;
  const { spec } = request;
  const name = tx.get(keys.sessions.name, ns, spec.session);
  const uids = new Set(named(request).flatMap((id) => tx.get(keys.artifacts.record, ns, id)?.uid ?? []));
  if (name !== undefined) uids.add(name.uid);
  const wanted = [...uids].map((uid) => keys.sessions.record.key(ns, uid));
  if (name !== undefined) wanted.push(keys.artifacts.head.key(ns, name.uid, spec.name));
  return wanted;
}

function* headOf(tx: Tx, { uid }: SessionRecord, name: string): Asking<HeadRecord | undefined> {
  yield [keys.artifacts.head.key(tx.ns, uid, name)];
  return tx.get(keys.artifacts.head, tx.ns, uid, name);
}

/** The caller has asked for the inputs and their sessions. */
function checkInputs(tx: Tx, { by, spec }: CommitRequest): void {
  for (const [at, input] of spec.inputs.entries()) {
    if (readableNow(tx, by, input) !== undefined) continue;
    throw new Failure('INPUT_NOT_FOUND', `inputs[${at}]: artifact ${input} does not exist`, {
      metadata: { artifact: input },
      violations: [{ field: `inputs[${at}]`, description: `artifact ${input} does not exist` }],
    });
  }
}

/**
 * Returns an artifact if it exists and the caller can read it. The artifact and its session must have been asked for.
 */
function readableNow(tx: Tx, by: Principal, id: ArtifactId): ArtifactRecord | undefined {
  const record = tx.get(keys.artifacts.record, tx.ns, id);
  if (record === undefined || !canRead(by, record)) return undefined;
  return isThere(record, sessionOf(tx, tx.ns, record.uid, tx.now), tx.now) ? record : undefined;
}

function isSame(
  latest: ArtifactRecord,
  spec: ArtifactSpec,
  content: { readonly sha256: Sha256; readonly size: number },
): boolean {
  if (spec.newVersion || latest.sha256 !== content.sha256 || latest.size !== content.size) return false;
  const said = contentTypeSaid(spec.name, spec.contentType);
  return said === undefined || mediaTypeOf(said) === mediaTypeOf(latest.contentType);
}

/** Takes over a later explicit expiry. Nothing else ever changes, and the expiry never becomes earlier. */
function extendExpiry(
  tx: Tx,
  session: SessionRecord,
  record: ArtifactRecord,
  expireTime: number | undefined,
): ArtifactRecord {
  if (expireTime === undefined || record.expireTime === undefined || expireTime <= record.expireTime)
    return record;
  const extended: ArtifactRecord = { ...record, expireTime, revision: record.revision + 1 };
  delExpiry(tx, record);
  putExpiry(tx, extended);
  tx.put(keys.artifacts.record, [tx.ns, record.id], extended);
  const outlasting = withSurvivor(session, expireTime);
  if (outlasting !== session) putSession(tx, session, outlasting);
  return extended;
}

/** Returns the settings of a session that a push opens. */
function opened(spec: ArtifactSpec): NewSession {
  return { id: spec.session, implicit: true, metadata: [], labels: [] };
}

function* addVersion(
  tx: Tx,
  request: CommitRequest,
  session: SessionRecord,
  head: HeadRecord | undefined,
  expireTime: number | undefined,
): Asking<CommitResult> {
  const { by: caller, spec, content } = request;
  const record = newRecord(tx, spec, content, session, head, expireTime);
  const by = { kind: 'artifact', id: record.id } as const;
  const alreadyHad =
    content.kind === 'stored'
      ? yield* attachWitnessed(tx, caller, content, by)
      : yield* attach(tx, content, by);
  const superseded = yield* latestRecord(tx, tx.ns, head);
  if (superseded !== undefined) delLatest(tx, superseded);
  putArtifact(tx, record);
  tx.put(keys.artifacts.head, [tx.ns, session.uid, record.name], {
    nextVersion: record.version + 1,
    latest: record.id,
  });
  putSession(tx, session, {
    ...withSurvivor(renewed(session, tx.now), expireTime),
    feed: record.feed,
    artifacts: session.artifacts + 1,
    bytes: session.bytes + record.size,
  });
  remember(tx, request, record.id);
  return {
    artifact: toArtifact(record, true, session),
    // A caller that may not read everything must not learn from the receipt which contents exist elsewhere.
    receipt: receiptFor(record, spec, alreadyHad && seesEverything(caller) ? record.size : 0, undefined),
  };
}

function newRecord(
  tx: Tx,
  spec: ArtifactSpec,
  content: { readonly sha256: Sha256; readonly size: number },
  session: SessionRecord,
  head: HeadRecord | undefined,
  expireTime: number | undefined,
): ArtifactRecord {
  const { pairs, inherited } = inheritPairs(spec.metadata, session.metadata);
  return {
    id: artifactId(tx.mintId()),
    uid: session.uid,
    session: session.id,
    name: spec.name,
    version: head?.nextVersion ?? 1,
    sha256: content.sha256,
    size: content.size,
    contentType: contentTypeSaid(spec.name, spec.contentType) ?? guessContentType(spec.name),
    metadata: pairs,
    inherited,
    labels: spec.labels,
    inputs: spec.inputs,
    createTime: tx.now,
    feed: session.feed + 1,
    ...(expireTime === undefined ? {} : { expireTime }),
    hold: false,
    revision: 1,
  };
}

/**
 * Attaches the stored content. The caller must still be able to read an artifact with it, and the content must still
 * exist.
 */
function* attachWitnessed(tx: Tx, caller: Principal, content: WitnessedContent, by: Referrer): Asking<true> {
  const witness = readableNow(tx, caller, content.witness);
  if (witness?.sha256 !== content.sha256 || !(yield* attachStored(tx, content, by)))
    throw contentNotFound(content.sha256);
  return true;
}

function remember(tx: Tx, { by, spec, content }: CommitRequest, artifact: ArtifactId): void {
  if (spec.requestId === undefined) return;
  rememberRequest(tx, by, spec.requestId, { fingerprint: fingerprint(spec, content), artifact });
}

function receiptFor(
  record: ArtifactRecord,
  spec: ArtifactSpec,
  bytesSaved: number,
  kind: 'deduplicated' | 'replayed' | undefined,
): Receipt {
  const deduplicated = kind === 'deduplicated';
  const replayed = kind === 'replayed';
  return {
    deduplicated,
    replayed,
    metadataDiffers: deduplicated && lacksMetadata(record, spec),
    labelsDiffer: deduplicated && !samePairs(record.labels, spec.labels),
    inputsDiffer: deduplicated && record.inputs.join() !== spec.inputs.join(),
    bytesSaved: replayed ? 0 : bytesSaved,
  };
}

function lacksMetadata(record: ArtifactRecord, spec: ArtifactSpec): boolean {
  const carried = new Map(record.metadata);
  return spec.metadata.some(([key, value]) => carried.get(key) !== value);
}
