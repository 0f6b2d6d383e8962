import type { Client } from '@connectrpc/connect';
import type { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type {
  ApiKey as ApiKeyMessage,
  TokenGrant as TokenGrantMessage,
} from '../../../gen/artifacta/v1/api_key_pb.ts';
import type {
  Namespace as NamespaceMessage,
  Quota as QuotaMessage,
} from '../../../gen/artifacta/v1/namespace_pb.ts';
import { fieldIgnored } from '../errors.ts';
import { type Scope, scopeMessage, scopesFrom } from '../scopes.ts';
import { type CallSettings, type Calls, onceIf, unary } from '../wire/calls.ts';
import { paged } from '../wire/pages.ts';
import { dateOf, durationOf } from '../wire/times.ts';
import { readUsage, type UsagePart, type UsageScope } from './usage.ts';

/** The limits of a namespace; a field that is absent means no limit. */
export interface Quota {
  readonly sizeBytes?: number | undefined;
  readonly artifacts?: number | undefined;
  readonly sessions?: number | undefined;
}

/** A tenant. */
export interface Namespace {
  readonly name: string;
  readonly description: string;
  readonly quota: Quota;
  readonly createTime: Date;
  readonly etag: string;
}

/** The contents of a namespace at one instant. */
export interface Usage {
  readonly sizeBytes: number;
  readonly artifacts: number;
  readonly sessions: number;
}

/** A long-lived credential, without its secret. */
export interface ApiKey {
  readonly id: string;
  readonly namespace: string;
  readonly description: string;
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
  readonly createTime: Date;
  readonly expireTime: Date | undefined;
  readonly revokeTime: Date | undefined;
}

/** The properties of an API key to make. */
export interface NewApiKey extends CallSettings {
  /** Default for operators' keys: `default`. */
  readonly namespace?: string | undefined;
  readonly description?: string | undefined;
  /** At least one, unless the key is an operator's. */
  readonly scopes?: readonly Scope[] | undefined;
  readonly operator?: boolean | undefined;
  /** Default: the key does not end by itself. */
  readonly ttlMs?: number | undefined;
}

/** The rights of a token to make; a field that is absent is as in the credentials that mint it. */
export interface TokenWanted extends CallSettings {
  readonly namespace?: string | undefined;
  readonly scopes: readonly Scope[];
  readonly sessions?: readonly string[] | undefined;
  /** What the ids of further sessions begin with. Each ends with `.` or `:`, as `run_42.` does. */
  readonly sessionPrefixes?: readonly string[] | undefined;
  readonly namePrefix?: string | undefined;
  readonly pushBytesMax?: number | undefined;
  /** Default one hour, at most 24. */
  readonly ttlMs?: number | undefined;
}

/** A token, with its rights. */
export interface MintedToken {
  /** The secret. */
  readonly token: string;
  readonly grant: TokenGrant;
  /** The URL of the service's web console, which takes the token in its fragment. Undefined: none is known. */
  readonly consoleUrl: string | undefined;
}

/** The rights of a token. */
export interface TokenGrant {
  readonly id: string;
  readonly namespace: string;
  readonly scopes: readonly Scope[];
  /** The sessions. Empty, and `sessionPrefixes` too: all. */
  readonly sessions: readonly string[];
  /** What the ids of further sessions begin with. */
  readonly sessionPrefixes: readonly string[];
  /** The beginning of the names. Empty: all names. */
  readonly namePrefix: string;
  readonly pushBytesMax: number | undefined;
  readonly expireTime: Date;
}

/**
 * Namespaces and keys, which are for operators, and tokens, which are for every caller. All methods throw
 * ArtifactaError.
 */
export class Access {
  private readonly calls: Calls;
  private readonly service: Client<typeof AdminService>;

  /** @internal */
  constructor(calls: Calls, service: Client<typeof AdminService>) {
    this.calls = calls;
    this.service = service;
  }

  async createNamespace(
    name: string,
    wanted: {
      readonly description?: string | undefined;
      readonly quota?: Quota | undefined;
    } & CallSettings = {},
  ): Promise<Namespace> {
    const request = {
      namespace: name,
      description: wanted.description ?? '',
      quota: quotaMessage(wanted.quota),
    };
    const answer = await unary(this.calls, wanted, (call) => this.service.createNamespace(request, call));
    return namespaceFrom(answer.namespace!);
  }

  /** Returns a namespace with its usage. */
  async getNamespace(
    name: string,
    settings: CallSettings = {},
  ): Promise<Namespace & { readonly usage: Usage }> {
    const [{ namespace }, { usage }] = await Promise.all([
      unary(this.calls, settings, (call) => this.service.getNamespace({ namespace: name }, call)),
      unary(this.calls, settings, (call) => this.service.getUsage({ namespace: name }, call)),
    ]);
    return {
      ...namespaceFrom(namespace!),
      usage: {
        sizeBytes: Number(usage!.sizeBytes),
        artifacts: Number(usage!.artifactCount),
        sessions: Number(usage!.sessionCount),
      },
    };
  }

  /** Returns what a namespace contains, by session, by the values of a metadata key, or in all, and when it expires. */
  readUsage(namespace: string, scope: UsageScope, settings: CallSettings = {}): Promise<UsagePart[]> {
    return readUsage(this.calls, this.service, namespace, scope, settings);
  }

  /** Changes a namespace. Given values replace the earlier ones; a quota of `{}` removes the quota. */
  async updateNamespace(
    name: string,
    changes: { readonly description?: string | undefined; readonly quota?: Quota | undefined } & CallSettings,
  ): Promise<Namespace> {
    const paths = [
      ...(changes.description === undefined ? [] : ['description']),
      ...(changes.quota === undefined ? [] : ['quota']),
    ];
    const request = {
      namespace: name,
      changes: { description: changes.description ?? '', quota: quotaMessage(changes.quota) },
      updateMask: { paths },
    };
    const answer = await unary(this.calls, changes, (call) => this.service.updateNamespace(request, call));
    return namespaceFrom(answer.namespace!);
  }

  /** Lists the namespaces, sorted by name. */
  namespaces(settings: CallSettings = {}): AsyncGenerator<Namespace, void, void> {
    return paged(settings, async (pageSize, pageToken) => {
      const page = await unary(this.calls, settings, (call) =>
        this.service.listNamespaces({ pageSize, pageToken }, call),
      );
      return { items: page.namespaces.map(namespaceFrom), nextPageToken: page.nextPageToken };
    });
  }

  /** Makes a key. The secret is in this answer only. The call is not repeated by itself: each try would make a key. */
  async createKey(wanted: NewApiKey): Promise<{ readonly key: ApiKey; readonly secret: string }> {
    const answer = await onceIf(true, this.calls, wanted, (call) =>
      this.service.createApiKey(
        {
          namespace: wanted.namespace ?? '',
          description: wanted.description ?? '',
          scopes: (wanted.scopes ?? []).map(scopeMessage),
          isOperator: wanted.operator ?? false,
          expiry:
            wanted.ttlMs === undefined
              ? { case: undefined }
              : { case: 'ttl', value: durationOf(wanted.ttlMs) },
        },
        call,
      ),
    );
    return { key: keyFrom(answer.apiKey!), secret: answer.secret };
  }

  /** Lists the keys, sorted by id. */
  keys(
    query: {
      readonly namespace?: string | undefined;
      readonly showEnded?: boolean | undefined;
    } & CallSettings = {},
  ): AsyncGenerator<ApiKey, void, void> {
    const { namespace = '', showEnded = false } = query;
    return paged(query, async (pageSize, pageToken) => {
      const page = await unary(this.calls, query, (call) =>
        this.service.listApiKeys({ namespace, showEnded, pageSize, pageToken }, call),
      );
      return { items: page.apiKeys.map(keyFrom), nextPageToken: page.nextPageToken };
    });
  }

  /** Ends a key forever, and the tokens minted with it. */
  async revokeKey(id: string, settings: CallSettings = {}): Promise<ApiKey> {
    const answer = await unary(this.calls, settings, (call) =>
      this.service.revokeApiKey({ apiKeyId: id }, call),
    );
    return keyFrom(answer.apiKey!);
  }

  /**
   * Makes a short-lived token that may do less than these credentials, to hand to an agent.
   *
   * @throws ArtifactaError UNIMPLEMENTED if only `sessionPrefixes` limit the token, and the service is too old for them.
   */
  async mintToken(wanted: TokenWanted): Promise<MintedToken> {
    const answer = await unary(this.calls, wanted, (call) =>
      this.service.mintToken(
        {
          namespace: wanted.namespace ?? '',
          scopes: wanted.scopes.map(scopeMessage),
          sessions: [...(wanted.sessions ?? [])],
          sessionPrefixes: [...(wanted.sessionPrefixes ?? [])],
          namePrefix: wanted.namePrefix ?? '',
          ...(wanted.pushBytesMax === undefined ? {} : { maxPushBytes: BigInt(wanted.pushBytesMax) }),
          ...(wanted.ttlMs === undefined ? {} : { ttl: durationOf(wanted.ttlMs) }),
        },
        call,
      ),
    );
    const grant = grantFrom(answer.grant!);
    requireGranted(wanted, grant);
    const consoleUrl = answer.consoleUrl === '' ? undefined : answer.consoleUrl;
    return { token: answer.token, grant, consoleUrl };
  }
}

/**
 * A service that ignores the prefixes makes a token for all sessions, unless the request names some. Such a token is not
 * handed out.
 */
function requireGranted({ sessions = [], sessionPrefixes = [] }: TokenWanted, granted: TokenGrant): void {
  const isIgnored = sessionPrefixes.length > 0 && granted.sessionPrefixes.length === 0;
  if (sessions.length > 0 || !isIgnored) return;
  throw fieldIgnored('session_prefixes', { instead: ', or name the sessions' });
}

function quotaMessage(quota: Quota | undefined) {
  if (quota === undefined) return undefined;
  const { sizeBytes = 0, artifacts = 0, sessions = 0 } = quota;
  return { maxSizeBytes: BigInt(sizeBytes), maxArtifacts: BigInt(artifacts), maxSessions: BigInt(sessions) };
}

function quotaFrom(message: QuotaMessage | undefined): Quota {
  const limit = (value: bigint | undefined) => (value ? Number(value) : undefined);
  return {
    sizeBytes: limit(message?.maxSizeBytes),
    artifacts: limit(message?.maxArtifacts),
    sessions: limit(message?.maxSessions),
  };
}

function namespaceFrom(message: NamespaceMessage): Namespace {
  return {
    name: message.id,
    description: message.description,
    quota: quotaFrom(message.quota),
    createTime: dateOf(message.createTime)!,
    etag: message.etag,
  };
}

function keyFrom(message: ApiKeyMessage): ApiKey {
  return {
    id: message.id,
    namespace: message.namespace,
    description: message.description,
    scopes: scopesFrom(message.scopes),
    operator: message.isOperator,
    createTime: dateOf(message.createTime)!,
    expireTime: dateOf(message.expireTime),
    revokeTime: dateOf(message.revokeTime),
  };
}

function grantFrom(message: TokenGrantMessage): TokenGrant {
  return {
    id: message.id,
    namespace: message.namespace,
    scopes: scopesFrom(message.scopes),
    sessions: message.sessions,
    sessionPrefixes: message.sessionPrefixes,
    namePrefix: message.namePrefix,
    pushBytesMax: message.maxPushBytes === undefined ? undefined : Number(message.maxPushBytes),
    expireTime: dateOf(message.expireTime)!,
  };
}
