import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import type { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { type StorePause, StorePause_Cause } from '../../gen/artifacta/v1/store_pb.ts';
import { nameIn } from './admin.ts';
import { type CallSettings, type Calls, unary } from './calls.ts';
import { dateOf } from './times.ts';

/** For what maintenance waits. */
export interface Pause {
  readonly id: string;
  /** `CLOCK_SUSPECT`, `IMPORTED` and so on. */
  readonly cause: string;
  readonly message: string;
}

/** What part of a call is common to all that free something. */
interface Freed {
  /** There is more to do now. */
  readonly more: boolean;
  /** When the next thing is due. Undefined: nothing is, or there is more to do now. */
  readonly nextTime: Date | undefined;
  readonly pauses: readonly Pause[];
}

export interface ReapReport extends Freed {
  readonly artifacts: number;
  /** Lengths of these, added up. */
  readonly bytes: number;
  readonly sessions: number;
  /** Sealed since their lease had lapsed. */
  readonly lapsed: number;
  /** Share links, keys, request ids. */
  readonly others: number;
}

export interface CollectReport extends Freed {
  /** Contents that were taken out of use. */
  readonly condemned: number;
  /** Objects that were removed from storage, and their bytes. */
  readonly removed: number;
  readonly removedBytes: number;
  readonly orphans: number;
}

export interface ScrubReport {
  readonly contents: number;
  readonly bytes: number;
  /** How many are damaged and quarantined now. */
  readonly damaged: number;
  /** The first of them. */
  readonly quarantined: readonly {
    readonly namespace: string;
    readonly sha256: string;
    readonly message: string;
  }[];
  readonly more: boolean;
}

export interface ExportReport {
  /** False: the last one was young enough. */
  readonly written: boolean;
  readonly path: string;
  readonly time: Date | undefined;
  readonly bytes: number;
  readonly rows: number;
  readonly removed: number;
}

/** What the sidecar asks of a service from time to time. All methods throw ArtifactaError. */
export class Maintenance {
  readonly #calls: Calls;
  readonly #service: Client<typeof MaintenanceService>;

  constructor(calls: Calls, service: Client<typeof MaintenanceService>) {
    this.#calls = calls;
    this.#service = service;
  }

  /** Frees what has expired or was deleted. @param options.itemsMax default 1,000. */
  async reapExpired(options: CallSettings & { readonly itemsMax?: number } = {}): Promise<ReapReport> {
    const answer = await unary(this.#calls, options, (call) =>
      this.#service.reapExpired({ maxItems: options.itemsMax ?? 0 }, call),
    );
    return {
      artifacts: Number(answer.artifactCount),
      bytes: Number(answer.sizeBytes),
      sessions: Number(answer.sessionCount),
      lapsed: Number(answer.lapsedSessionCount),
      others: Number(answer.otherCount),
      ...freed(answer),
    };
  }

  /** Frees contents that nothing refers to. @param options.itemsMax default 1,000. */
  async collectGarbage(
    options: CallSettings & { readonly itemsMax?: number; readonly findOrphans?: boolean } = {},
  ): Promise<CollectReport> {
    const request = { maxItems: options.itemsMax ?? 0, findOrphans: options.findOrphans ?? false };
    const answer = await unary(this.#calls, options, (call) => this.#service.collectGarbage(request, call));
    return {
      condemned: Number(answer.condemnedCount),
      removed: Number(answer.removedCount),
      removedBytes: Number(answer.removedBytes),
      orphans: Number(answer.orphanCount),
      ...freed(answer),
    };
  }

  /** Checks contents. @param options.bytesMax default 1 GiB. @param options.minAgeMs default 7 days. */
  async scrub(
    options: CallSettings & { readonly bytesMax?: number; readonly minAgeMs?: number } = {},
  ): Promise<ScrubReport> {
    const { bytesMax = 0, minAgeMs } = options;
    const request = {
      maxBytes: BigInt(Math.round(bytesMax)),
      ...(minAgeMs === undefined ? {} : { minAge: durationFromMs(minAgeMs) }),
    };
    const answer = await unary(this.#calls, options, (call) => this.#service.scrub(request, call));
    return {
      contents: Number(answer.contentCount),
      bytes: Number(answer.sizeBytes),
      damaged: Number(answer.damagedCount),
      quarantined: answer.damaged.map(({ namespace, sha256, message }) => ({ namespace, sha256, message })),
      more: answer.more,
    };
  }

  /** Has the service write an export of its index. @param options.minAgeMs default an hour. @param options.keep default 7. */
  async export(
    options: CallSettings & { readonly minAgeMs?: number; readonly keep?: number } = {},
  ): Promise<ExportReport> {
    const { minAgeMs, keep = 0 } = options;
    const request = { keep, ...(minAgeMs === undefined ? {} : { minAge: durationFromMs(minAgeMs) }) };
    const answer = await unary(this.#calls, options, (call) => this.#service.export(request, call));
    return {
      written: answer.written,
      path: answer.path,
      time: dateOf(answer.createTime),
      bytes: Number(answer.sizeBytes),
      rows: Number(answer.rowCount),
      removed: answer.removedCount,
    };
  }
}

function freed(answer: {
  more: boolean;
  nextTime?: Parameters<typeof dateOf>[0];
  pauses: readonly StorePause[];
}): Freed {
  return {
    more: answer.more,
    nextTime: dateOf(answer.nextTime),
    pauses: answer.pauses.map(({ id, cause, message }) => ({
      id,
      cause: nameIn(StorePause_Cause, cause),
      message,
    })),
  };
}
