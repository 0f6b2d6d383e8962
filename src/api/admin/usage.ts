/** GetUsage: what a namespace contains, and on request the parts of it by session or by metadata. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { GetUsageRequest, GetUsageResponseSchema } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { UsageBreakdown, type UsagePartSchema } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { parsePairs } from '../../domain/metadata.ts';
import { parseNamespace, parseSessionId } from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { UsagePart, UsageScan, UsageScope } from '../../store/queries/usage-scan.ts';
import type { NamespaceInfo, Namespaces } from '../../store/tenants/namespaces.ts';

/** Answers GetUsage. @throws Failure INVALID_ARGUMENT, NAMESPACE_NOT_FOUND, SESSION_NOT_FOUND, PAGE_TOKEN_INVALID. */
export async function getUsage(
  usageScan: UsageScan,
  namespaces: Namespaces,
  request: GetUsageRequest,
  principal: Principal,
): Promise<MessageInitShape<typeof GetUsageResponseSchema>> {
  const namespace = parseNamespace('namespace', request.namespace);
  const scope = parseScope(request);
  const { usage, quota } = await namespaces.usage(namespace);
  const page = scope && (await usageScan.page(principal, namespace, scope, request.pageToken));
  return {
    usage: {
      namespace,
      artifactCount: BigInt(usage.artifacts),
      sessionCount: BigInt(usage.sessions),
      sizeBytes: BigInt(usage.bytes),
      ...toQuotaMessage(quota),
    },
    parts: page?.parts.map(toPartMessage) ?? [],
    nextPageToken: page?.nextPageToken ?? '',
  };
}

/** Returns a limit in the form of the protocol. */
export function toQuotaMessage(quota: NamespaceInfo['quota']) {
  if (quota === undefined) return {};
  const { sessions = 0, artifacts = 0, bytes = 0 } = quota;
  return {
    quota: { maxSessions: BigInt(sessions), maxArtifacts: BigInt(artifacts), maxSizeBytes: BigInt(bytes) },
  };
}

function parseScope({ breakdown, session, metadataKey, pageToken }: GetUsageRequest): UsageScope | undefined {
  if (session !== '' && breakdown !== UsageBreakdown.SESSION)
    throw invalid('session', 'may be set only with USAGE_BREAKDOWN_SESSION');
  if (metadataKey !== '' && breakdown !== UsageBreakdown.METADATA)
    throw invalid('metadata_key', 'may be set only with USAGE_BREAKDOWN_METADATA');
  switch (breakdown) {
    case UsageBreakdown.UNSPECIFIED:
      if (pageToken !== '') throw invalid('page_token', 'may be set only with a breakdown');
      return undefined;
    case UsageBreakdown.NAMESPACE:
      return { of: 'namespace' };
    case UsageBreakdown.SESSION:
      return { of: 'session', session: parseSessionId('session', session) };
    case UsageBreakdown.METADATA:
      // The key is checked as a key of a map would be.
      parsePairs('metadata_key', [[metadataKey, '']]);
      return { of: 'metadata', key: metadataKey };
    default:
      throw invalid(
        'breakdown',
        `must be a breakdown that this version of the service knows, not ${breakdown}`,
      );
  }
}

function toPartMessage(part: UsagePart): MessageInitShape<typeof UsagePartSchema> {
  return {
    value: part.value,
    artifactCount: BigInt(part.artifacts),
    sizeBytes: BigInt(part.bytes),
    storedBytes: BigInt(part.storedBytes),
    byExpiry: part.byExpiry.map(({ before, artifacts, bytes }) => ({
      artifactCount: BigInt(artifacts),
      sizeBytes: BigInt(bytes),
      ...(before === undefined ? {} : { expireBefore: timestampFromMs(before) }),
    })),
  };
}
