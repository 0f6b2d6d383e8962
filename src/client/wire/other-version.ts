/** Errors of a service that has another version than this client, in words. */
import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectError, Transport } from '@connectrpc/connect';
import { ArtifactaError } from '../errors.ts';
import { getServerInfo, type ServerInfo } from '../server-info.ts';
import { clientVersion } from '../version.ts';
import { retryDefaults } from './retry.ts';
import { toArtifactaError } from './to-error.ts';

/** How long the question for the version may take, in milliseconds. */
const askMs = 5_000;

/** A call that failed. */
interface FailedCall {
  readonly method: DescMethod;
  readonly signal: AbortSignal | undefined;
  /** The way to the service. */
  readonly transport: Transport;
  /** Where the service is. Undefined: unknown. */
  readonly place: string | undefined;
}

/** What a service says about itself. `silent`: it lacks the method, and so is older than this client. */
type Told = ServerInfo | 'silent';

/**
 * Returns the error to report: with both versions if the service lacks the method, or if it refused a field and is
 * older than this client. Every other error is returned as it is, and so is an error of a service that does not answer.
 *
 * @internal
 */
export async function explain(thrown: ConnectError, call: FailedCall): Promise<Error> {
  const error = toArtifactaError(thrown, call.signal);
  const isMissing = error.code === 'UNIMPLEMENTED';
  if (!isMissing && error.reason !== 'INVALID_ARGUMENT') return thrown;
  const told = await ask(call);
  if (told === undefined) return thrown;
  const message = isMissing ? ofMethod(told, call) : ofField(told, call, error.message);
  return message === undefined ? thrown : withMessage(error, message, thrown);
}

async function ask({ method, signal, transport }: FailedCall): Promise<Told | undefined> {
  if (method.name === 'GetServerInfo') return 'silent';
  const calls = { timeoutMs: askMs, retry: { ...retryDefaults, attemptsMax: 1 } };
  try {
    return await getServerInfo(transport, calls, { signal });
  } catch (thrown) {
    return thrown instanceof ArtifactaError && thrown.reason === 'NOT_IMPLEMENTED' ? 'silent' : undefined;
  }
}

/** Returns the message about a method; undefined if the service has the method, and so refused something else. */
function ofMethod(told: Told, { method, place }: FailedCall): string | undefined {
  const name = `${method.parent.name}/${method.name}`;
  if (told === 'silent') return `${older(told, place)}; it has no ${name}: upgrade the service`;
  if (told.methods.includes(`${method.parent.typeName}/${method.name}`)) return undefined;
  const order = compareVersions(told.version, clientVersion);
  if (order < 0) return `${older(told, place)}; it has no ${name}: upgrade the service`;
  const is = `${named(place)} is version ${told.version}`;
  return order > 0
    ? `${is}, newer than this client, ${clientVersion}; it no longer has ${name}: upgrade this client`
    : `${named(place)} has no ${name}`;
}

/** Returns the message about a refused field; undefined if the service is not older, and so knows all fields. */
function ofField(told: Told, { place }: FailedCall, message: string): string | undefined {
  if (told !== 'silent' && compareVersions(told.version, clientVersion) >= 0) return undefined;
  return `${message}; ${older(told, place)}, and may not know all that was sent`;
}

function older(told: Told, place: string | undefined): string {
  return told === 'silent'
    ? `${named(place)} does not say its version, so it is older than this client, ${clientVersion}`
    : `${named(place)} is version ${told.version}, older than this client, ${clientVersion}`;
}

function named(place: string | undefined): string {
  return place === undefined ? 'the service' : `the service at ${place}`;
}

function withMessage(error: ArtifactaError, message: string, cause: unknown): ArtifactaError {
  const { code, reason, violations, metadata, retryAfterMs } = error;
  return new ArtifactaError(message, { code, reason, violations, metadata, retryAfterMs, cause });
}

/**
 * Returns a number below 0 if the first version is older, above 0 if it is newer, else 0. A version that is none counts
 * as equal to every other: nothing is known about it.
 */
function compareVersions(one: string, other: string): number {
  const [left, right] = [versionPattern.exec(one), versionPattern.exec(other)];
  if (left === null || right === null) return 0;
  for (const at of [1, 2, 3]) {
    const difference = Number(left[at]) - Number(right[at]);
    if (difference !== 0) return difference;
  }
  // A version before a release is older than the release; two of them are not compared further.
  return Number(left[4] === undefined) - Number(right[4] === undefined);
}

const versionPattern = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;
