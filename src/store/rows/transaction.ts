/**
 * Transactions of the store: a decision over typed rows, on behalf of a principal whose credentials are still good when
 * the decision is made.
 *
 * Every function that reads rows inside a decision is a generator that asks for the rows it reads. So its caller need
 * not know which rows these are. The rows that an operation names in `reads` come in the first round; each further
 * request takes another round.
 */

import { Failure } from '../../domain/errors.ts';
import type { SessionUid } from '../../domain/ids.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Index, Transaction, Tx, Writer } from '../../index/door.ts';
import type { Family } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { ApiKeyRecord } from '../../index/records.ts';
import type { Write } from '../../index/row.ts';
import { SessionLapsed } from './session-life.ts';

/** Writes down that the lease of a session has lapsed. */
export interface LapseWriter {
  /** Resolves when the session is sealed; false if it has not lapsed, or if such seals have to wait. */
  perform(ns: string, uid: SessionUid): Promise<boolean>;
}

/** A transaction on behalf of a principal. */
export interface Operation<T> extends Transaction<T> {
  /**
   * The principal. The transaction is refused with UNAUTHENTICATED if its credentials have ended meanwhile. Default:
   * the store itself.
   */
  readonly by?: Principal;
  /**
   * Writes down the lapse of a session that the decision meets; the decision is then made once more. Default: nothing
   * does, and the caller gets SEAL_PENDING.
   */
  readonly lapses?: LapseWriter;
}

/** Runs an operation. Resolves when the operation, and everything that it was based on, is durable. */
export function transact<T>(index: Index, operation: Operation<T>): Promise<T> {
  const { by, lapses, ns, queue, bytesHint } = operation;
  const transaction: Transaction<T> = {
    ns,
    ...(queue === undefined ? {} : { queue }),
    ...(bytesHint === undefined ? {} : { bytesHint }),
    get reads() {
      const { reads } = operation;
      return by?.apiKey === undefined ? reads : [...reads, keys.credentials.apiKey.key(by.apiKey)];
    },
    *decide(tx) {
      if (by !== undefined) requireCurrent(by, tx);
      return yield* operation.decide(tx);
    },
  };
  const run = () => index.transact(transaction);
  return lapses === undefined ? run() : pastLapse(lapses, ns, run);
}

/** Returns the result of `work`. Runs `work` once more if it met a session whose lapse was not written down. */
export async function pastLapse<T>(lapses: LapseWriter, ns: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SessionLapsed) || !(await lapses.perform(ns, error.uid))) throw error;
    return await work();
  }
}

/** Credentials that were good when the call began may have ended since. */
function requireCurrent(by: Principal, tx: Tx): void {
  requireGood(by, by.apiKey === undefined ? undefined : tx.get(keys.credentials.apiKey, by.apiKey), tx.now);
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

/** Writes that are collected outside of a transaction. */
export class Draft implements Writer {
  readonly ns: string;
  readonly writes: Write[] = [];

  constructor(ns: string) {
    this.ns = ns;
  }

  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    this.write(family.put(parts, value));
  }

  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void {
    this.write(family.del(...parts));
  }

  write(write: Write): void {
    this.writes.push(write);
  }
}
