import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type CompareSessionsRequest,
  type CompareSessionsResponseSchema,
  DifferenceKind as DifferenceKindValue,
  type SessionDifferenceSchema,
} from '../../../gen/artifacta/v1/compare_pb.ts';
import { parseSessionId } from '../../domain/names.ts';
import type { Comparison, Difference, DifferenceKind } from '../../store/queries/comparison.ts';
import type { Call } from '../handlers.ts';
import { toArtifactMessage } from '../messages.ts';
import { parsePageSize } from '../parse.ts';

const kinds: Readonly<Record<DifferenceKind, DifferenceKindValue>> = {
  added: DifferenceKindValue.ADDED,
  removed: DifferenceKindValue.REMOVED,
  content: DifferenceKindValue.CONTENT,
  metadata: DifferenceKindValue.METADATA,
  none: DifferenceKindValue.NONE,
};

/** Answers CompareSessions. */
export async function compareSessions(
  comparison: Comparison,
  request: CompareSessionsRequest,
  call: Call,
): Promise<MessageInitShape<typeof CompareSessionsResponseSchema>> {
  const page = await comparison.compare(call.principal, {
    base: parseSessionId('base_session', request.baseSession),
    session: parseSessionId('session', request.session),
    showUnchanged: request.showUnchanged,
    pageSize: parsePageSize(request.pageSize),
    pageToken: request.pageToken,
  });
  return { differences: page.items.map(toDifferenceMessage), nextPageToken: page.nextPageToken };
}

function toDifferenceMessage(difference: Difference): MessageInitShape<typeof SessionDifferenceSchema> {
  const { name, kind, base, compared } = difference;
  return {
    name,
    kind: kinds[kind],
    ...(base === undefined ? {} : { base: toArtifactMessage(base) }),
    ...(compared === undefined ? {} : { compared: toArtifactMessage(compared) }),
  };
}
