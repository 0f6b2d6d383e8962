import type { ArtifactSpec } from '../../domain/artifact.ts';
import { expiryField, resolveExpiry } from '../../domain/expiry.ts';
import type { ArtifactId } from '../../domain/ids.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { sessionGone, sessionMustExist, sessionSealed } from '../rows/failures.ts';
import { asOf, hasLapsed, isIdFree, isOver, SessionLapsed } from '../rows/session-life.ts';
import { tokenUsedUp } from '../rows/token-use.ts';
import { allShards, beyondQuota, noUsage, plus } from '../rows/usage.ts';

/**
 * What can be refused before any byte is sent, from what is durable now: cheap, and checked again in the commit.
 * A known request id is never refused here, since its answer no longer depends on the session's state.
 *
 * @returns the artifact that a known request id made.
 */
export async function refuseEarly(
  index: Index,
  principal: Principal,
  spec: ArtifactSpec,
  opensSessions: boolean,
): Promise<ArtifactId | undefined> {
  const ns = principal.namespace;
  if (spec.requestId !== undefined) {
    const value = await index.get(keys.calls.requestId.key(ns, principal.subject, spec.requestId));
    const known = value && keys.calls.requestId.decode(value);
    if (known !== undefined && known.expireTime > index.now()) return known.artifact;
  }
  resolveExpiry(expiryField(spec.expiry), spec.expiry, index.now());
  const bytesMax = principal.restriction?.pushBytesMax;
  if (bytesMax !== undefined && (spec.sizeBytes ?? 0) > bytesMax) throw tokenUsedUp(bytesMax, 0);
  const nameValue = await index.get(keys.sessions.name.key(ns, spec.session));
  const name = nameValue && keys.sessions.name.decode(nameValue);
  if (name === undefined) {
    if (!opensSessions) throw sessionMustExist(spec.session);
    await refuseBeyondQuota(index, ns, spec);
    return undefined;
  }
  const value = await index.get(keys.sessions.record.key(ns, name.uid));
  const session = value && keys.sessions.record.decode(value);
  const now = index.now();
  if (isIdFree(name, session, now)) {
    await refuseBeyondQuota(index, ns, spec);
    return undefined;
  }
  if (name.goneSince !== undefined || (session !== undefined && isOver(asOf(session, now), now)))
    throw sessionGone(spec.session);
  if (session !== undefined && hasLapsed(session, now)) throw new SessionLapsed(session);
  if (session !== undefined && session.state !== 'open') throw sessionSealed(session);
  // What has the name already may turn out to be the same, which adds nothing.
  const head = await index.get(keys.artifacts.head.key(ns, name.uid, spec.name));
  if (head === undefined) await refuseBeyondQuota(index, ns, spec);
  return undefined;
}

/** From what is durable now; the commit checks it exactly. */
async function refuseBeyondQuota(index: Index, ns: string, spec: ArtifactSpec): Promise<void> {
  const value = await index.get(keys.store.namespace.key(ns));
  const quota = value && keys.store.namespace.decode(value).quota;
  if (quota === undefined || spec.sizeBytes === undefined) return;
  const shares = await Promise.all(allShards.map((shard) => index.get(keys.calls.usage.key(ns, shard))));
  const usage = shares.reduce(
    (sum, share) => (share ? plus(sum, keys.calls.usage.decode(share)) : sum),
    noUsage,
  );
  const gain = { bytes: spec.sizeBytes };
  const failure = beyondQuota(quota, plus(usage, gain), gain);
  if (failure !== undefined) throw failure;
}
