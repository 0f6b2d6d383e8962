import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  ReapExpiredRequest,
  ReapExpiredResponseSchema,
} from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { Reaper } from '../../store/upkeep/reaper.ts';
import type { Call } from '../handlers.ts';

import { toPauseMessage } from '../messages.ts';
import { allowanceOf } from './allowance.ts';

/** Answers ReapExpired. @throws Failure INVALID_ARGUMENT. */
export async function reapExpired(
  reaper: Reaper,
  request: ReapExpiredRequest,
  call: Call,
): Promise<MessageInitShape<typeof ReapExpiredResponseSchema>> {
  const result = await reaper.reap(allowanceOf(request.maxItems, call));
  return {
    artifactCount: BigInt(result.artifacts),
    sizeBytes: BigInt(result.bytes),
    sessionCount: BigInt(result.sessions),
    lapsedSessionCount: BigInt(result.lapsed),
    otherCount: BigInt(result.others),
    more: result.more,
    ...(result.nextTime === undefined ? {} : { nextTime: timestampFromMs(result.nextTime) }),
    pauses: result.pauses.map(toPauseMessage),
  };
}
