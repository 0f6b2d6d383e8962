/** The differences between two sessions, and between the runs within them. */
import type { ArtifactaClient } from '../../client/client.ts';
import type { CompareOptions, Difference } from '../../client/sessions/comparison.ts';
import type { Session } from '../../client/sessions/session.ts';
import { innerPairs } from './run-tree.ts';

/** A difference, or the beginning of those of a run within the runs. */
export type InTree =
  | { readonly depth: number; readonly difference: Difference; readonly inner?: undefined }
  | { readonly depth: number; readonly difference?: undefined; readonly inner: InnerRun };

/** A run that one of two runs had within it, or both by the same number. */
interface InnerRun {
  readonly base: Session | undefined;
  readonly compared: Session | undefined;
  readonly kind: 'added' | 'removed' | 'both';
}

/** The ids of two sessions, or of one that has no counterpart. */
interface Sides {
  readonly base: string | undefined;
  readonly compared: string | undefined;
}

/**
 * Yields the differences of two sessions, then those of the runs within them, in the order of their numbers. A run that
 * only one of them has is all added or all removed.
 */
export async function* differencesInTree(
  client: ArtifactaClient,
  sides: Sides,
  options: CompareOptions,
  depth = 0,
): AsyncGenerator<InTree, void, void> {
  for await (const difference of differencesOf(client, sides, options)) yield { depth, difference };
  for (const { base, compared } of await innerPairs(client, sides.base, sides.compared, options)) {
    const ids = { base: base?.id, compared: compared?.id };
    let isBegun = false;
    const begin = (kind: InnerRun['kind']): InTree => {
      isBegun = true;
      return { depth, inner: { base, compared, kind } };
    };
    if (base === undefined) yield begin('added');
    else if (compared === undefined) yield begin('removed');
    for await (const one of differencesInTree(client, ids, options, depth + 1)) {
      if (!isBegun) yield begin('both');
      yield one;
    }
    if (!isBegun && options.showUnchanged) yield begin('both');
  }
}

async function* differencesOf(
  client: ArtifactaClient,
  { base, compared }: Sides,
  options: CompareOptions,
): AsyncGenerator<Difference, void, void> {
  if (base !== undefined && compared !== undefined) {
    yield* client.sessions.compare(base, compared, options);
    return;
  }
  const { signal } = options;
  const query = { session: (base ?? compared)!, signal };
  for await (const artifact of client.query(query)) {
    const { name } = artifact;
    if (base === undefined) yield { name, kind: 'added', base: undefined, compared: artifact };
    else yield { name, kind: 'removed', base: artifact, compared: undefined };
  }
}
