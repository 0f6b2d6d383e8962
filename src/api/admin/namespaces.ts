/** The methods of AdminService for namespaces. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AdminService, UpdateNamespaceRequest } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { NamespaceSchema, Quota } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { NamespaceChanges, NamespaceInfo, Namespaces } from '../../store/tenants/namespaces.ts';
import type { Handlers } from '../handlers.ts';
import { parseMask, parsePageSize, parseSize } from '../parse.ts';
import { parseDescription } from './shared-fields.ts';
import { toQuotaMessage } from './usage.ts';

/** Returns the methods of AdminService for namespaces. */
export function namespaceHandlers(namespaces: Namespaces): Handlers<typeof AdminService> {
  return {
    createNamespace: async ({ namespace, description, quota }) => {
      const name = parseNamespace('namespace', namespace);
      const settings = {
        description: parseDescription('description', description),
        quota: parseQuota('quota', quota),
      };
      return { namespace: toNamespaceMessage(await namespaces.create(name, settings)) };
    },
    getNamespace: async ({ namespace }) => ({
      namespace: toNamespaceMessage(await namespaces.get(parseNamespace('namespace', namespace))),
    }),
    listNamespaces: async ({ pageSize, pageToken }, { principal }) => {
      const asked = { pageSize: parsePageSize(pageSize), pageToken };
      const { items, nextPageToken } = await namespaces.list(principal, asked);
      return { namespaces: items.map(toNamespaceMessage), nextPageToken };
    },
    updateNamespace: async (request) => {
      const name = parseNamespace('namespace', request.namespace);
      return { namespace: toNamespaceMessage(await namespaces.update(name, parseChanges(request))) };
    },
  };
}

function parseQuota(field: string, message: Quota | undefined): NamespaceInfo['quota'] {
  if (message === undefined) return undefined;
  const sessions = parseSize(`${field}.max_sessions`, message.maxSessions);
  const artifacts = parseSize(`${field}.max_artifacts`, message.maxArtifacts);
  const bytes = parseSize(`${field}.max_size_bytes`, message.maxSizeBytes);
  const quota = {
    ...(sessions === 0 ? {} : { sessions }),
    ...(artifacts === 0 ? {} : { artifacts }),
    ...(bytes === 0 ? {} : { bytes }),
  };
  return Object.keys(quota).length === 0 ? undefined : quota;
}

function parseChanges({ changes, updateMask, etag }: UpdateNamespaceRequest): NamespaceChanges {
  if (changes === undefined) throw invalid('changes', 'is required');
  const set = [
    ...(changes.description === '' ? [] : ['description']),
    ...(changes.quota === undefined ? [] : ['quota']),
  ];
  const mask = parseMask(updateMask, ['description', 'quota'], set);
  if (mask.size === 0) throw invalid('changes', 'must name something to change');
  return {
    ...(mask.has('description')
      ? { description: parseDescription('changes.description', changes.description) }
      : {}),
    ...(mask.has('quota') ? { quota: parseQuota('changes.quota', changes.quota) ?? 'none' } : {}),
    ...(etag === '' ? {} : { etag }),
  };
}

function toNamespaceMessage(info: NamespaceInfo): MessageInitShape<typeof NamespaceSchema> {
  return {
    id: info.name,
    description: info.description,
    ...toQuotaMessage(info.quota),
    createTime: timestampFromMs(info.createTime),
    updateTime: timestampFromMs(info.updateTime),
    etag: info.etag,
  };
}
