import type { Client } from '@connectrpc/connect';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { RetentionPolicy as PolicyMessage } from '../../../gen/artifacta/v1/retention_policy_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { retentionMessage } from '../sessions/retention-message.ts';
import { type Retention, retentionFrom } from '../sessions/session.ts';
import { type CallSettings, type Calls, onceIf, unary } from '../wire/calls.ts';
import { type PageOptions, paged } from '../wire/pages.ts';
import { dateOf } from '../wire/times.ts';

/** The retention of a namespace, for sessions that are opened without one of their own. */
export interface RetentionPolicy {
  readonly namespace: string;
  /** Undefined: nothing expires unless a user gave it an expiry. */
  readonly retention: Retention | undefined;
  /** Undefined: it was never set. */
  readonly updateTime: Date | undefined;
  readonly etag: string;
}

/** How to set a retention. */
export interface PolicyOptions extends CallSettings {
  /** Only if it still has this etag, else ABORTED with reason ETAG_MISMATCH. */
  readonly etag?: string;
  /** Check and answer without a change. Default false. */
  readonly validateOnly?: boolean;
}

/** The earlier sessions to change, and their new retention. */
export interface ApplyOptions extends Omit<PageOptions, 'order'> {
  /** Default: the namespace's policy. */
  readonly retention?: Retention | undefined;
  /** A filter as in a query of sessions. Default: all. */
  readonly filter?: string | undefined;
  /** Show what would happen without a change. Default false. */
  readonly validateOnly?: boolean;
}

/** The change of a session's expiry. Undefined: never, or still open. */
export interface RetentionChange {
  readonly session: string;
  readonly before: Date | undefined;
  /** If it is in the past, the session expires at once. */
  readonly after: Date | undefined;
  readonly artifactCount: number;
  readonly sizeBytes: number;
}

/** The retention of namespaces, for operators. All methods throw ArtifactaError. */
export class Policies {
  private readonly calls: Calls;
  private readonly service: Client<typeof AdminService>;

  /** @internal */
  constructor(calls: Calls, service: Client<typeof AdminService>) {
    this.calls = calls;
    this.service = service;
  }

  async get(namespace: string, settings: CallSettings = {}): Promise<RetentionPolicy> {
    const answer = await unary(this.calls, settings, (call) =>
      this.service.getRetentionPolicy({ namespace }, call),
    );
    return policyFrom(answer.retentionPolicy);
  }

  /**
   * Sets the retention for sessions opened from now on. @param retention null: nothing expires unless a user gave it an
   * expiry.
   */
  async set(
    namespace: string,
    retention: Retention | null,
    options: PolicyOptions = {},
  ): Promise<RetentionPolicy> {
    const request = {
      namespace,
      etag: options.etag ?? '',
      validateOnly: options.validateOnly ?? false,
      ...(retention === null ? {} : { retention: retentionMessage(retention) }),
    };
    const answer = await onceIf(options.etag !== undefined, this.calls, options, (call) =>
      this.service.setRetentionPolicy(request, call),
    );
    return policyFrom(answer.retentionPolicy);
  }

  /** Gives earlier sessions a retention, one page at a time, as the caller takes the changes. */
  apply(namespace: string, options: ApplyOptions = {}): AsyncGenerator<RetentionChange, void, void> {
    const { retention, filter = '', validateOnly = false } = options;
    return paged(options, async (pageSize, pageToken) => {
      const request = {
        namespace,
        filter,
        validateOnly,
        pageSize,
        pageToken,
        ...(retention === undefined ? {} : { retention: retentionMessage(retention) }),
      };
      const answer = await unary(this.calls, options, (call) =>
        this.service.applyRetentionPolicy(request, call),
      );
      const items = answer.changes.map((change) => ({
        session: change.session,
        before: dateOf(change.oldExpireTime),
        after: dateOf(change.newExpireTime),
        artifactCount: Number(change.artifactCount),
        sizeBytes: Number(change.sizeBytes),
      }));
      return { items, nextPageToken: answer.nextPageToken };
    });
  }
}

function policyFrom(message: PolicyMessage | undefined): RetentionPolicy {
  if (message === undefined) throw new ArtifactaError('the answer has no policy', { code: 'INTERNAL' });
  return {
    namespace: message.namespace,
    retention: message.retention && retentionFrom(message.retention),
    updateTime: dateOf(message.updateTime),
    etag: message.etag,
  };
}
