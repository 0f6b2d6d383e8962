import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import {
  UsageBreakdown,
  type UsagePart as UsagePartMessage,
} from '../../../gen/artifacta/v1/namespace_pb.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';

/** The part of a namespace to count: all of it, one session, or each value of a metadata key. */
export type UsageScope =
  | { readonly of: 'namespace' }
  | { readonly of: 'session'; readonly session: string }
  | { readonly of: 'metadata'; readonly key: string };

/** The number of artifacts, and of their bytes, each artifact in full. */
export interface UsageCount {
  readonly artifacts: number;
  readonly sizeBytes: number;
}

/** The count of one group. */
export interface UsagePart extends UsageCount {
  /** The value of the metadata key, the session id, or empty. */
  readonly value: string;
  /**
   * The bytes of distinct contents. A content that is read on several pages, or has several values, counts more than
   * once.
   */
  readonly storedBytes: number;
  /**
   * The counts by expiry, soonest first. `before` is the end of a time that begins at the end of the one before;
   * undefined: never.
   */
  readonly byExpiry: readonly (UsageCount & { readonly before: Date | undefined })[];
}

const breakdowns = {
  namespace: UsageBreakdown.NAMESPACE,
  session: UsageBreakdown.SESSION,
  metadata: UsageBreakdown.METADATA,
} as const;

/**
 * Reads all pages and returns the parts, each with the sum of all pages. For operators.
 *
 * @internal
 */
export async function readUsage(
  calls: Calls,
  service: Client<typeof AdminService>,
  namespace: string,
  scope: UsageScope,
  settings: CallSettings,
): Promise<UsagePart[]> {
  const parts = new Map<string, UsagePart>();
  let pageToken = '';
  do {
    const request = {
      namespace,
      breakdown: breakdowns[scope.of],
      session: scope.of === 'session' ? scope.session : '',
      metadataKey: scope.of === 'metadata' ? scope.key : '',
      pageToken,
    };
    const answer = await unary(calls, settings, (options) => service.getUsage(request, options));
    for (const message of answer.parts) {
      const part = partFrom(message);
      const before = parts.get(part.value);
      parts.set(part.value, before === undefined ? part : sum(before, part));
    }
    pageToken = answer.nextPageToken;
  } while (pageToken !== '');
  return [...parts.values()];
}

function partFrom(message: UsagePartMessage): UsagePart {
  return {
    value: message.value,
    artifacts: Number(message.artifactCount),
    sizeBytes: Number(message.sizeBytes),
    storedBytes: Number(message.storedBytes),
    byExpiry: message.byExpiry.map(({ expireBefore, artifactCount, sizeBytes }) => ({
      before: expireBefore && timestampDate(expireBefore),
      artifacts: Number(artifactCount),
      sizeBytes: Number(sizeBytes),
    })),
  };
}

function sum(a: UsagePart, b: UsagePart): UsagePart {
  const byExpiry = new Map(a.byExpiry.map((one) => [one.before?.getTime(), one]));
  for (const one of b.byExpiry) {
    const before = byExpiry.get(one.before?.getTime());
    byExpiry.set(one.before?.getTime(), before === undefined ? one : { ...one, ...added(before, one) });
  }
  const time = (one: { readonly before: Date | undefined }) =>
    one.before?.getTime() ?? Number.POSITIVE_INFINITY;
  return {
    value: a.value,
    ...added(a, b),
    storedBytes: a.storedBytes + b.storedBytes,
    byExpiry: [...byExpiry.values()].sort((one, other) => time(one) - time(other)),
  };
}

function added(a: UsageCount, b: UsageCount): UsageCount {
  return { artifacts: a.artifacts + b.artifacts, sizeBytes: a.sizeBytes + b.sizeBytes };
}
