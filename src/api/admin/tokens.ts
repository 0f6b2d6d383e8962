/** MintToken: a token for an agent, which may do less than its maker. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  MintTokenRequest,
  MintTokenResponseSchema,
} from '../../../gen/artifacta/v1/admin_service_pb.ts';
import type { TokenGrantSchema } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import {
  type Namespace,
  parseArtifactName,
  parseNamespace,
  parseSessionId,
  parseSessionPrefix,
} from '../../domain/names.ts';
import type { Principal } from '../../domain/principal.ts';
import type { ChildTokens, Grant } from '../../identity/child-tokens.ts';
import type { Namespaces } from '../../store/tenants/namespaces.ts';
import { parseSize } from '../parse.ts';
import { parseScopes, scopeMessages } from './shared-fields.ts';

/** The parts that make tokens. */
export interface Minting {
  readonly tokens: ChildTokens;
  /** Returns the time in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Returns the URL of the web console. Undefined: none is served. */
  readonly consoleUrl: () => string | undefined;
}

/**
 * Answers MintToken.
 *
 * @throws Failure INVALID_ARGUMENT, NAMESPACE_NOT_FOUND, PERMISSION_DENIED.
 */
export async function mintToken(
  { tokens, now, consoleUrl }: Minting,
  namespaces: Namespaces,
  request: MintTokenRequest,
  principal: Principal,
): Promise<MessageInitShape<typeof MintTokenResponseSchema>> {
  const grant = parseGrant(request, principal, now());
  await namespaces.require(grant.namespace);
  const minted = await tokens.mint(principal, grant);
  return { token: minted.token, grant: toGrantMessage(minted.principal), consoleUrl: consoleUrl() ?? '' };
}

/** Parses what a token may do. {@link ChildTokens} checks the rest of the narrowing. */
function parseGrant(request: MintTokenRequest, principal: Principal, nowMs: number): Grant {
  const scopes = parseScopes(request.scopes);
  if (scopes.length === 0) throw invalid('scopes', 'is required: at least one');
  requireFew('sessions', request.sessions, limits.tokenSessionsMax);
  const sessions = request.sessions.map((id, at) => parseSessionId(`sessions[${at}]`, id));
  requireFew('session_prefixes', request.sessionPrefixes, limits.tokenSessionPrefixesMax);
  const sessionPrefixes = request.sessionPrefixes.map((prefix, at) =>
    parseSessionPrefix(`session_prefixes[${at}]`, prefix),
  );
  const { maxPushBytes, namePrefix } = request;
  if (maxPushBytes !== undefined && maxPushBytes <= 0n) throw invalid('max_push_bytes', 'must be positive');
  // A prefix may end in the middle of a name, or with the slash after a segment.
  if (namePrefix !== '') parseArtifactName('name_prefix', namePrefix.replace(/\/$/, ''));
  return {
    namespace: grantNamespace(request, principal),
    scopes,
    sessions: sessions.length === 0 && sessionPrefixes.length === 0 ? undefined : sessions,
    sessionPrefixes,
    namePrefix: namePrefix.normalize('NFC'),
    pushBytesMax: maxPushBytes === undefined ? undefined : parseSize('max_push_bytes', maxPushBytes),
    expireTime: nowMs + parseTokenTtl(request.ttl) * 1000,
  };
}

function requireFew(field: string, values: readonly string[], most: number): void {
  if (values.length > most) throw invalid(field, `must have at most ${most} values, not ${values.length}`);
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

function toGrantMessage(principal: Principal): MessageInitShape<typeof TokenGrantSchema> {
  const { sessions, sessionPrefixes, namePrefix, pushBytesMax } = principal.restriction ?? {};
  return {
    id: principal.subject,
    namespace: principal.namespace,
    scopes: [...principal.scopes].sort().map((scope) => scopeMessages[scope]),
    sessions: sessions === undefined ? [] : [...sessions].sort(),
    sessionPrefixes: [...(sessionPrefixes ?? [])].sort(),
    expireTime: timestampFromMs(principal.expireTime ?? 0),
    namePrefix: namePrefix ?? '',
    ...(pushBytesMax === undefined ? {} : { maxPushBytes: BigInt(pushBytesMax) }),
  };
}
