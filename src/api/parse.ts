/** Converts from protobuf to the domain. Every value of a request is checked here, once, and is valid from then on. */
import type { Duration, FieldMask, Timestamp } from '@bufbuild/protobuf/wkt';
import type { ArtifactRef } from '../../gen/artifacta/v1/artifact_pb.ts';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import { ListOrder } from '../../gen/artifacta/v1/query_pb.ts';
import type { ArtifactSpec as SpecMessage } from '../../gen/artifacta/v1/upload_pb.ts';
import type { ArtifactSpec, ArtifactTarget } from '../domain/artifact.ts';
import { parseContentType } from '../domain/content-type.ts';
import { parseSha256, type Sha256 } from '../domain/digest.ts';
import { invalid } from '../domain/errors.ts';
import { type ExpiryRequest, parseTtl } from '../domain/expiry.ts';
import { type ArtifactId, parseArtifactId } from '../domain/ids.ts';
import { limits } from '../domain/limits.ts';
import { parsePairs } from '../domain/metadata.ts';
import { parseArtifactName, parseRequestId, parseSessionId } from '../domain/names.ts';
import type { Outcome } from '../domain/outcome.ts';

/**
 * Parses the description of a push, without its bytes. Violations are relative to `field`.
 *
 * @throws Failure INVALID_ARGUMENT.
 */
export function parseSpec(field: string, message: SpecMessage | undefined): ArtifactSpec {
  if (message === undefined) throw invalid(field, 'is required');
  const requestId = parseRequestId(`${field}.request_id`, message.requestId);
  if (message.newVersion && requestId === undefined)
    throw invalid(`${field}.request_id`, 'is required with new_version');
  return {
    session: parseSessionId(`${field}.session`, message.session),
    name: parseArtifactName(`${field}.name`, message.name),
    contentType: parseContentType(`${field}.content_type`, message.contentType),
    metadata: parsePairs(`${field}.metadata`, Object.entries(message.metadata)),
    labels: parsePairs(`${field}.labels`, Object.entries(message.labels)),
    inputs: parseInputs(`${field}.inputs`, message.inputs),
    expiry: parseExpiry(field, message.expiry),
    requestId,
    newVersion: message.newVersion,
    sizeBytes:
      message.sizeBytes === undefined ? undefined : parseSize(`${field}.size_bytes`, message.sizeBytes),
    sha256: message.sha256 === '' ? undefined : parseDigest(`${field}.sha256`, message.sha256),
  };
}

/** The expiry oneof, which is the same in every message. */
type ExpiryMessage =
  | { case: 'ttl'; value: Duration }
  | { case: 'expireTime'; value: Timestamp }
  | { case: undefined; value?: undefined };

/**
 * Parses a requested expiry; undefined if the request has none. An empty `field` is the request itself.
 *
 * @throws Failure INVALID_ARGUMENT for values that can be refused without a clock.
 */
export function parseExpiry(field: string, message: ExpiryMessage): ExpiryRequest | undefined {
  const within = field === '' ? '' : `${field}.`;
  if (message.case === 'ttl') {
    return parseTtl(`${within}ttl`, parseDuration(`${within}ttl`, message.value));
  }
  if (message.case === 'expireTime')
    return { expireTimeMs: parseTime(`${within}expire_time`, message.value) };
  return undefined;
}

/** Returns milliseconds, with a fraction. @throws Failure INVALID_ARGUMENT for an invalid duration. */
export function parseDuration(field: string, { seconds, nanos }: Duration): number {
  if (Math.abs(nanos) > 999_999_999 || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0))
    throw invalid(field, 'must be a valid duration');
  return Number(seconds) * 1000 + nanos / 1_000_000;
}

/**
 * Returns an age in milliseconds, from 0; undefined without a message. @throws Failure INVALID_ARGUMENT naming `field`.
 */
export function parseAge(field: string, message: Duration | undefined): number | undefined {
  if (message === undefined) return undefined;
  const ms = parseDuration(field, message);
  if (ms < 0) throw invalid(field, 'must not be negative');
  return ms;
}

function parseTime(field: string, { seconds, nanos }: Timestamp): number {
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  if (nanos < 0 || nanos > 999_999_999 || ms > limits.expireTimeMillisecondsMax || ms < -62_135_596_800_000)
    throw invalid(field, 'must be a valid timestamp (years 1 to 9999)');
  return ms;
}

function parseInputs(field: string, inputs: readonly string[]): ArtifactId[] {
  const ids = inputs.map((input, at) => parseId(`${field}[${at}]`, input));
  const unique = [...new Set(ids)];
  if (unique.length > limits.inputsMax)
    throw invalid(field, `must have at most ${limits.inputsMax} ids, not ${unique.length}`);
  return unique;
}

/** Parses an artifact id. @throws Failure INVALID_ARGUMENT naming `field`. */
function parseId(field: string, text: string): ArtifactId {
  const id = parseArtifactId(text);
  if (id === undefined) throw invalid(field, 'must be an artifact id: "art_" and 26 characters');
  return id;
}

/** Parses a digest. Upper case is folded. @throws Failure INVALID_ARGUMENT naming `field`. */
export function parseDigest(field: string, text: string): Sha256 {
  const digest = parseSha256(text);
  if (digest === undefined) throw invalid(field, 'must be a SHA-256: 64 hexadecimal characters');
  return digest;
}

/** Parses a number of bytes, from 0. */
export function parseSize(field: string, value: bigint): number {
  if (value < 0n) throw invalid(field, 'must not be negative');
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalid(field, `must be at most ${Number.MAX_SAFE_INTEGER}`);
  return Number(value);
}

/** Parses a reference to an artifact. @throws Failure INVALID_ARGUMENT naming the member that is wrong. */
export function parseRef(field: string, ref: ArtifactRef | undefined): ArtifactTarget {
  if (ref === undefined || ref.by.case === undefined)
    throw invalid(field, 'is required: an id, or a session and name');
  if (ref.by.case === 'id') return { id: parseId(`${field}.id`, ref.by.value) };
  const { session, name, version } = ref.by.value;
  const target = {
    session: parseSessionId(`${field}.name.session`, session),
    name: parseArtifactName(`${field}.name.name`, name),
  };
  if (version === undefined) return target;
  if (version < 1n) throw invalid(`${field}.name.version`, 'must be at least 1; leave it out for the latest');
  return { ...target, version: parseSize(`${field}.name.version`, version) };
}

const outcomes: Readonly<Partial<Record<SessionOutcome, Outcome>>> = {
  [SessionOutcome.SUCCEEDED]: 'succeeded',
  [SessionOutcome.FAILED]: 'failed',
  [SessionOutcome.CANCELLED]: 'cancelled',
  [SessionOutcome.ABANDONED]: 'abandoned',
};

/** Parses an outcome. @throws Failure INVALID_ARGUMENT for no outcome or an unknown one. */
export function parseOutcome(field: string, value: SessionOutcome): Outcome {
  const outcome = outcomes[value];
  if (outcome === undefined) throw invalid(field, 'is required: SUCCEEDED, FAILED, CANCELLED or ABANDONED');
  return outcome;
}

/**
 * Parses a page size. 0 is the default of 100; a number above 1,000 counts as 1,000. @throws Failure INVALID_ARGUMENT
 * if negative.
 */
export function parsePageSize(value: number): number {
  if (value < 0) throw invalid('page_size', 'must not be negative');
  return value === 0 ? limits.pageSizeDefault : Math.min(value, limits.pageSizeMax);
}

/** Returns true for oldest first. */
export function parseOrder(value: ListOrder): boolean {
  if (value === ListOrder.OLDEST_FIRST) return true;
  if (value === ListOrder.UNSPECIFIED || value === ListOrder.NEWEST_FIRST) return false;
  throw invalid('order', `must be an order that this version of the service knows, not ${value}`);
}

/** Returns the paths that count: the paths of the mask (`*` for all), or without a mask the paths that are set. */
export function parseMask(
  mask: FieldMask | undefined,
  known: readonly string[],
  set: readonly string[],
): Set<string> {
  if (mask === undefined || mask.paths.length === 0) return new Set(set);
  const unknown = mask.paths.find((path) => path !== '*' && !known.includes(path));
  if (unknown !== undefined)
    throw invalid(
      'update_mask',
      `must have only ${known.join(', ')}; ${JSON.stringify(unknown.slice(0, 64))} cannot be changed`,
    );
  return new Set(mask.paths.includes('*') ? known : mask.paths);
}
