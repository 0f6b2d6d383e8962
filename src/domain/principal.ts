import { Failure } from './errors.ts';
import type { ArtifactName, Namespace, SessionId, SessionPrefix } from './names.ts';

/** A right of a principal in its namespace. */
export type Scope = 'read' | 'write' | 'share';

/** All scopes, sorted. */
export const scopes: readonly Scope[] = ['read', 'share', 'write'];

/**
 * The limits of a token that was minted for an agent, in addition to its scopes. Sessions and artifacts outside are not
 * found; a push outside is refused.
 */
export interface Restriction {
  /**
   * The only sessions that the token is good for, whether or not they exist, except those of `sessionPrefixes`.
   * Undefined: all.
   */
  readonly sessions?: ReadonlySet<SessionId>;
  /** What the ids of further sessions begin with. Means nothing unless `sessions` is set, which may be empty. */
  readonly sessionPrefixes?: readonly SessionPrefix[];
  /** The text that names of artifacts must begin with. Undefined: any name. */
  readonly namePrefix?: string;
  /** The number of bytes that may be pushed with the token over its life. Undefined: no limit. */
  readonly pushBytesMax?: number;
  /** The most bytes of one artifact that is pushed. Undefined: the limit of the store. */
  readonly artifactBytesMax?: number;
}

/**
 * The credential or the address that the use of shared resources is charged to. The payers of one group together
 * compete with those of other groups.
 */
export interface Payer {
  /** A namespace; or an address, for calls that may name any namespace. */
  readonly group: string;
  /**
   * The credential within the group. All tokens that were minted with it belong to it, and so do the tokens minted with
   * those.
   */
  readonly name: string;
}

/** The caller. Every operation of the store has one. */
export interface Principal {
  /** The name of the caller, stable within the namespace. Retries are recognised for each subject. */
  readonly subject: string;
  readonly namespace: Namespace;
  readonly scopes: ReadonlySet<Scope>;
  /** True: the caller has every scope, maintenance and administration. */
  readonly operator: boolean;
  /** The API key that the credentials depend on: every commit checks that the key is still good. */
  readonly apiKey?: string;
  /** The time when the credentials end, in milliseconds since the Unix epoch. Undefined: never. */
  readonly expireTime?: number;
  readonly restriction?: Restriction;
  /** The payer, if it is not the key, or the subject, in this namespace: see {@link payerOf}. */
  readonly payer?: Payer;
}

/** Returns the payer that the principal's use of shared resources is charged to. */
export function payerOf({ payer, namespace, apiKey, subject }: Principal): Payer {
  return payer ?? { group: namespace, name: apiKey ?? subject };
}

/** Returns one text for each payer; neither part has a line break. */
export function nameOfPayer({ group, name }: Payer): string {
  return `${group}\n${name}`;
}

const everything: ReadonlySet<Scope> = new Set(scopes);

/** The subject of callers without credentials. */
export const guestSubject = 'local';

/**
 * Returns the caller over the network if no authentication is configured. It may use every namespace, but not the store
 * itself.
 */
export function anonymous(namespace: Namespace): Principal {
  return { subject: guestSubject, namespace, scopes: everything, operator: false };
}

/**
 * Returns the caller in the process that has the store open, or on its local socket. Such a caller could also read the
 * store's files.
 */
export function localOperator(namespace: Namespace): Principal {
  return { subject: guestSubject, namespace, scopes: everything, operator: true };
}

/** Returns true if the session may exist for the principal. */
export function seesSession({ restriction }: Principal, session: string): boolean {
  const sessions: ReadonlySet<string> | undefined = restriction?.sessions;
  if (sessions === undefined || sessions.has(session)) return true;
  return (restriction?.sessionPrefixes ?? []).some((prefix) => session.startsWith(prefix));
}

/** Returns true if every session whose id begins with the prefix may exist for the principal. */
export function seesSessionsOf({ restriction }: Principal, prefix: SessionPrefix): boolean {
  if (restriction?.sessions === undefined) return true;
  return (restriction.sessionPrefixes ?? []).some((own) => prefix.startsWith(own));
}

/** Returns true if the artifact may exist for the principal. */
export function seesArtifact(
  principal: Principal,
  artifact: { readonly session: string; readonly name: string },
): boolean {
  return (
    seesSession(principal, artifact.session) &&
    artifact.name.startsWith(principal.restriction?.namePrefix ?? '')
  );
}

/** Returns true if the principal may read the artifact. */
export function canRead(
  principal: Principal,
  artifact: { readonly session: string; readonly name: string },
): boolean {
  return principal.scopes.has('read') && seesArtifact(principal, artifact);
}

/** Returns true if the principal may know everything that the namespace contains. */
export function seesEverything({ restriction, scopes }: Principal): boolean {
  return scopes.has('read') && restriction?.sessions === undefined && restriction?.namePrefix === undefined;
}

/**
 * Checks a push against the limits of the principal. The result does not depend on what exists.
 *
 * @throws Failure PERMISSION_DENIED if the push lies outside the limits of the principal.
 */
export function requirePushable(
  principal: Principal,
  target: { readonly session: SessionId; readonly name: ArtifactName },
): void {
  if (!seesSession(principal, target.session)) throw outside('session', oneOfSessions(principal));
  if (!seesArtifact(principal, target)) throw outside('name', withPrefix(principal));
}

/** @throws Failure PERMISSION_DENIED if the session lies outside the limits of the principal. */
export function requireSessionWritable(principal: Principal, session: SessionId): void {
  if (!seesSession(principal, session)) throw outside('session', oneOfSessions(principal));
}

/**
 * Checks the right to read a session as a whole, or to decide about it.
 *
 * @throws Failure PERMISSION_DENIED for tokens that are limited to some names of the session.
 */
export function requireWholeSessions({ restriction }: Principal): void {
  if (restriction?.namePrefix !== undefined)
    throw new Failure(
      'PERMISSION_DENIED',
      'this token is limited to some names and cannot act on whole sessions',
    );
}

function oneOfSessions({ restriction }: Principal): string {
  const begun = (restriction?.sessionPrefixes ?? []).map((prefix) => `${prefix}*`);
  const allowed = [...(restriction?.sessions ?? []), ...begun];
  const shown = `${allowed.slice(0, sessionsShownMax).join(', ')}${allowed.length > sessionsShownMax ? ' …' : ''}`;
  return `must be one of the sessions that this token is limited to: ${shown}`;
}

function withPrefix({ restriction }: Principal): string {
  return `must begin with the name prefix that this token is limited to: ${restriction?.namePrefix ?? ''}`;
}

/** The number of sessions that an error lists. */
const sessionsShownMax = 3;

function outside(field: string, description: string): Failure {
  return new Failure('PERMISSION_DENIED', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
