import type { ArtifactSpec } from '../domain/artifact.ts';
import { expiryField, resolveExpiry } from '../domain/expiry.ts';
import type { ArtifactId } from '../domain/ids.ts';
import type { Principal } from '../domain/principal.ts';
import type { Index } from '../index/door.ts';
import { calls, sessions } from '../index/keys.ts';
import { sessionGone, sessionMustExist, sessionSealed } from './failures.ts';

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
    const value = await index.get(calls.requestId.key(ns, principal.subject, spec.requestId));
    const known = value && calls.requestId.decode(value);
    if (known !== undefined && known.expireTime > index.now()) return known.artifact;
  }
  resolveExpiry(expiryField(spec.expiry), spec.expiry, index.now());
  const nameValue = await index.get(sessions.name.key(ns, spec.session));
  const name = nameValue && sessions.name.decode(nameValue);
  if (name === undefined) {
    if (opensSessions) return undefined;
    throw sessionMustExist(spec.session);
  }
  if (name.goneSince !== undefined) throw sessionGone(spec.session);
  const value = await index.get(sessions.record.key(ns, name.uid));
  const session = value && sessions.record.decode(value);
  if (session !== undefined && session.state !== 'open') throw sessionSealed(session);
  return undefined;
}
