/**
 * Transactions of the store: a decision over typed rows, on behalf of somebody whose credentials are still good when it
 * is made.
 *
 * Every function that reads rows inside a decision is a generator which asks for what it reads, so that whoever calls
 * it need not know. What an operation names in `reads` comes in the first round; the rest takes another one each time.
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
  /** Resolves when it is sealed; false if it has not lapsed, or such seals have to wait. */
  perform(ns: string, uid: SessionUid): Promise<boolean>;
}

/** A transaction on somebody's behalf. */
export interface Operation<T> extends Transaction<T> {
  /** On whose behalf: refused UNAUTHENTICATED if the credentials have ended meanwhile. Default: the store's own. */
  readonly by?: Principal;
  /**
   * Who writes down the lapse of a session that the decision meets, which is then made once more. Default: nobody, and
   * the caller is told SEAL_PENDING.
   */
  readonly lapses?: LapseWriter;
}

/** Runs an operation; resolves when it and all that it was based on is durable. */
export function transact<T>(index: Index, operation: Operation<T>): Promise<T> {
  const { by, lapses, ns, reads, ...rest } = operation;
  const transaction: Transaction<T> = {
    ...rest,
    ns,
    reads: by?.apiKey === undefined ? reads : [...reads, keys.credentials.apiKey.key(by.apiKey)],
    *decide(tx) {
      if (by !== undefined) requireCurrent(by, tx);
      return yield* operation.decide(tx);
    },
  };
  const run = () => index.transact(transaction);
  return lapses === undefined ? run() : pastLapse(lapses, ns, run);
}

/** What `work` gives, done once more if it met a session whose lapse nobody had written down. */
export async function pastLapse<T>(lapses: LapseWriter, ns: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SessionLapsed) || !(await lapses.perform(ns, error.uid))) throw error;
    return await work();
  }
}

/** What was good when the call began may have ended since. */
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
