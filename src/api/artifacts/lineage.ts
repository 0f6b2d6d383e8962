import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  LineageDirection,
  type LineageEdgeSchema,
  type ListLineageRequest,
  type ListLineageResponseSchema,
} from '../../../gen/artifacta/v1/lineage_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { Lineage, LineageEdge, LineageQuery } from '../../store/queries/lineage.ts';
import type { Direction } from '../../store/queries/lineage-walk.ts';
import type { Call } from '../handlers.ts';
import { toArtifactMessage } from '../messages.ts';
import { parsePageSize, parseRef } from '../parse.ts';

/** Answers ListLineage. */
export async function listLineage(
  lineage: Lineage,
  request: ListLineageRequest,
  call: Call,
): Promise<MessageInitShape<typeof ListLineageResponseSchema>> {
  const page = await lineage.list(call.principal, parseQuery(request));
  return { edges: page.items.map(toEdgeMessage), nextPageToken: page.nextPageToken };
}

function parseQuery(request: ListLineageRequest): LineageQuery {
  if (request.depth < 0) throw invalid('depth', 'must not be negative');
  return {
    target: parseRef('artifact', request.artifact),
    direction: parseDirection(request.direction),
    depth: request.depth === 0 ? 1 : Math.min(request.depth, limits.lineageDepthMax),
    pageSize: parsePageSize(request.pageSize),
    pageToken: request.pageToken,
  };
}

function parseDirection(value: LineageDirection): Direction {
  if (value === LineageDirection.INPUTS) return 'inputs';
  if (value === LineageDirection.DERIVED) return 'derived';
  throw invalid('direction', 'is required: INPUTS or DERIVED');
}

function toEdgeMessage(edge: LineageEdge): MessageInitShape<typeof LineageEdgeSchema> {
  const { derivedId, inputId, depth, artifact } = edge;
  const end = artifact === undefined ? {} : { artifact: toArtifactMessage(artifact) };
  return { derivedId, inputId, depth, ...end };
}
