/** Converts retention and leases from protobuf to the domain and back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Retention as RetentionMessage, RetentionSchema } from '../../gen/artifacta/v1/retention_pb.ts';
import type { LeaseSchema } from '../../gen/artifacta/v1/session_pb.ts';
import { invalid } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { parsePairs } from '../domain/metadata.ts';
import { type Outcome, outcomes } from '../domain/outcome.ts';
import type { KeepLast, Lease, Retention } from '../domain/retention.ts';
import { outcomeValues } from './outcomes.ts';
import { parseDuration, parseOutcome } from './parse.ts';

const ttlFields = {
  succeeded: 'succeededTtl',
  failed: 'failedTtl',
  cancelled: 'cancelledTtl',
  abandoned: 'abandonedTtl',
} as const;

/** Parses a retention. @throws Failure INVALID_ARGUMENT naming the member of `field` that is wrong. */
export function parseRetention(field: string, message: RetentionMessage): Retention {
  const ttlMs: Partial<Record<Outcome, number>> = {};
  for (const outcome of outcomes) {
    const ttl = message[ttlFields[outcome]];
    if (ttl !== undefined) ttlMs[outcome] = parseTtlMs(`${field}.${outcome}_ttl`, ttl);
  }
  const keepLast = message.keepLast && parseKeepLast(`${field}.keep_last`, message.keepLast);
  // A caller that sends this means something else.
  if (keepLast?.outcomes.every((outcome) => ttlMs[outcome] === undefined))
    throw invalid(
      `${field}.keep_last`,
      `has no effect on sessions with the outcome ${keepLast.outcomes.join(' or ')}, which are kept forever ` +
        'already; give a time for such an outcome (--retain), or leave the outcome out (--keep-outcome)',
    );
  return { ttlMs, ...(keepLast === undefined ? {} : { keepLast }) };
}

function parseTtlMs(field: string, ttl: Duration): number {
  const ms = parseDuration(field, ttl);
  if (ms <= 0) throw invalid(field, 'must be positive');
  if (ms > limits.expireTimeMillisecondsMax) throw invalid(field, 'must not end after the year 9999');
  return Math.ceil(ms);
}

function parseKeepLast(field: string, message: NonNullable<RetentionMessage['keepLast']>): KeepLast {
  const { count, metadataKey } = message;
  if (count < 1 || count > limits.keptSessionsMax)
    throw invalid(`${field}.count`, `must be from 1 to ${limits.keptSessionsMax}`);
  if (metadataKey === '') throw invalid(`${field}.metadata_key`, 'is required');
  parsePairs(`${field}.metadata_key`, [[metadataKey, '']]);
  const said = message.outcomes.map((outcome, at) => parseOutcome(`${field}.outcomes[${at}]`, outcome));
  return { count, metadataKey, outcomes: said.length === 0 ? ['succeeded'] : [...new Set(said)].sort() };
}

/** Returns a retention as the protocol shows it. */
export function toRetentionMessage({ ttlMs, keepLast }: Retention): MessageInitShape<typeof RetentionSchema> {
  const ttl = (outcome: Outcome) =>
    ttlMs[outcome] === undefined ? {} : { [ttlFields[outcome]]: durationFromMs(ttlMs[outcome]) };
  return {
    ...Object.assign({}, ...outcomes.map(ttl)),
    ...(keepLast === undefined
      ? {}
      : {
          keepLast: {
            count: keepLast.count,
            metadataKey: keepLast.metadataKey,
            outcomes: keepLast.outcomes.map((outcome) => outcomeValues[outcome]),
          },
        }),
  };
}

/** @returns milliseconds. @throws Failure INVALID_ARGUMENT. */
export function parseLease(field: string, lease: Duration): number {
  const ms = parseDuration(field, lease);
  if (ms < limits.leaseSecondsMin * 1_000 || ms > limits.leaseSecondsMax * 1_000)
    throw invalid(field, `must be from ${limits.leaseSecondsMin} seconds to 30 days`);
  return Math.ceil(ms);
}

/** Returns a lease as the protocol shows it. */
export function toLeaseMessage({ durationMs, expireTime }: Lease): MessageInitShape<typeof LeaseSchema> {
  return { duration: durationFromMs(durationMs), expireTime: timestampFromMs(expireTime) };
}
