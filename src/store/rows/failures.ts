/** The refusals that more than one operation uses, each worded once. */
import type { ArtifactTarget } from '../../domain/artifact.ts';
import { Failure } from '../../domain/errors.ts';
import { effectiveExpiry, type SessionFacts } from '../../domain/expiry.ts';
import type { ArtifactRecord, SessionRecord } from '../../index/records.ts';

/** REQUEST_ID_REUSED. */
export function requestIdReused(requestId: string): Failure {
  return new Failure('REQUEST_ID_REUSED', `request id ${requestId} was used for another request`, {
    metadata: { request_id: requestId },
    violations: [{ field: 'request_id', description: 'must be new: it was used for another request' }],
  });
}

function targetMetadata(target: ArtifactTarget): Record<string, string> {
  if ('id' in target) return { artifact: target.id };
  const version = target.version === undefined ? {} : { version: String(target.version) };
  return { session: target.session, name: target.name, ...version };
}

function described(target: ArtifactTarget): string {
  if ('id' in target) return target.id;
  const version = target.version === undefined ? '' : ` version ${target.version}`;
  return `${target.name}${version} in session ${target.session}`;
}

/** ARTIFACT_NOT_FOUND. */
export function artifactNotFound(target: ArtifactTarget): Failure {
  return new Failure('ARTIFACT_NOT_FOUND', `artifact ${described(target)} does not exist`, {
    metadata: targetMetadata(target),
  });
}

/** ARTIFACT_DELETED. */
export function artifactDeleted(target: ArtifactTarget): Failure {
  const message =
    'id' in target || target.version !== undefined
      ? `artifact ${described(target)} was deleted`
      : `the latest version of ${described(target)} was deleted`;
  return new Failure('ARTIFACT_DELETED', message, { metadata: targetMetadata(target) });
}

/** ARTIFACT_EXPIRED. @param session as it is now. */
export function artifactExpired(record: ArtifactRecord, session: SessionFacts | undefined): Failure {
  const time = new Date(effectiveExpiry(record, session).expireTime ?? 0).toISOString();
  return new Failure('ARTIFACT_EXPIRED', `artifact ${record.id} expired at ${time}`, {
    metadata: { artifact: record.id, expire_time: time },
  });
}

/** CONTENT_NOT_FOUND. */
export function contentNotFound(sha256: string): Failure {
  return new Failure(
    'CONTENT_NOT_FOUND',
    `no artifact that you can read has the content ${sha256}; send the bytes`,
    {
      metadata: { sha256 },
    },
  );
}

/** SESSION_NOT_FOUND. */
export function sessionNotFound(id: string): Failure {
  return new Failure('SESSION_NOT_FOUND', `session ${id} does not exist`, { metadata: { session: id } });
}

/** The name of the session exists; its record does not. */
export function sessionLost(id: string): Failure {
  return new Failure(
    'DATA_LOSS',
    `the index has lost the record of session ${id}: an operator must run "artifacta fsck"`,
    { metadata: { session: id } },
  );
}

/** SEAL_PENDING. */
export function sealPending(id: string): Failure {
  return new Failure('SEAL_PENDING', `session ${id} is being sealed; try again in a moment`, {
    metadata: { session: id },
    retryAfterMs: 200,
  });
}

/** MANIFEST_NOT_FOUND. */
export function manifestNotFound(id: string): Failure {
  return new Failure('MANIFEST_NOT_FOUND', `session ${id} is not sealed; it has no manifest yet`, {
    metadata: { session: id },
  });
}

/** SESSION_SEALED. @param refused what is not possible any more. */
export function sessionSealed(session: SessionRecord, refused = 'nothing can be added to it'): Failure {
  return new Failure('SESSION_SEALED', `session ${session.id} is sealed; ${refused}`, {
    metadata: { session: session.id, ...(session.outcome === undefined ? {} : { outcome: session.outcome }) },
  });
}

/** SESSION_GONE. */
export function sessionGone(id: string): Failure {
  return new Failure(
    'SESSION_GONE',
    `session ${id} was deleted or has expired; use another id: this one can be used again 30 days after the deletion, ` +
      'or 30 days after both the session and the last of its artifacts have expired',
    {
      metadata: { session: id },
    },
  );
}

/** SESSION_MUST_EXIST. */
export function sessionMustExist(id: string): Failure {
  return new Failure(
    'SESSION_MUST_EXIST',
    `session ${id} does not exist, and this service does not let a push open one; open the session first, with ` +
      'OpenSession or "artifacta session open"',
    {
      metadata: { session: id },
    },
  );
}

/** Returns the etag of a record: its revision, in quotation marks. */
export function etagOf(record: { readonly revision: number }): string {
  return `"${record.revision}"`;
}

/** Passes if the caller gave no etag. @throws Failure ETAG_MISMATCH. */
export function checkEtag(
  what: string,
  record: { readonly revision: number },
  etag: string | undefined,
): void {
  const current = etagOf(record);
  if (etag === undefined || etag === current) return;
  throw new Failure('ETAG_MISMATCH', `${what} has changed: its etag is now ${current}`, {
    metadata: { etag: current },
    violations: [{ field: 'etag', description: `the etag is now ${current}` }],
  });
}
