import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import type { CallOptions, Client } from '@connectrpc/connect';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { type StoreStatus as StatusMessage, StoreStatus_State } from '../../../gen/artifacta/v1/store_pb.ts';
import { Finding_Kind, type Finding as FindingMessage } from '../../../gen/artifacta/v1/verify_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, promptly, streamOptions, unary, untilLeft } from '../wire/calls.ts';
import { nameIn } from '../wire/enums.ts';
import { dateOf } from '../wire/times.ts';
import { toArtifactaError } from '../wire/to-error.ts';
import { partsOf, Unread } from './export-file.ts';
import { listQuarantined, type Quarantined } from './maintenance.ts';
import { type Pause, pauseFrom } from './pause.ts';

/** The state of a store, and what waits for an operator. */
export interface StoreStatus {
  readonly state: 'serving' | 'full' | 'read_only' | 'recovery' | 'unspecified';
  /** Why writes fail at the moment; empty if they succeed. */
  readonly trouble: string;
  /** Empty while the store cannot be read. */
  readonly storeId: string;
  /** The number of the last durable batch; in recovery the last that is known. */
  readonly commit: number;
  readonly pauses: readonly Pause[];
  /** What an operator should know although no work waits for it; empty if nothing. */
  readonly notice: string;
  readonly losses: readonly {
    readonly id: string;
    readonly message: string;
    /** 0 if unknown. */
    readonly firstCommit: number;
    readonly lastCommit: number;
    readonly lastIntactTime: Date | undefined;
  }[];
  /** Free space where contents are written. Undefined if the storage has no such notion. */
  readonly freeBytes: number | undefined;
  readonly reserveBytes: number | undefined;
  /** The time when the service last wrote an export by itself. Undefined: never. */
  readonly lastExportTime: Date | undefined;
}

/** A fault that a check found. */
export interface Finding {
  /** `ROW_CORRUPT`, `CONTENT_MISSING` and so on. */
  readonly kind: string;
  /** These four are empty if the finding has none. */
  readonly namespace: string;
  readonly session: string;
  readonly artifactId: string;
  readonly sha256: string;
  readonly message: string;
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/** The progress of a check. */
export interface Checked {
  /** The number of rows of the index. */
  readonly rows: number;
  readonly contents: number;
  /** The number of bytes of contents that were read. */
  readonly bytes: number;
}

/** An event of a check, in this order: findings and progress in turns, then one summary. */
export type VerifyEvent =
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'progress'; readonly checked: Checked }
  | {
      readonly kind: 'summary';
      /** The id to use for a repair; empty after one. */
      readonly reportId: string;
      readonly checked: Checked;
      readonly findings: number;
      readonly repaired: number;
    };

/** What a check looks at, and what it repairs. */
export interface VerifyOptions extends CallSettings {
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  /** Read all contents and compare their SHA-256. Default false. */
  readonly checkContents?: boolean;
  /** Repair what that report listed. Default: only report. */
  readonly repairReportId?: string | undefined;
  /** With a repair: derive all rows for searching again. Default false. */
  readonly reindex?: boolean;
}

/** The operations on a store as a whole, for operators. All methods throw ArtifactaError. */
export class Admin {
  private readonly calls: Calls;
  private readonly service: Client<typeof AdminService>;

  /** @internal */
  constructor(calls: Calls, service: Client<typeof AdminService>) {
    this.calls = calls;
    this.service = service;
  }

  async status(settings: CallSettings = {}): Promise<StoreStatus> {
    const answer = await unary(this.calls, settings, (call) => this.service.getStoreStatus({}, call));
    return statusFrom(answer.status);
  }

  /** Lets maintenance go on in spite of a pause. */
  async resume(pauseId: string, settings: CallSettings = {}): Promise<StoreStatus> {
    const answer = await unary(this.calls, settings, (call) =>
      this.service.resumeMaintenance({ pauseId }, call),
    );
    return statusFrom(answer.status);
  }

  /** Accepts that data are lost. Takes as long as the copy of the index: it has no deadline. */
  async acceptLoss(lossId: string, settings: CallSettings = {}): Promise<StoreStatus> {
    try {
      const answer = await this.service.acceptLoss({ lossId }, streamOptions(settings));
      return statusFrom(answer.status);
    } catch (thrown) {
      throw toArtifactaError(thrown, settings.signal);
    }
  }

  /**
   * Yields the whole index at one instant, as the bytes of an export file.
   *
   * @throws ArtifactaError DATA_LOSS if the stream ends before the export does.
   */
  async *exportIndex(settings: CallSettings = {}): AsyncGenerator<Uint8Array, void, void> {
    let isComplete = false;
    try {
      const open = (options: CallOptions) => this.service.exportIndex({}, options);
      for await (const { part } of promptly(this.calls, settings, open)) {
        if (part === undefined) continue;
        isComplete = part.part.case === 'footer';
        yield sizeDelimitedEncode(IndexPartSchema, part);
      }
    } catch (thrown) {
      throw toArtifactaError(thrown, settings.signal);
    }
    if (!isComplete)
      throw new ArtifactaError('the export was cut off before its footer; run it again', {
        code: 'DATA_LOSS',
      });
  }

  /**
   * Restores the index from the bytes of an export file.
   *
   * @param replace the content of the store is lost; without it the store must be empty.
   * @returns the number of rows that were restored, and the state of the store after that.
   * @throws what reading the bytes throws, as it is.
   */
  async importIndex(
    bytes: AsyncIterable<Uint8Array>,
    options: CallSettings & { readonly replace?: boolean } = {},
  ): Promise<{ rows: number; status: StoreStatus }> {
    const { replace = false } = options;
    let failure: { readonly error: unknown } | undefined;
    async function* requests() {
      const parts = partsOf(bytes);
      try {
        for (;;) {
          // An error of the source is kept apart from the service's own refusal, which is thrown into this generator at
          // a yield.
          const { value: part, done } = await parts.next().catch((error: unknown) => {
            failure = { error: error instanceof Unread ? error.cause : error };
            throw failure.error;
          });
          if (done) return;
          yield { part, replace };
        }
      } finally {
        await parts.return();
      }
    }
    try {
      const answer = await this.service.importIndex(requests(), streamOptions(options));
      return { rows: Number(answer.rowCount), status: statusFrom(answer.status) };
    } catch (thrown) {
      if (failure !== undefined) throw failure.error;
      throw toArtifactaError(thrown, options.signal);
    }
  }

  /**
   * Restores the index from the exports of the service itself, and the changes that it shipped after them.
   *
   * @param from the place, as the settings of the service name it.
   * @returns also what was found there, in words.
   */
  async importFrom(
    from: string,
    options: CallSettings & { readonly replace?: boolean } = {},
  ): Promise<{ rows: number; status: StoreStatus; source: string }> {
    const { replace = false } = options;
    async function* requests() {
      yield { from, replace };
    }
    try {
      const answer = await this.service.importIndex(requests(), streamOptions(options));
      const { rowCount, status, source } = answer;
      return { rows: Number(rowCount), status: statusFrom(status), source };
    } catch (thrown) {
      throw toArtifactaError(thrown, options.signal);
    }
  }

  /** Lists the contents that were found damaged, one page in memory at a time. */
  quarantined(
    options: CallSettings & { readonly namespace?: string | undefined } = {},
  ): AsyncGenerator<Quarantined, void, void> {
    return listQuarantined(this.calls, this.service, options);
  }

  /**
   * Checks the store, or repairs what a report listed. The last event is the summary; without it the check is not
   * complete.
   */
  async *verify(options: VerifyOptions = {}): AsyncGenerator<VerifyEvent, void, void> {
    const request = {
      namespace: options.namespace ?? '',
      checkContents: options.checkContents ?? false,
      repairReportId: options.repairReportId ?? '',
      reindex: options.reindex ?? false,
    };
    try {
      const open = (call: CallOptions) => this.service.verify(request, call);
      for await (const { part } of untilLeft(options, open)) {
        if (part.case === 'finding') yield { kind: 'finding', finding: findingFrom(part.value) };
        if (part.case === 'progress') yield { kind: 'progress', checked: checkedFrom(part.value) };
        if (part.case === 'summary')
          yield {
            kind: 'summary',
            reportId: part.value.reportId,
            checked: checkedFrom(part.value.checked),
            findings: Number(part.value.findingCount),
            repaired: Number(part.value.repairedCount),
          };
      }
    } catch (thrown) {
      throw toArtifactaError(thrown, options.signal);
    }
  }
}

function statusFrom(message: StatusMessage | undefined): StoreStatus {
  if (message === undefined) throw new ArtifactaError('the answer has no status', { code: 'INTERNAL' });
  return {
    state: nameIn(StoreStatus_State, message.state).toLowerCase() as StoreStatus['state'],
    trouble: message.trouble,
    storeId: message.storeId,
    commit: Number(message.commitNumber),
    pauses: message.pauses.map(pauseFrom),
    notice: message.notice,
    losses: message.losses.map((loss) => ({
      id: loss.id,
      message: loss.message,
      firstCommit: Number(loss.firstCommitNumber),
      lastCommit: Number(loss.lastCommitNumber),
      lastIntactTime: dateOf(loss.lastIntactTime),
    })),
    freeBytes: message.freeBytes === undefined ? undefined : Number(message.freeBytes),
    reserveBytes: message.reserveBytes === undefined ? undefined : Number(message.reserveBytes),
    lastExportTime: dateOf(message.lastExportTime),
  };
}

function findingFrom(message: FindingMessage): Finding {
  const { namespace, session, artifactId, sha256, repairable, repaired } = message;
  return {
    kind: nameIn(Finding_Kind, message.kind),
    namespace,
    session,
    artifactId,
    sha256,
    message: message.message,
    repairable,
    repaired,
  };
}

function checkedFrom(
  message: { rowCount: bigint; contentCount: bigint; sizeBytes: bigint } | undefined,
): Checked {
  return {
    rows: Number(message?.rowCount ?? 0n),
    contents: Number(message?.contentCount ?? 0n),
    bytes: Number(message?.sizeBytes ?? 0n),
  };
}
