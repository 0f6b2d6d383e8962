/** CollectGarbage and Scrub: their requests in terms of the store, and its results as messages. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  CollectGarbageRequest,
  CollectGarbageResponseSchema,
  ScrubRequest,
  ScrubResponseSchema,
} from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import { limits } from '../../domain/limits.ts';

import { type Allowance, Budget } from '../../domain/load/budget.ts';
import type { Quarantined } from '../../store/queries/quarantined.ts';
import type { Collection } from '../../store/upkeep/collection.ts';
import type { Scrub } from '../../store/upkeep/scrub.ts';
import { toPauseMessage, toQuarantinedMessage } from '../messages.ts';

import { parseAge, parseSize } from '../parse.ts';

/** Answers CollectGarbage. */
export async function collectGarbage(
  collection: Collection,
  { findOrphans }: CollectGarbageRequest,
  allowance: Allowance,
): Promise<MessageInitShape<typeof CollectGarbageResponseSchema>> {
  const { condemned, removed, removedBytes, orphans, more, nextTime, pauses } = await collection.collect(
    allowance,
    { findOrphans },
  );
  return {
    condemnedCount: BigInt(condemned),
    removedCount: BigInt(removed),
    removedBytes: BigInt(removedBytes),
    orphanCount: BigInt(orphans),
    more,
    ...(nextTime === undefined ? {} : { nextTime: timestampFromMs(nextTime) }),
    pauses: pauses.map(toPauseMessage),
  };
}

/** Answers Scrub. */
export async function scrub(
  parts: { readonly scrub: Scrub; readonly quarantined: Quarantined },
  request: ScrubRequest,
  allowance: Allowance,
): Promise<MessageInitShape<typeof ScrubResponseSchema>> {
  const bytesMax = parseSize('max_bytes', request.maxBytes);
  const { contents, bytes, damaged, damagedCount, releasedCount, more } = await parts.scrub.scrub({
    budget: new Budget(allowance),
    bytesMax: bytesMax === 0 ? limits.scrubBytesDefault : bytesMax,
    minAgeMs: parseAge('min_age', request.minAge) ?? limits.scrubAgeDaysDefault * 86_400_000,
  });
  return {
    contentCount: BigInt(contents),
    sizeBytes: BigInt(bytes),
    damaged: (await parts.quarantined.describe(damaged)).map(toQuarantinedMessage),
    damagedCount: BigInt(damagedCount),
    releasedCount: BigInt(releasedCount),
    more,
  };
}
