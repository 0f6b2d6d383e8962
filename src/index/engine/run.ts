/** Runs one transaction's `decide` to its end: the rounds, what it may see, and the limits. */
import { hexOf, textOf } from '../bytes.ts';
import { doorLimits, type Env, KeyNotListed, type Rows, type Transaction } from '../door.ts';
import type { Key, Value, Write } from '../row.ts';

export interface Outcome<T> {
  readonly writes: readonly Write[];
  /** Keys and values of the writes together. */
  readonly bytes: number;
  readonly result: T;
}

/** The rows that were asked for so far. */
class LoadedRows implements Rows {
  private readonly values = new Map<string, Value | undefined>();
  private readonly read: (key: Key) => Value | undefined;

  constructor(read: (key: Key) => Value | undefined) {
    this.read = read;
  }

  load(keys: readonly Key[]): void {
    for (const key of keys) {
      const text = textOf(key);
      if (this.values.has(text)) continue;
      if (this.values.size === doorLimits.readsMax) {
        throw new RangeError(`a transaction may read at most ${doorLimits.readsMax} rows`);
      }
      this.values.set(text, this.read(key));
    }
  }

  get(key: Key): Value | undefined {
    const text = textOf(key);
    const value = this.values.get(text);
    if (value === undefined && !this.values.has(text)) throw new KeyNotListed(key);
    return value;
  }
}

/**
 * Runs `decide` until it needs no more rows. Throws what it throws, and a RangeError if it exceeds one of
 * {@link doorLimits}: that is a bug of the caller.
 */
export function runTransaction<T>(
  transaction: Transaction<T>,
  read: (key: Key) => Value | undefined,
  env: Env,
): Outcome<T> {
  const rows = new LoadedRows(read);
  rows.load(transaction.reads);
  let wanted: readonly Key[] = [];
  for (let round = 0; round < doorLimits.roundsMax; round++) {
    rows.load(wanted);
    const decision = transaction.decide(rows, env);
    if (!('need' in decision)) return { ...decision, bytes: checkedBytes(decision.writes) };
    wanted = decision.need;
  }
  const last = wanted.map(hexOf).join(', ');
  throw new RangeError(
    `a transaction needs more than ${doorLimits.roundsMax} rounds; last it asked for ${last}`,
  );
}

function checkedBytes(writes: readonly Write[]): number {
  if (writes.length > doorLimits.writesMax) {
    throw new RangeError(
      `a transaction may write at most ${doorLimits.writesMax} rows, not ${writes.length}`,
    );
  }
  let bytes = 0;
  for (const write of writes) bytes += write.key.length + (write.type === 'put' ? write.value.length : 0);
  if (bytes > doorLimits.transactionBytesMax) {
    throw new RangeError(
      `a transaction may write at most ${doorLimits.transactionBytesMax} bytes, not ${bytes}`,
    );
  }
  return bytes;
}
