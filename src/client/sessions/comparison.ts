import { DifferenceKind as KindMessage } from '../../../gen/artifacta/v1/compare_pb.ts';
import { type Artifact, artifactFrom } from '../artifacts/artifact.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { type PageOptions, paged } from '../wire/pages.ts';

/** How to compare sessions. */
export interface CompareOptions extends Omit<PageOptions, 'order'> {
  /** Include names that do not differ. Default false. */
  readonly showUnchanged?: boolean | undefined;
}

/**
 * The way in which a name differs. `content`: other bytes. `metadata`: the same bytes with another content type or
 * other metadata of its own.
 */
export type DifferenceKind = 'added' | 'removed' | 'content' | 'metadata' | 'none';

/** The difference of one name between two sessions, by their live latest versions. */
export interface Difference {
  readonly name: string;
  readonly kind: DifferenceKind;
  /** Undefined: the base session does not have the name. */
  readonly base: Artifact | undefined;
  /** Undefined: the compared session does not have the name. */
  readonly compared: Artifact | undefined;
}

const kinds: Readonly<Record<KindMessage, DifferenceKind>> = {
  // Never sent.
  [KindMessage.UNSPECIFIED]: 'none',
  [KindMessage.ADDED]: 'added',
  [KindMessage.REMOVED]: 'removed',
  [KindMessage.CONTENT]: 'content',
  [KindMessage.METADATA]: 'metadata',
  [KindMessage.NONE]: 'none',
};

/** Yields differences, sorted by the name's UTF-8 bytes. */
export function compareSessions(
  calls: Calls,
  baseSession: string,
  session: string,
  options: CompareOptions,
): AsyncGenerator<Difference, void, void> {
  return paged(options, async (pageSize, pageToken) => {
    const showUnchanged = options.showUnchanged ?? false;
    const request = { baseSession, session, showUnchanged, pageSize, pageToken };
    const answer = await unary(calls, options, (call) => calls.sessions.compareSessions(request, call));
    const items = answer.differences.map(({ name, kind, base, compared }) => ({
      name,
      // A kind that only a later service knows is still a difference.
      kind: kinds[kind] ?? 'content',
      base: base && artifactFrom(base),
      compared: compared && artifactFrom(compared),
    }));
    return { items, nextPageToken: answer.nextPageToken };
  });
}
