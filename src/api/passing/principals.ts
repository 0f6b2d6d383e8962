/** The caller of a passed-on call: as a message, and back. */
import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type Principal as PrincipalMessage,
  PrincipalSchema,
  RestrictionSchema,
} from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { parseNamespace, parseSessionId, parseSessionPrefix } from '../../domain/names.ts';
import { type Principal, type Restriction, type Scope, scopes } from '../../domain/principal.ts';

/** Returns a principal as one text for a header: base64url of its message. */
export function principalText(principal: Principal): string {
  const { subject, namespace, operator, apiKey, expireTime, restriction, payer } = principal;
  const message = create(PrincipalSchema, {
    subject,
    namespace,
    scopes: [...principal.scopes],
    isOperator: operator,
    apiKey: apiKey ?? '',
    ...(expireTime === undefined ? {} : { expireTimeMs: BigInt(Math.trunc(expireTime)) }),
    ...(restriction === undefined ? {} : { restriction: restrictionMessage(restriction) }),
    ...(payer === undefined ? {} : { payer: { group: payer.group, name: payer.name } }),
  });
  return Buffer.from(toBinary(PrincipalSchema, message)).toString('base64url');
}

function restrictionMessage(restriction: Restriction) {
  const { sessions, sessionPrefixes, namePrefix, pushBytesMax, artifactBytesMax } = restriction;
  return create(RestrictionSchema, {
    isLimitedToSessions: sessions !== undefined,
    sessions: [...(sessions ?? [])],
    sessionPrefixes: [...(sessionPrefixes ?? [])],
    ...(namePrefix === undefined ? {} : { namePrefix }),
    ...(pushBytesMax === undefined ? {} : { pushBytesMax: BigInt(pushBytesMax) }),
    ...(artifactBytesMax === undefined ? {} : { artifactBytesMax: BigInt(artifactBytesMax) }),
  });
}

/** Returns the principal of such a text. @throws Failure INVALID_ARGUMENT, Error if it is not one. */
export function principalOf(text: string): Principal {
  const message = fromBinary(PrincipalSchema, Buffer.from(text, 'base64url'));
  const { subject, namespace, isOperator, apiKey, expireTimeMs, payer } = message;
  if (subject === '') throw invalid('principal.subject', 'is required');
  return {
    subject,
    namespace: parseNamespace('principal.namespace', namespace),
    scopes: new Set(message.scopes.map(scopeOf)),
    operator: isOperator,
    ...(apiKey === '' ? {} : { apiKey }),
    ...(expireTimeMs === undefined ? {} : { expireTime: Number(expireTimeMs) }),
    ...(message.restriction === undefined ? {} : { restriction: restrictionOf(message.restriction) }),
    ...(payer === undefined ? {} : { payer: { group: payer.group, name: payer.name } }),
  };
}

/** A right that this version does not know may not be left out: it could be a limit of another kind. */
function scopeOf(text: string): Scope {
  const found = scopes.find((scope) => scope === text);
  if (found === undefined) throw invalid('principal.scopes', 'must be read, share or write');
  return found;
}

function restrictionOf(message: NonNullable<PrincipalMessage['restriction']>): Restriction {
  const { isLimitedToSessions, namePrefix, pushBytesMax, artifactBytesMax } = message;
  const sessions = message.sessions.map((id) => parseSessionId('principal.restriction.sessions', id));
  const prefixes = message.sessionPrefixes.map((prefix) =>
    parseSessionPrefix('principal.restriction.session_prefixes', prefix),
  );
  return {
    ...(isLimitedToSessions ? { sessions: new Set(sessions) } : {}),
    ...(prefixes.length === 0 ? {} : { sessionPrefixes: prefixes }),
    ...(namePrefix === undefined ? {} : { namePrefix }),
    ...(pushBytesMax === undefined ? {} : { pushBytesMax: Number(pushBytesMax) }),
    ...(artifactBytesMax === undefined ? {} : { artifactBytesMax: Number(artifactBytesMax) }),
  };
}
