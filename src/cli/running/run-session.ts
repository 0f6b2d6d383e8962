/** The session of a run: opened under a lease that is kept alive, and what the command may know of it. */

import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { Scope } from '../../client/scopes.ts';
import { generatedSession } from '../../client/sessions/session-id.ts';
import type { OpenOptions } from '../../client/sessions/sessions.ts';
import type { Way } from '../invocation.ts';
import type { Io } from '../io.ts';

/** A session has at most this many runs of its own level within it. */
const innerRunsMax = 10_000;
/** The longest time that a token is good for, in milliseconds. */
const tokenMsMax = 24 * 3_600_000;

/** Of a session that exists with other settings, has ended, or was deleted. */
const takenReasons: ReadonlySet<unknown> = new Set(['SESSION_CONFLICT', 'SESSION_SEALED', 'SESSION_GONE']);

/** Where a run puts what it captures. */
export interface RunSession {
  readonly id: string;
  /** The beginning of the names of its artifacts: empty, unless it may not open a session of its own. */
  readonly prefix: string;
  /** Whether the session ends with the run. */
  readonly isOwn: boolean;
}

/**
 * Opens the session of a run. Within another run it is `OUTER.N`, with the metadata `parent`. Credentials that are good
 * for the outer session alone get a place in that.
 *
 * @param given the id that the user wants. Undefined: one is made.
 */
export async function openRunSession(
  client: ArtifactaClient,
  given: string | undefined,
  options: OpenOptions,
  { outerSession: outer, now, random }: Io,
): Promise<RunSession> {
  const metadata = { ...(outer === undefined ? {} : { parent: outer }), ...options.metadata };
  const generated = generatedSession(now?.() ?? new Date(), random ?? Math.random);
  try {
    if (given !== undefined || outer === undefined) {
      const id = given ?? generated;
      const { session } = await client.sessions.open(id, { ...options, metadata });
      if (session.state !== 'open')
        throw new ArtifactaError(`session ${id} has ended: name another one with --session`, {
          code: 'FAILED_PRECONDITION',
        });
      return { id, prefix: '', isOwn: true };
    }
    for (let number = 1; number <= innerRunsMax; number++) {
      const id = `${outer}.${number}`;
      if (await isOpened(client, id, { ...options, metadata })) return { id, prefix: '', isOwn: true };
    }
    throw new ArtifactaError(
      `${outer} already has ${innerRunsMax} inner runs, the most that get a number: give this run a session id of its ` +
        'own with --session',
      { code: 'FAILED_PRECONDITION' },
    );
  } catch (error) {
    const isForbidden = error instanceof ArtifactaError && error.code === 'PERMISSION_DENIED';
    if (outer === undefined || !isForbidden) throw error;
    return { id: outer, prefix: `${given ?? `${outer}.${generated}`}/`, isOwn: false };
  }
}

/** Returns false if the session exists already. */
async function isOpened(client: ArtifactaClient, id: string, options: OpenOptions): Promise<boolean> {
  try {
    return (await client.sessions.open(id, options)).created;
  } catch (error) {
    if (error instanceof ArtifactaError && takenReasons.has(error.reason)) return false;
    throw error;
  }
}

/**
 * Returns the variables by which the command and what it starts find the service and the session.
 *
 * @param namespace the one that the user named.
 */
export async function variablesFor(
  client: ArtifactaClient,
  { id }: RunSession,
  way: Way,
  namespace: string | undefined,
): Promise<Record<string, string | undefined>> {
  const named = namespace === undefined ? {} : { ARTIFACTA_NAMESPACE: namespace };
  const common = { ARTIFACTA_SESSION: id, ...named };
  const isOfDirectory = way.isEmbedded === true || way.passes === true;
  // Who may enter the data directory needs no credentials.
  if (isOfDirectory && way.ownDirectory !== undefined)
    return { ...common, ARTIFACTA_URL: undefined, ARTIFACTA_DATA_DIR: way.ownDirectory.path };
  const token = await tokenFor(client, id);
  const credentials = token === undefined ? {} : { ARTIFACTA_TOKEN: token, ARTIFACTA_TOKEN_FILE: undefined };
  return { ...common, ...credentials, ARTIFACTA_URL: way.description };
}

/** Of credentials that may not make such a token, and of an id that is too long for a prefix. */
const refusals: ReadonlySet<string> = new Set(['PERMISSION_DENIED', 'INVALID_ARGUMENT']);

/**
 * Returns a token for the session and for runs within it; for the session alone if these credentials allow no more.
 * Undefined: the service asks for none, or these credentials may make none.
 *
 * @throws ArtifactaError if the service cannot be asked: the command must not get wider credentials because of that.
 */
async function tokenFor(client: ArtifactaClient, id: string): Promise<string | undefined> {
  const attempts: readonly (readonly Scope[])[] = [['read', 'write', 'share'], ['read', 'write'], ['write']];
  const limits = { sessions: [id], ttlMs: tokenMsMax };
  for (const sessionPrefixes of [[`${id}.`], []])
    for (const scopes of attempts) {
      try {
        return (await client.access.mintToken({ ...limits, scopes, sessionPrefixes })).token;
      } catch (error) {
        if (!(error instanceof ArtifactaError)) throw error;
        if (error.code === 'UNIMPLEMENTED') return undefined;
        if (!refusals.has(error.code)) throw error;
      }
    }
  return undefined;
}
