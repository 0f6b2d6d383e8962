import { LineageDirection } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { type Calls, unary } from '../wire/calls.ts';
import { type PageOptions, paged } from '../wire/pages.ts';
import { type Artifact, type ArtifactRef, artifactFrom, refMessage } from './artifact.ts';

/** The lineage to walk. */
export interface LineageQuery extends Omit<PageOptions, 'order'> {
  /** The direction: to the inputs (`inputs`, the default), or to the artifacts made from it. */
  readonly direction?: 'inputs' | 'derived' | undefined;
  /** The greatest number of edges from the start, 1 to 32. Default 1. */
  readonly depth?: number | undefined;
}

/** One edge of lineage: `derivedId` was made from `inputId`. */
export interface LineageEdge {
  readonly derivedId: string;
  readonly inputId: string;
  /** The number of edges from the start to the far end, from 1. */
  readonly depth: number;
  /**
   * The far end. Undefined if it has expired, was deleted or may not be read; the walk shows nothing that lies behind
   * it.
   */
  readonly artifact: Artifact | undefined;
}

/** Yields edges by depth, then by the ids of the near and the far end, each once. */
export function lineage(
  calls: Calls,
  ref: ArtifactRef,
  query: LineageQuery,
): AsyncGenerator<LineageEdge, void, void> {
  return paged(query, async (pageSize, pageToken) => {
    const request = {
      artifact: refMessage(ref),
      direction: query.direction === 'derived' ? LineageDirection.DERIVED : LineageDirection.INPUTS,
      depth: query.depth ?? 1,
      pageSize,
      pageToken,
    };
    const answer = await unary(calls, query, (options) => calls.artifacts.listLineage(request, options));
    const items = answer.edges.map(({ derivedId, inputId, depth, artifact }) => ({
      derivedId,
      inputId,
      depth,
      artifact: artifact && artifactFrom(artifact),
    }));
    return { items, nextPageToken: answer.nextPageToken };
  });
}
