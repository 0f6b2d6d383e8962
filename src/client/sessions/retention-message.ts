import { durationOf } from '../wire/times.ts';
import { outcomeMessage, type Retention } from './session.ts';

/** Returns the retention in the form of the protocol. */
export function retentionMessage(retention: Retention) {
  const ttl = (ms: number | undefined) => (ms === undefined ? undefined : durationOf(ms));
  const { keepLast } = retention;
  return {
    succeededTtl: ttl(retention.succeededTtlMs),
    failedTtl: ttl(retention.failedTtlMs),
    cancelledTtl: ttl(retention.cancelledTtlMs),
    abandonedTtl: ttl(retention.abandonedTtlMs),
    keepLast: keepLast && {
      count: keepLast.count,
      metadataKey: keepLast.metadataKey,
      outcomes: (keepLast.outcomes ?? []).map(outcomeMessage),
    },
  };
}
