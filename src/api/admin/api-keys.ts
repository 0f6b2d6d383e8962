/** The methods of AdminService for API keys. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { AdminService, CreateApiKeyRequest } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { ApiKeySchema } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { resolveExpiry } from '../../domain/expiry.ts';
import { parseNamespace } from '../../domain/names.ts';
import type { ApiKey, ApiKeys, NewApiKey } from '../../store/tenants/api-keys.ts';
import type { Namespaces } from '../../store/tenants/namespaces.ts';
import type { Handlers } from '../handlers.ts';
import { parseExpiry, parsePageSize } from '../parse.ts';
import { parseDescription, parseScopes, scopeMessages } from './shared-fields.ts';

/** Returns the methods of AdminService for API keys. @param now the time in milliseconds since the Unix epoch. */
export function apiKeyHandlers(
  apiKeys: ApiKeys,
  namespaces: Namespaces,
  now: () => number,
): Handlers<typeof AdminService> {
  return {
    createApiKey: async (request) => {
      const { key, secret } = await apiKeys.create(parseNewKey(request, now()));
      return { apiKey: toApiKeyMessage(key), secret };
    },
    listApiKeys: async (request, { principal }) => {
      const namespace = request.namespace === '' ? undefined : parseNamespace('namespace', request.namespace);
      if (namespace !== undefined) await namespaces.require(namespace);
      const { showEnded, pageToken } = request;
      const asked = { namespace, showEnded, pageSize: parsePageSize(request.pageSize), pageToken };
      const { items, nextPageToken } = await apiKeys.list(principal, asked);
      return { apiKeys: items.map(toApiKeyMessage), nextPageToken };
    },
    revokeApiKey: async ({ apiKeyId }) => {
      if (!keyIdPattern.test(apiKeyId))
        throw invalid('api_key_id', 'must be the id of a key: "key_" and 16 characters');
      return { apiKey: toApiKeyMessage(await apiKeys.revoke(apiKeyId)) };
    },
  };
}

const keyIdPattern = /^key_[a-z2-7]{16}$/;

function parseNewKey(request: CreateApiKeyRequest, nowMs: number): NewApiKey {
  const { namespace, isOperator, expiry } = request;
  if (namespace === '' && !isOperator) throw invalid('namespace', 'is required');
  const scopes = parseScopes(request.scopes);
  if (scopes.length === 0 && !isOperator) throw invalid('scopes', 'is required: at least one');
  const asked = parseExpiry('', expiry);
  return {
    namespace: parseNamespace('namespace', namespace === '' ? 'default' : namespace),
    description: parseDescription('description', request.description),
    scopes,
    operator: isOperator,
    expireTime: resolveExpiry(expiry.case === 'ttl' ? 'ttl' : 'expire_time', asked, nowMs),
  };
}

function toApiKeyMessage(key: ApiKey): MessageInitShape<typeof ApiKeySchema> {
  return {
    id: key.id,
    namespace: key.ns,
    description: key.description,
    scopes: key.scopes.map((scope) => scopeMessages[scope]),
    isOperator: key.operator,
    createTime: timestampFromMs(key.createTime),
    ...(key.expireTime === undefined ? {} : { expireTime: timestampFromMs(key.expireTime) }),
    ...(key.revokeTime === undefined ? {} : { revokeTime: timestampFromMs(key.revokeTime) }),
  };
}
