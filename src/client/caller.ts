import { createClient, type Transport } from '@connectrpc/connect';
import type { Caller as CallerMessage } from '../../gen/artifacta/v1/caller_pb.ts';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { type Scope, scopesFrom } from './scopes.ts';
import { type CallSettings, type Calls, unary } from './wire/calls.ts';
import { dateOf } from './wire/times.ts';

/** The caller, as the service identifies it, and its rights. */
export interface Caller {
  /** The id of an API key or of a token, the subject of a JWT or certificate, or `local` without credentials. */
  readonly subject: string;
  readonly namespace: string;
  readonly scopes: readonly Scope[];
  readonly operator: boolean;
  /** Undefined: the credentials do not end by themselves. */
  readonly expireTime: Date | undefined;
  /** The sessions that the credentials are good for. Empty, and `sessionPrefixes` too: all. */
  readonly sessions: readonly string[];
  /** What the ids of further sessions begin with. */
  readonly sessionPrefixes: readonly string[];
  /** What the names of artifacts begin with. Empty: all names. */
  readonly namePrefix: string;
  /** The number of bytes that may be pushed in all. Undefined: no limit. */
  readonly pushBytesMax: number | undefined;
  /** The size of the largest artifact that may be pushed, in bytes. Undefined: the limit of the service. */
  readonly artifactBytesMax: number | undefined;
}

/**
 * Returns who the caller is. A service that is older than the call fails with UNIMPLEMENTED.
 *
 * @internal
 */
export async function getCaller(
  transport: Transport,
  calls: Calls,
  settings: CallSettings = {},
): Promise<Caller> {
  const { getCaller: call } = createClient(InfoService, transport);
  const { caller } = await unary(calls, settings, (options) => call({}, options));
  return callerFrom(caller!);
}

function callerFrom(message: CallerMessage): Caller {
  const { maxPushBytes, maxArtifactBytes } = message;
  return {
    subject: message.subject,
    namespace: message.namespace,
    scopes: scopesFrom(message.scopes),
    operator: message.isOperator,
    expireTime: dateOf(message.expireTime),
    sessions: message.sessions,
    sessionPrefixes: message.sessionPrefixes,
    namePrefix: message.namePrefix,
    pushBytesMax: maxPushBytes === undefined ? undefined : Number(maxPushBytes),
    artifactBytesMax: maxArtifactBytes === undefined ? undefined : Number(maxArtifactBytes),
  };
}
