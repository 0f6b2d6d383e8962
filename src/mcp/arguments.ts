/** Arguments that several tools have. */
import * as z from 'zod/v4';
import type { ArtifactRef } from '../client/artifacts/artifact.ts';
import type { DefaultSession } from './stdio/default-session.ts';
import { BadArgument } from './tool-error.ts';

/** The id of a session. */
export const sessionId = z.string().min(1).max(128);

/** A map of texts. */
export const textMap = z.record(z.string(), z.string());

/** The artifact that a tool is about. */
export const artifactArgument = z
  .string()
  .min(1)
  .max(2_048)
  .describe('An id (art_…), which is one version forever, or SESSION/NAME, which is the latest version');

/** The version of a named artifact. */
export const versionArgument = z
  .number()
  .int()
  .min(1)
  .optional()
  .describe('This version of SESSION/NAME instead of the latest');

/** Returns the reference that two arguments stand for. @throws BadArgument */
export function refOf(artifact: string, version: number | undefined): ArtifactRef {
  if (version === undefined) return artifact;
  const at = artifact.indexOf('/');
  if (at <= 0) throw new BadArgument('version', 'must be left out with an id, which is one version');
  return { session: artifact.slice(0, at), name: artifact.slice(at + 1), version };
}

/** The argument for the session of a push: required where no session is the default. */
export function sessionArgument(defaultSession: DefaultSession | undefined) {
  if (defaultSession !== undefined)
    return sessionId
      .optional()
      .describe('The session. Default: the one of this agent run, which is opened if necessary');
  const missing =
    'is required, because this server has no default session: open_session returns an id to give in each call';
  return z
    .string({ error: ({ input }) => (input === undefined ? missing : undefined) })
    .min(1)
    .max(128)
    .describe('The session; open_session returns an id');
}

/** The first item of a list to return. */
export const offsetArgument = z
  .number()
  .int()
  .min(0)
  .max(10_000)
  .default(0)
  .describe('The number of items to leave out: next_offset of the answer before');

/**
 * Returns at most this many items of a list, without the first ones, and whether others follow.
 *
 * @param list yields the items; it is read no further than necessary.
 */
export async function slice<T>(
  list: AsyncIterable<T>,
  offset: number,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly isMore: boolean }> {
  const items: T[] = [];
  let at = 0;
  for await (const item of list) {
    if (at++ < offset) continue;
    if (items.length === limit) return { items, isMore: true };
    items.push(item);
  }
  return { items, isMore: false };
}

/** Returns a schema without the arguments that a server does not have. They are then refused. */
export function without<I extends z.ZodObject>(
  schema: I,
  left: { readonly [K in keyof I['shape']]?: boolean },
): I {
  const { shape } = schema;
  return z.strictObject(
    Object.fromEntries(Object.entries(shape).filter(([name]) => !left[name])),
  ) as unknown as I;
}
