import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { ImportIndexRequest } from '../../../gen/artifacta/v1/index_export_pb.ts';
import {
  type StoreStatus as StatusMessage,
  StorePause_Cause,
  StoreStatus_State,
  StoreStatusSchema,
} from '../../../gen/artifacta/v1/store_pb.ts';
import {
  Finding_Kind,
  type VerifyRequest,
  type VerifyResponseSchema,
} from '../../../gen/artifacta/v1/verify_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { ExportPart } from '../../store/custody/export.ts';
import type { Exports } from '../../store/custody/exports.ts';
import type { StoreHost } from '../../store/custody/host.ts';
import type { HostState, StoreStatus } from '../../store/custody/status.ts';
import type { Pause, PauseCause } from '../../store/upkeep/pauses.ts';
import type { Checked, VerifyEvent } from '../../store/verify/verifier.ts';
import type { Call, Handlers } from '../handlers.ts';
import { inTime } from '../receiving/client-stream.ts';
import { PartReader, PartWriter } from './index-parts.ts';

/**
 * Returns the methods of AdminService over the store's host. A method without a handler here answers NOT_IMPLEMENTED.
 */
export function adminHandlers(
  host: StoreHost,
  version: string,
  exports?: Exports,
): Handlers<typeof AdminService> {
  const status = async () => ({
    status: toStatusMessage(await host.status(), await exports?.lastTime()),
  });
  return {
    getStoreStatus: async () => await status(),
    resumeMaintenance: async (request) => {
      if (request.pauseId === '') throw invalid('pause_id', 'is required');
      await host.resume(request.pauseId);
      return await status();
    },
    exportIndex: () => exportParts(host, version),
    importIndex: async (requests, call) => {
      const { signal, after } = call;
      const idleMs = () => limits.idleSecondsMax * 1000;
      const first = await firstOf(inTime(requests[Symbol.asyncIterator](), { signal, after, idleMs }));
      const rows = await host.importIndex(importParts(first), first.replace);
      return { rowCount: BigInt(rows), ...(await status()) };
    },
    verify: (request, call) => verifyParts(host, request, call),
    acceptLoss: async (request) => {
      if (request.lossId === '') throw invalid('loss_id', 'is required');
      await host.acceptLoss(request.lossId);
      return await status();
    },
  };
}

async function* exportParts(host: StoreHost, version: string) {
  const writer = new PartWriter(version);
  for await (const part of host.exportIndex()) yield { part: writer.message(part) };
}

async function* verifyParts(
  host: StoreHost,
  request: VerifyRequest,
  { signal }: Call,
): AsyncGenerator<MessageInitShape<typeof VerifyResponseSchema>> {
  const { namespace, checkContents, repairReportId, reindex } = request;
  if (reindex && repairReportId === '') throw invalid('repair_report_id', 'is required with reindex');
  const events = host.verify({
    namespace: namespace === '' ? undefined : parseNamespace('namespace', namespace),
    checkContents,
    repairReportId: repairReportId === '' ? undefined : repairReportId,
    reindex,
    signal,
  });
  for await (const event of events) yield { part: verifyPart(event) };
}

function verifyPart(event: VerifyEvent): NonNullable<MessageInitShape<typeof VerifyResponseSchema>['part']> {
  switch (event.kind) {
    case 'finding':
      return { case: 'finding', value: { ...event.finding, kind: Finding_Kind[event.finding.kind] } };
    case 'progress':
      return { case: 'progress', value: checkedMessage(event.checked) };
    case 'summary': {
      const { reportId, checked, findings, repaired } = event;
      return {
        case: 'summary',
        value: {
          reportId,
          checked: checkedMessage(checked),
          findingCount: BigInt(findings),
          repairedCount: BigInt(repaired),
        },
      };
    }
  }
}

function checkedMessage({ rows, contents, bytes }: Checked) {
  return { rowCount: BigInt(rows), contentCount: BigInt(contents), sizeBytes: BigInt(bytes) };
}

interface Import {
  readonly replace: boolean;
  readonly first: ImportIndexRequest;
  readonly rest: AsyncIterator<ImportIndexRequest>;
}

async function firstOf(rest: AsyncIterator<ImportIndexRequest>): Promise<Import> {
  const { value, done } = await rest.next();
  if (done === true)
    throw new Failure('UPLOAD_INCOMPLETE', 'part: must begin with the header of an export', {
      violations: [{ field: 'part', description: 'must begin with the header of an export' }],
    });
  return { replace: value.replace, first: value, rest };
}

async function* importParts({ first, rest }: Import): AsyncGenerator<ExportPart> {
  const reader = new PartReader();
  try {
    for (let request = first; ; ) {
      yield reader.part(request.part);
      const next = await rest.next();
      if (next.done === true) return;
      request = next.value;
    }
  } finally {
    // An iteration that still waits for a message may never answer this.
    void rest.return?.().catch(() => undefined);
  }
}

const states: Readonly<Record<HostState, StoreStatus_State>> = {
  serving: StoreStatus_State.SERVING,
  recovery: StoreStatus_State.RECOVERY,
  switching: StoreStatus_State.RECOVERY,
  failed: StoreStatus_State.RECOVERY,
  closed: StoreStatus_State.RECOVERY,
};

const causes: Readonly<Record<PauseCause, StorePause_Cause>> = {
  clockSuspect: StorePause_Cause.CLOCK_SUSPECT,
  longGap: StorePause_Cause.LONG_GAP,
  manyOrphans: StorePause_Cause.MANY_ORPHANS,
  imported: StorePause_Cause.IMPORTED,
  inconsistent: StorePause_Cause.INCONSISTENT,
};

/** Returns the reason why maintenance waits, in the form of the protocol. */
export function toPauseMessage({ id, cause, startTime, message, objects }: Pause) {
  return {
    id,
    cause: causes[cause],
    startTime: timestampFromMs(startTime),
    message,
    objectCount: BigInt(objects?.count ?? 0),
    sizeBytes: BigInt(objects?.bytes ?? 0),
  };
}

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
function toStatusMessage(status: StoreStatus, lastExportTime?: number): StatusMessage {
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
