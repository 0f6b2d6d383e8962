import { Failure } from './errors.ts';
import type { ArtifactName, Namespace, SessionId } from './names.ts';

/** What a principal may do in its namespace. */
export type Scope = 'read' | 'write' | 'share';

/** All scopes, sorted. */
export const scopes: readonly Scope[] = ['read', 'share', 'write'];

/** What a token that was minted for an agent is limited to, beside its scopes. What lies outside does not exist for it. */
export interface Restriction {
  /** The only sessions it is good for, whether or not they exist. Undefined: all. */
  readonly sessions?: ReadonlySet<SessionId>;
  /** Names of artifacts must begin with this. Undefined: all. */
  readonly namePrefix?: string;
  /** Bytes that may be pushed with it, added up over its life. Undefined: no limit. */
  readonly pushBytesMax?: number;
}

/** By whom what all share is used: credentials of a group stand together before those of others. */
export interface Holder {
  /** A namespace; or an address, which may name any. */
  readonly group: string;
  /** The credential within it that all tokens which were minted with it, and with these, belong to. */
  readonly name: string;
}

/** Who calls. Present in every operation of the store. */
export interface Principal {
  /** Stable within the namespace; retries are recognised per subject. */
  readonly subject: string;
  readonly namespace: Namespace;
  readonly scopes: ReadonlySet<Scope>;
  /** Every scope, maintenance and administration. */
  readonly operator: boolean;
  /** The API key that this rests on: what is committed checks that it is still good. */
  readonly apiKey?: string;
  /** When the credentials end, in milliseconds since the Unix epoch. Undefined: never. */
  readonly expireTime?: number;
  readonly restriction?: Restriction;
  /** Where it is not the key, or the subject, in this namespace: see {@link holderOf}. */
  readonly holder?: Holder;
}

/** By whom what the principal uses is used. */
export function holderOf({ holder, namespace, apiKey, subject }: Principal): Holder {
  return holder ?? { group: namespace, name: apiKey ?? subject };
}

/** One text for each holder: neither part holds a line break. */
export function nameOfHolder({ group, name }: Holder): string {
  return `${group}\n${name}`;
}

const everything: ReadonlySet<Scope> = new Set(scopes);

/** The subject of callers who present nothing. */
export const guestSubject = 'local';

/** Who calls over the network where no authentication is configured: may use every namespace, but not the store itself. */
export function anonymous(namespace: Namespace): Principal {
  return { subject: guestSubject, namespace, scopes: everything, operator: false };
}

/** Who calls in the process that has the store open, or on its local socket: they could as well read its files. */
export function localOperator(namespace: Namespace): Principal {
  return { subject: guestSubject, namespace, scopes: everything, operator: true };
}

/** True if the session may exist for the principal. */
export function seesSession({ restriction }: Principal, session: string): boolean {
  const allowed: ReadonlySet<string> | undefined = restriction?.sessions;
  return allowed === undefined || allowed.has(session);
}

/** True if the artifact may exist for the principal. */
export function seesArtifact(
  principal: Principal,
  artifact: { readonly session: string; readonly name: string },
): boolean {
  return (
    seesSession(principal, artifact.session) &&
    artifact.name.startsWith(principal.restriction?.namePrefix ?? '')
  );
}

/** True if the principal may read the artifact. */
export function canRead(
  principal: Principal,
  artifact: { readonly session: string; readonly name: string },
): boolean {
  return principal.scopes.has('read') && seesArtifact(principal, artifact);
}

/** True if all that the namespace holds may be told to the principal. */
export function seesEverything({ restriction, scopes }: Principal): boolean {
  return scopes.has('read') && restriction?.sessions === undefined && restriction?.namePrefix === undefined;
}

/**
 * What is refused does not depend on what there is.
 *
 * @throws Failure PERMISSION_DENIED if a push lies outside what the principal is limited to.
 */
export function requirePushable(
  principal: Principal,
  target: { readonly session: SessionId; readonly name: ArtifactName },
): void {
  if (!seesSession(principal, target.session)) throw outside('session');
  if (!seesArtifact(principal, target)) throw outside('name');
}

/** @throws Failure PERMISSION_DENIED if the session lies outside what the principal is limited to. */
export function requireSessionWritable(principal: Principal, session: SessionId): void {
  if (!seesSession(principal, session)) throw outside('session');
}

/**
 * For what tells of a session as a whole, or decides about it.
 *
 * @throws Failure PERMISSION_DENIED for tokens that are limited to some names of it.
 */
export function requireWholeSessions({ restriction }: Principal): void {
  if (restriction?.namePrefix !== undefined)
    throw new Failure(
      'PERMISSION_DENIED',
      'this token is limited to some names, and may not act on sessions as a whole',
    );
}

function outside(field: string): Failure {
  const description = 'lies outside what this token is limited to';
  return new Failure('PERMISSION_DENIED', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
