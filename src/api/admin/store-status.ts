/** The status of a store in the form of the protocol. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type StoreStatus as StatusMessage,
  StoreStatus_State,
  StoreStatusSchema,
} from '../../../gen/artifacta/v1/store_pb.ts';
import type { HostState, StoreStatus } from '../../store/custody/status.ts';
import { toPauseMessage } from '../messages.ts';

const states: Readonly<Record<HostState, StoreStatus_State>> = {
  serving: StoreStatus_State.SERVING,
  recovery: StoreStatus_State.RECOVERY,
  switching: StoreStatus_State.RECOVERY,
  failed: StoreStatus_State.RECOVERY,
  closed: StoreStatus_State.RECOVERY,
};

function stateOf(status: StoreStatus): StoreStatus_State {
  if (status.trouble !== undefined) return StoreStatus_State.READ_ONLY;
  return isFull(status) ? StoreStatus_State.FULL : states[status.state];
}

function isFull({ state, space }: StoreStatus): boolean {
  return state === 'serving' && space !== undefined && space.freeBytes < space.reserveBytes;
}

/**
 * Returns the state of the store in the form of the protocol. @param lastExportTime in milliseconds since the Unix
 * epoch.
 */
export function toStatusMessage(status: StoreStatus, lastExportTime?: number): StatusMessage {
  return create(StoreStatusSchema, {
    state: stateOf(status),
    trouble: status.trouble ?? '',
    storeId: status.storeId,
    notice: status.notice ?? '',
    formatVersion: status.formatVersion,
    commitNumber: BigInt(status.commit),
    pauses: status.pauses.map(toPauseMessage),
    losses: status.losses.map((loss) => ({
      id: loss.id,
      firstCommitNumber: BigInt(loss.firstCommit),
      lastCommitNumber: BigInt(loss.lastCommit),
      ...(loss.lastIntactTime === 0 ? {} : { lastIntactTime: timestampFromMs(loss.lastIntactTime) }),
      message: loss.message,
    })),
    serviceTime: timestampFromMs(status.time),
    ...(lastExportTime === undefined ? {} : { lastExportTime: timestampFromMs(lastExportTime) }),
    ...(status.space === undefined
      ? {}
      : { freeBytes: BigInt(status.space.freeBytes), reserveBytes: BigInt(status.space.reserveBytes) }),
  });
}
