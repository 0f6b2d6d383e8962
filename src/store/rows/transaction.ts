/**
 * Typed rows over the index's door. A store operation is a `decide(rows, env)` that reads through {@link Rows},
 * collects writes in a {@link Draft} and returns its result; what it looks at without having asked for it is fetched
 * by the door, which then runs it again.
 */

import { Failure } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { textOf } from '../../index/bytes.ts';
import { type Env, type Index, KeyNotListed, type Rows as RawRows } from '../../index/door.ts';
import type { Family } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord } from '../../index/records.ts';
import type { Key, Value, Write } from '../../index/row.ts';

/** Reads one row of a family, decoded. */
export class Rows {
  private readonly raw: RawRows;

  constructor(raw: RawRows) {
    this.raw = raw;
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const value = this.raw.get(family.key(...parts));
    return value === undefined ? undefined : family.decode(value);
  }

  /** One row by its key, as it is encoded. */
  value(key: Key): Value | undefined {
    return this.raw.get(key);
  }

  /** Asks for all of these rows at once, so that they cost one round instead of one each. */
  require(wanted: readonly Key[]): void {
    const missing: Key[] = [];
    for (const key of wanted) {
      try {
        this.raw.get(key);
      } catch (error) {
        if (!(error instanceof KeyNotListed)) throw error;
        missing.push(error.key);
      }
    }
    if (missing.length > 0) throw new RowsMissing(missing);
  }
}

class RowsMissing extends Error {
  readonly keys: readonly Key[];

  constructor(keys: readonly Key[]) {
    super('rows are missing');
    this.keys = keys;
  }
}

/** What a `decide` wants written. */
export class Draft {
  readonly writes: Write[] = [];

  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    this.writes.push(family.put(parts, value));
  }

  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void {
    this.writes.push(family.del(...parts));
  }
}

/** Rows as they will be when what a draft holds is written. */
export function through(rows: Rows, draft: Draft): Rows {
  const written = new Map<string, Value | undefined>();
  let seen = 0;
  return new Rows({
    get: (key) => {
      for (; seen < draft.writes.length; seen++) {
        const write = draft.writes[seen]!;
        written.set(textOf(write.key), write.type === 'put' ? write.value : undefined);
      }
      const id = textOf(key);
      return written.has(id) ? written.get(id) : rows.value(key);
    },
  });
}

/** A transaction over typed rows. */
export interface Operation<T> {
  /** The namespace: transactions of one namespace run in order. */
  readonly queue: string;
  readonly reads: readonly Key[];
  /** On whose behalf: refused UNAUTHENTICATED if the credentials have ended meanwhile. Default: the store's own. */
  readonly by?: Principal;
  /** About how many bytes it writes. */
  readonly bytesHint?: number;
  decide(rows: Rows, draft: Draft, env: Env): T;
}

/** Runs an operation; resolves when it and all that it was based on is durable. */
export function transact<T>(index: Index, operation: Operation<T>): Promise<T> {
  const { by } = operation;
  return index.transact({
    reads:
      by?.apiKey === undefined
        ? operation.reads
        : [...operation.reads, keys.credentials.apiKey.key(by.apiKey)],
    queue: operation.queue,
    ...(operation.bytesHint === undefined ? {} : { bytesHint: operation.bytesHint }),
    decide: (raw, env) => {
      const draft = new Draft();
      try {
        const rows = new Rows(raw);
        if (by !== undefined) requireCurrent(by, rows, env);
        const result = operation.decide(rows, draft, env);
        return { writes: draft.writes, result };
      } catch (error) {
        if (error instanceof RowsMissing) return { need: error.keys };
        if (error instanceof KeyNotListed) return { need: [error.key] };
        throw error;
      }
    },
  });
}

/** What was good when the call began may have ended since. */
function requireCurrent(by: Principal, rows: Rows, { now }: Env): void {
  requireGood(by, by.apiKey === undefined ? undefined : rows.get(keys.credentials.apiKey, by.apiKey), now);
}

/** @param key the record of the principal's API key, if it has one. @throws Failure UNAUTHENTICATED. */
export function requireGood(
  { apiKey, expireTime }: Principal,
  key: ApiKeyRecord | undefined,
  now: number,
): void {
  const revoked = apiKey !== undefined && (key === undefined || key.revokeTime !== undefined);
  if (revoked || isOver(expireTime, now) || isOver(key?.expireTime, now))
    throw new Failure('UNAUTHENTICATED', `the credentials ${revoked ? 'were revoked' : 'have expired'}`);
}

function isOver(expireTime: number | undefined, now: number): boolean {
  return expireTime !== undefined && expireTime <= now;
}
