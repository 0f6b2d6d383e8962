import type { ArtifactSpec } from '../../domain/artifact.ts';
import { expiryField, resolveExpiry } from '../../domain/expiry.ts';
import type { ArtifactId } from '../../domain/ids.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Asking, Rows } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { takingSession } from '../look/session.ts';
import { sessionMustExist, sessionSealed } from '../rows/failures.ts';
import { type OlderRequestIds, rememberedRequest } from '../rows/request-ids.ts';
import { tokenUsedUp } from '../rows/token-use.ts';
import { requireQuota } from '../rows/usage.ts';
import type { CommitRequest } from './commit.ts';

/**
 * Refuses what can be refused before any byte is sent, according to the durable state. This check is cheap, and the
 * commit repeats it. A known request id is never refused here, since its answer no longer depends on the session's
 * state.
 *
 * @param now milliseconds since the Unix epoch.
 * @returns the artifact that a known request id made.
 */
export function* refuseEarly(
  rows: Rows,
  by: Principal,
  spec: ArtifactSpec,
  { opensSessions, olderRequestIds }: Pick<CommitRequest, 'opensSessions' | 'olderRequestIds'>,
  now: number,
): Asking<ArtifactId | undefined> {
  const ns = by.namespace;
  const known = yield* knownRequest(rows, by, spec.requestId, now, olderRequestIds);
  if (known !== undefined) return known;
  resolveExpiry(expiryField(spec.expiry), spec.expiry, now);
  const bytesMax = by.restriction?.pushBytesMax;
  if (bytesMax !== undefined && (spec.sizeBytes ?? 0) > bytesMax) throw tokenUsedUp(bytesMax, 0);
  const session = yield* takingSession(rows, ns, spec.session, now);
  if (session === undefined && !opensSessions) throw sessionMustExist(spec.session);
  if (session !== undefined && session.state !== 'open') throw sessionSealed(session);
  if (spec.sizeBytes === undefined) return undefined;
  if (session !== undefined) {
    // If the name has an artifact already, the new bytes may turn out to be the same, which adds nothing.
    yield [keys.artifacts.head.key(ns, session.uid, spec.name)];
    if (rows.get(keys.artifacts.head, ns, session.uid, spec.name) !== undefined) return undefined;
  }
  yield* requireQuota(rows, ns, { bytes: spec.sizeBytes });
  return undefined;
}

/** Returns the artifact that a request id made, while the request id is remembered. */
export function* knownRequest(
  rows: Rows,
  by: Principal,
  requestId: string | undefined,
  now: number,
  older: OlderRequestIds,
): Asking<ArtifactId | undefined> {
  if (requestId === undefined) return undefined;
  return (yield* rememberedRequest(rows, by, requestId, now, older))?.artifact;
}
