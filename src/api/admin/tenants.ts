/** The part of AdminService for access: namespaces, API keys, tokens. */
import { Buffer } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  AdminService,
  CreateApiKeyRequest,
  ListApiKeysRequest,
  MintTokenRequest,
  UpdateNamespaceRequest,
} from '../../../gen/artifacta/v1/admin_service_pb.ts';
import {
  type ApiKeySchema,
  Scope as ScopeMessage,
  type TokenGrantSchema,
} from '../../../gen/artifacta/v1/api_key_pb.ts';
import type { NamespaceSchema, Quota } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { Failure, invalid } from '../../domain/errors.ts';
import { resolveExpiry } from '../../domain/expiry.ts';
import { limits } from '../../domain/limits.ts';
import { type Namespace, parseArtifactName, parseNamespace, parseSessionId } from '../../domain/names.ts';
import type { Principal, Scope } from '../../domain/principal.ts';
import { controlPattern, hasLoneSurrogate } from '../../domain/text.ts';
import type { ChildTokens, Grant } from '../../identity/child-tokens.ts';
import type { Store } from '../../store/open.ts';
import type { ApiKey, NewApiKey } from '../../store/tenants/api-keys.ts';
import type { NamespaceChanges, NamespaceInfo } from '../../store/tenants/namespaces.ts';
import type { Handlers } from '../handlers.ts';
import { parseExpiry, parseMask, parsePageSize, parseSize } from '../parse.ts';
import { getUsage, toQuotaMessage } from './usage.ts';

/**
 * Returns the methods of AdminService for namespaces, API keys and tokens.
 *
 * @param tokens returns the maker of tokens for agents; called each time, since the store may have been exchanged.
 * @param now the time in milliseconds since the Unix epoch.
 */
export function tenantHandlers(
  store: Store,
  tokens: () => ChildTokens,
  now: () => number,
): Handlers<typeof AdminService> {
  return {
    createNamespace: async ({ namespace, description, quota }) => {
      const name = parseNamespace('namespace', namespace);
      const settings = {
        description: parseDescription('description', description),
        quota: parseQuota('quota', quota),
      };
      return { namespace: toNamespaceMessage(await store.namespaces.create(name, settings)) };
    },
    getNamespace: async ({ namespace }) => ({
      namespace: toNamespaceMessage(await store.namespaces.get(parseNamespace('namespace', namespace))),
    }),
    listNamespaces: async ({ pageSize, pageToken }) => {
      const after = pageToken === '' ? undefined : parsePageToken(pageToken, namespacePattern);
      const { items, more } = await store.namespaces.list(after, parsePageSize(pageSize));
      return {
        namespaces: items.map(toNamespaceMessage),
        nextPageToken: more ? toPageToken(items.at(-1)!.name) : '',
      };
    },
    updateNamespace: async (request) => {
      const name = parseNamespace('namespace', request.namespace);
      return { namespace: toNamespaceMessage(await store.namespaces.update(name, parseChanges(request))) };
    },
    getUsage: async (request, { principal }) => await getUsage(store, request, principal),
    createApiKey: async (request) => {
      const { key, secret } = await store.apiKeys.create(parseNewKey(request, now()));
      return { apiKey: toApiKeyMessage(key), secret };
    },
    listApiKeys: async (request) => {
      const { items, next } = await listKeys(store, request);
      return {
        apiKeys: items.map(toApiKeyMessage),
        nextPageToken: next === undefined ? '' : toPageToken(next),
      };
    },
    revokeApiKey: async ({ apiKeyId }) => {
      if (!keyIdPattern.test(apiKeyId))
        throw invalid('api_key_id', 'must be the id of a key: "key_" and 16 characters');
      return { apiKey: toApiKeyMessage(await store.apiKeys.revoke(apiKeyId)) };
    },
    mintToken: async (request, { principal }) => {
      const grant = parseGrant(request, principal, now());
      await store.namespaces.require(grant.namespace);
      const minted = await tokens().mint(principal, grant);
      return { token: minted.token, grant: toGrantMessage(minted.principal) };
    },
  };
}

const keyIdPattern = /^key_[a-z2-7]{16}$/;
const namespacePattern = /^[a-z0-9-]{1,63}$/;

async function listKeys(store: Store, request: ListApiKeysRequest) {
  const namespace = request.namespace === '' ? undefined : parseNamespace('namespace', request.namespace);
  if (namespace !== undefined) await store.namespaces.require(namespace);
  return await store.apiKeys.list({
    namespace,
    showEnded: request.showEnded,
    after: request.pageToken === '' ? undefined : parsePageToken(request.pageToken, keyIdPattern),
    limit: parsePageSize(request.pageSize),
  });
}

function parseDescription(field: string, text: string): string {
  if (Buffer.byteLength(text) > limits.descriptionBytesMax)
    throw invalid(field, `must have at most ${limits.descriptionBytesMax} bytes`);
  if (hasLoneSurrogate(text)) throw invalid(field, 'must be valid Unicode');
  if (controlPattern.test(text)) throw invalid(field, 'must not contain a control character');
  return text;
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

const scopesByNumber: Readonly<Partial<Record<ScopeMessage, Scope>>> = {
  [ScopeMessage.READ]: 'read',
  [ScopeMessage.WRITE]: 'write',
  [ScopeMessage.SHARE]: 'share',
};

const scopeMessages: Readonly<Record<Scope, ScopeMessage>> = {
  read: ScopeMessage.READ,
  write: ScopeMessage.WRITE,
  share: ScopeMessage.SHARE,
};

function parseScopes(messages: readonly ScopeMessage[]): Scope[] {
  return messages.map((message, at) => {
    const scope = scopesByNumber[message];
    if (scope === undefined) throw invalid(`scopes[${at}]`, 'must be a scope: READ, WRITE or SHARE');
    return scope;
  });
}

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

/** Parses what a token may do. {@link ChildTokens} checks the rest of the narrowing. */
function parseGrant(request: MintTokenRequest, principal: Principal, nowMs: number): Grant {
  const scopes = parseScopes(request.scopes);
  if (scopes.length === 0) throw invalid('scopes', 'is required: at least one');
  if (request.sessions.length > limits.tokenSessionsMax)
    throw invalid(
      'sessions',
      `must have at most ${limits.tokenSessionsMax} ids, not ${request.sessions.length}`,
    );
  const sessions = request.sessions.map((id, at) => parseSessionId(`sessions[${at}]`, id));
  const { maxPushBytes, namePrefix } = request;
  if (maxPushBytes !== undefined && maxPushBytes <= 0n) throw invalid('max_push_bytes', 'must be positive');
  // A prefix may end in the middle of a name, or with the slash after a segment.
  if (namePrefix !== '') parseArtifactName('name_prefix', namePrefix.replace(/\/$/, ''));
  return {
    namespace: grantNamespace(request, principal),
    scopes,
    sessions: sessions.length === 0 ? undefined : sessions,
    namePrefix: namePrefix.normalize('NFC'),
    pushBytesMax: maxPushBytes === undefined ? undefined : parseSize('max_push_bytes', maxPushBytes),
    expireTime: nowMs + parseTokenTtl(request.ttl) * 1000,
  };
}

function grantNamespace({ namespace }: MintTokenRequest, principal: Principal): Namespace {
  return namespace === '' ? principal.namespace : parseNamespace('namespace', namespace);
}

function parseTokenTtl(ttl: Duration | undefined): number {
  if (ttl === undefined) return limits.tokenSecondsDefault;
  const seconds = Number(ttl.seconds) + ttl.nanos / 1e9;
  if (!(seconds >= 1 && seconds <= limits.tokenSecondsMax))
    throw invalid('ttl', `must be from 1 second to ${limits.tokenSecondsMax / 3600} hours`);
  return seconds;
}

/** Returns a page token. It only says where to continue: a caller who may list may list everything. */
function toPageToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function parsePageToken(token: string, pattern: RegExp): string {
  const last = Buffer.from(token, 'base64url').toString();
  if (pattern.test(last)) return last;
  throw new Failure('PAGE_TOKEN_INVALID', 'page_token: is not a token of this listing', {
    violations: [{ field: 'page_token', description: 'is not a token of this listing' }],
  });
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

function toGrantMessage(principal: Principal): MessageInitShape<typeof TokenGrantSchema> {
  const { sessions, namePrefix, pushBytesMax } = principal.restriction ?? {};
  return {
    id: principal.subject,
    namespace: principal.namespace,
    scopes: [...principal.scopes].sort().map((scope) => scopeMessages[scope]),
    sessions: sessions === undefined ? [] : [...sessions].sort(),
    expireTime: timestampFromMs(principal.expireTime ?? 0),
    namePrefix: namePrefix ?? '',
    ...(pushBytesMax === undefined ? {} : { maxPushBytes: BigInt(pushBytesMax) }),
  };
}
