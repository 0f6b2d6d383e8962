import { DifferenceKind as KindMessage } from '../../../gen/artifacta/v1/compare_pb.ts';
import { type Artifact, artifactFrom } from '../artifacts/artifact.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { type PageOptions, paged } from '../wire/pages.ts';

/** How sessions are compared. */
export interface CompareOptions extends Omit<PageOptions, 'order'> {
  /** Also names that do not differ. Default false. */
  readonly showUnchanged?: boolean | undefined;
}

/**
 * In which way a name differs: `content` is other bytes, `metadata` the same bytes with another content type or other
 * metadata of its own.
 */
export type DifferenceKind = 'added' | 'removed' | 'content' | 'metadata' | 'none';

/** How one name differs between two sessions, by their live latest versions. */
export interface Difference {
  readonly name: string;
  readonly kind: DifferenceKind;
  /** Undefined: the base session has none. */
  readonly base: Artifact | undefined;
  /** Undefined: the session that is compared has none. */
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

/** Differences sorted by the name's UTF-8 bytes. */
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
      // What a later service may tell apart is a difference all the same.
      kind: kinds[kind] ?? 'content',
      base: base && artifactFrom(base),
      compared: compared && artifactFrom(compared),
    }));
    return { items, nextPageToken: answer.nextPageToken };
  });
}
