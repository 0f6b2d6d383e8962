import type { Client } from '@connectrpc/connect';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import type { QuarantinedContent as QuarantinedMessage } from '../../../gen/artifacta/v1/verify_pb.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';
import { paged } from '../wire/pages.ts';
import { dateOf, durationOf } from '../wire/times.ts';
import { type Pause, pauseFrom } from './pause.ts';

/** The things that a call of the reaper has freed. */
export interface Reaped {
  readonly artifacts: number;
  /** The sum of the sizes of these. */
  readonly bytes: number;
  readonly sessions: number;
  /** The number of sessions sealed because their lease had lapsed. */
  readonly lapsed: number;
  /** The number of other things: share links, request ids and the like. */
  readonly others: number;
  /** Whether more work is due now. */
  readonly more: boolean;
  /** The time when the next thing is due. Undefined: nothing is due later, or more is due now. */
  readonly nextTime: Date | undefined;
  /** The reasons for which the rest waits. */
  readonly pauses: readonly Pause[];
}

/** The last export. */
export interface Exported {
  /** False: the last export was young enough. */
  readonly written: boolean;
  readonly path: string;
  readonly createTime: Date | undefined;
  readonly sizeBytes: number;
  readonly rows: number;
  /** The number of older exports that were removed. */
  readonly removed: number;
}

/** When an export is written, and how many are kept. */
export interface ExportOptions extends CallSettings {
  /** Write no export if the last is younger. Default: the service's. */
  readonly minAgeMs?: number | undefined;
  /** The number of exports to keep. Default: the service's. */
  readonly keep?: number | undefined;
}

/** The allowance of one call of maintenance. */
export interface MaintenanceOptions extends CallSettings {
  /** The greatest number of things. Default: the service's. */
  readonly maxItems?: number | undefined;
}

/** The work of a collection. */
export interface CollectOptions extends MaintenanceOptions {
  /** Whether to look now for files that no row knows. Default false. */
  readonly findOrphans?: boolean | undefined;
}

/** The things that a call has freed. */
export interface Collected {
  readonly condemned: number;
  readonly removed: number;
  readonly removedBytes: number;
  readonly orphans: number;
  readonly more: boolean;
  readonly nextTime: Date | undefined;
  /** The reasons for which the rest waits. */
  readonly pauses: readonly Pause[];
}

/** The amount that a scrub reads. */
export interface ScrubOptions extends MaintenanceOptions {
  /** The greatest number of bytes. Default: the service's. */
  readonly maxBytes?: number | undefined;
  /** Leave out contents that were checked less than this ago. Default: the service's. */
  readonly minAgeMs?: number | undefined;
}

/** The contents that a call has checked. */
export interface Scrubbed {
  readonly contents: number;
  readonly sizeBytes: number;
  /** The first of the damaged ones. */
  readonly damaged: readonly Quarantined[];
  readonly damagedCount: number;
  /** The number of contents that had been quarantined and are sound. */
  readonly releasedCount: number;
  readonly more: boolean;
}

/** A content that was found damaged. Uploading the same bytes heals it. */
export interface Quarantined {
  readonly namespace: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly quarantineTime: Date | undefined;
  readonly message: string;
  /** The first of the artifacts that refer to it. */
  readonly artifactIds: readonly string[];
  readonly artifactCount: number;
}

/** Regular work, for the sidecar or an operator. All methods throw ArtifactaError. */
export class Maintenance {
  private readonly calls: Calls;
  private readonly service: Client<typeof MaintenanceService>;

  /** @internal */
  constructor(calls: Calls, service: Client<typeof MaintenanceService>) {
    this.calls = calls;
    this.service = service;
  }

  /** Frees the things that have expired or were deleted. */
  async reapExpired(options: MaintenanceOptions = {}): Promise<Reaped> {
    const { maxItems = 0 } = options;
    const answer = await unary(this.calls, options, (call) => this.service.reapExpired({ maxItems }, call));
    return {
      artifacts: Number(answer.artifactCount),
      bytes: Number(answer.sizeBytes),
      sessions: Number(answer.sessionCount),
      lapsed: Number(answer.lapsedSessionCount),
      others: Number(answer.otherCount),
      more: answer.more,
      nextTime: dateOf(answer.nextTime),
      pauses: answer.pauses.map(pauseFrom),
    };
  }

  /** Makes the service write an export of its index. */
  async export(options: ExportOptions = {}): Promise<Exported> {
    const { minAgeMs, keep = 0 } = options;
    const request = { keep, ...(minAgeMs === undefined ? {} : { minAge: durationOf(minAgeMs) }) };
    const answer = await unary(this.calls, options, (call) => this.service.export(request, call));
    return {
      written: answer.written,
      path: answer.path,
      createTime: dateOf(answer.createTime),
      sizeBytes: Number(answer.sizeBytes),
      rows: Number(answer.rowCount),
      removed: answer.removedCount,
    };
  }

  /** Frees contents that nothing refers to. */
  async collectGarbage(options: CollectOptions = {}): Promise<Collected> {
    const { maxItems = 0, findOrphans = false } = options;
    const answer = await unary(this.calls, options, (call) =>
      this.service.collectGarbage({ maxItems, findOrphans }, call),
    );
    return {
      condemned: Number(answer.condemnedCount),
      removed: Number(answer.removedCount),
      removedBytes: Number(answer.removedBytes),
      orphans: Number(answer.orphanCount),
      more: answer.more,
      nextTime: dateOf(answer.nextTime),
      pauses: answer.pauses.map(pauseFrom),
    };
  }

  /**
   * Reads contents and compares them with their digests. Damaged contents are quarantined; contents that were
   * quarantined and are sound are released.
   */
  async scrub(options: ScrubOptions = {}): Promise<Scrubbed> {
    const { maxItems = 0, maxBytes = 0, minAgeMs } = options;
    const request = {
      maxItems,
      maxBytes: BigInt(maxBytes),
      ...(minAgeMs === undefined ? {} : { minAge: durationOf(minAgeMs) }),
    };
    const answer = await unary(this.calls, options, (call) => this.service.scrub(request, call));
    return {
      contents: Number(answer.contentCount),
      sizeBytes: Number(answer.sizeBytes),
      damaged: answer.damaged.map(quarantinedFrom),
      damagedCount: Number(answer.damagedCount),
      releasedCount: Number(answer.releasedCount),
      more: answer.more,
    };
  }
}

/**
 * Lists the quarantined contents, one page in memory at a time.
 *
 * @internal
 */
export function listQuarantined(
  calls: Calls,
  service: Client<typeof AdminService>,
  options: CallSettings & { readonly namespace?: string | undefined },
): AsyncGenerator<Quarantined, void, void> {
  const { namespace = '' } = options;
  return paged(options, async (pageSize, pageToken) => {
    const answer = await unary(calls, options, (call) =>
      service.listQuarantined({ namespace, pageSize, pageToken }, call),
    );
    return { items: answer.contents.map(quarantinedFrom), nextPageToken: answer.nextPageToken };
  });
}

function quarantinedFrom(message: QuarantinedMessage): Quarantined {
  const { namespace, sha256, artifactIds } = message;
  return {
    namespace,
    sha256,
    sizeBytes: Number(message.sizeBytes),
    quarantineTime: dateOf(message.quarantineTime),
    message: message.message,
    artifactIds,
    artifactCount: Number(message.artifactCount),
  };
}
