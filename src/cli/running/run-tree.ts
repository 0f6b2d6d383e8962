/** Runs within runs, as a tree: the session `OUTER.N` with the metadata `parent` is below `OUTER`. */
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { Session } from '../../client/sessions/session.ts';
import type { CallSettings } from '../../client/wire/calls.ts';

/** A session in a tree. */
export interface Placed {
  readonly session: Session;
  /** 0: no outer run of it is listed. */
  readonly depth: number;
}

/** The session of a run that one or both of two runs had within them, by the same number. */
interface InnerPair {
  readonly base: Session | undefined;
  readonly compared: Session | undefined;
}

/** Runs that wait for the outer one, which is older, are listed without it from this number on. */
const waitingMax = 10_000;

/** Yields sessions that come newest first, each run within another one below that. */
export async function* inTree(sessions: AsyncIterable<Session>): AsyncGenerator<Placed, void, void> {
  const waiting = new Map<string, Session[]>();
  let count = 0;
  function* withInner(session: Session, depth: number): Generator<Placed, void, void> {
    yield { session, depth };
    const inner = waiting.get(session.id) ?? [];
    waiting.delete(session.id);
    count -= inner.length;
    for (const one of inner) yield* withInner(one, depth + 1);
  }
  function* withoutOuter(): Generator<Placed, void, void> {
    const ids = new Set([...waiting.values()].flat().map(({ id }) => id));
    for (const [outer, inner] of waiting) {
      // Those of a run that waits itself come below that: an id is longer than that of its outer run.
      if (ids.has(outer)) continue;
      waiting.delete(outer);
      count -= inner.length;
      for (const one of inner) yield* withInner(one, 0);
    }
  }
  for await (const session of sessions) {
    const outer = outerOf(session);
    if (outer === undefined) yield* withInner(session, 0);
    else {
      const inner = waiting.get(outer);
      if (inner === undefined) waiting.set(outer, [session]);
      else inner.push(session);
      if (++count >= waitingMax) yield* withoutOuter();
    }
  }
  yield* withoutOuter();
}

/** Returns the runs within two runs, side by side, in the order of their numbers. */
export async function innerPairs(
  client: ArtifactaClient,
  base: string | undefined,
  compared: string | undefined,
  settings: CallSettings,
): Promise<readonly InnerPair[]> {
  const [before, after] = await Promise.all([base, compared].map((id) => innerOf(client, id, settings)));
  const ends = [...new Set([...before!.keys(), ...after!.keys()])].sort(byNumber);
  return ends.map((end) => ({ base: before!.get(end), compared: after!.get(end) }));
}

/** Returns the runs within a run by what their ids have after its own. */
async function innerOf(
  client: ArtifactaClient,
  id: string | undefined,
  { signal }: CallSettings,
): Promise<ReadonlyMap<string, Session>> {
  const found = new Map<string, Session>();
  if (id === undefined) return found;
  try {
    for await (const session of client.sessions.list({ filter: `metadata.parent = "${id}"`, signal }))
      if (outerOf(session) === id) found.set(session.id.slice(id.length), session);
  } catch (error) {
    // A token that is good for some names may list no sessions.
    if (!(error instanceof ArtifactaError && error.code === 'PERMISSION_DENIED')) throw error;
  }
  return found;
}

function outerOf({ id, metadata }: Session): string | undefined {
  const outer = metadata.parent;
  return outer !== undefined && id.startsWith(`${outer}.`) ? outer : undefined;
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1)) || (a < b ? -1 : 1);
}
