/** The part of AdminService for retention. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { Policies, Policy, RetentionChange } from '../../store/retention/policies.ts';
import type { Handlers } from '../handlers.ts';
import { parsePageSize } from '../parse.ts';
import { parseRetention, toRetentionMessage } from '../retention.ts';

/** Returns the methods of AdminService for retention. */
export function policyHandlers(policies: Policies): Handlers<typeof AdminService> {
  return {
    getRetentionPolicy: async ({ namespace }) => ({
      retentionPolicy: toPolicyMessage(await policies.get(parseNamespace('namespace', namespace))),
    }),
    setRetentionPolicy: async ({ namespace, retention, etag, validateOnly }) => {
      const name = parseNamespace('namespace', namespace);
      const wanted = retention && parseRetention('retention', retention);
      const options = { etag: etag || undefined, isDryRun: validateOnly };
      return { retentionPolicy: toPolicyMessage(await policies.set(name, wanted, options)) };
    },
    applyRetentionPolicy: async (request, { principal }) => {
      const page = await policies.apply(principal, parseNamespace('namespace', request.namespace), {
        retention: request.retention && parseRetention('retention', request.retention),
        filter: request.filter,
        isDryRun: request.validateOnly,
        pageSize: parsePageSize(request.pageSize),
        pageToken: request.pageToken,
      });
      return {
        changes: page.changes.map(toChangeMessage),
        sessionCount: BigInt(page.sessions),
        nextPageToken: page.nextPageToken,
      };
    },
  };
}

function toPolicyMessage({ namespace, retention, updateTime, etag }: Policy) {
  return {
    namespace,
    ...(retention === undefined ? {} : { retention: toRetentionMessage(retention) }),
    ...(updateTime === undefined ? {} : { updateTime: timestampFromMs(updateTime) }),
    etag,
  };
}

function toChangeMessage({ session, before, after, artifacts, bytes }: RetentionChange) {
  return {
    session,
    ...(before === undefined ? {} : { oldExpireTime: timestampFromMs(before) }),
    ...(after === undefined ? {} : { newExpireTime: timestampFromMs(after) }),
    artifactCount: BigInt(artifacts),
    sizeBytes: BigInt(bytes),
  };
}
