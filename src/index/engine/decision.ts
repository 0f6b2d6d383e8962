/** One run of a transaction's decision: the rows that it may see, its writes, and the limits. */
import { hexOf, textOf } from '../bytes.ts';
import { type Asking, doorLimits, type Transaction, type Tx } from '../door.ts';
import type { Family } from '../family.ts';
import { type Lacking, LoadedRows } from '../loaded-rows.ts';
import type { Key, Value, Write } from '../row.ts';

/** The values that a decision may use in addition to rows. */
export interface Env {
  readonly now: number;
  random(length: number): Uint8Array;
  mintId(): Uint8Array;
}

/** The result of a decision. */
export interface Outcome<T> {
  /** The writes by {@link textOf} their keys. */
  readonly writes: ReadonlyMap<string, Write>;
  /** The bytes of keys and values of all writes together. */
  readonly bytes: number;
  readonly result: T;
}

/** The parts that the views of one transaction share. */
interface Shared {
  readonly env: Env;
  readonly rows: LoadedRows;
  readonly writes: Map<string, Write>;
}

class OpenTx implements Tx {
  readonly ns: string;
  readonly now: number;
  private readonly shared: Shared;

  constructor(ns: string, shared: Shared) {
    this.ns = ns;
    this.now = shared.env.now;
    this.shared = shared;
  }

  get<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): V | undefined {
    const { rows, writes } = this.shared;
    const key = family.key(...parts);
    const text = textOf(key);
    const written = writes.get(text);
    if (written === undefined) return rows.decoded(family, key, text);
    return written.type === 'put' ? family.decode(written.value) : undefined;
  }

  value(key: Key): Value | undefined {
    const written = this.shared.writes.get(textOf(key));
    if (written === undefined) return this.shared.rows.value(key);
    return written.type === 'put' ? written.value : undefined;
  }

  put<P extends readonly unknown[], V>(family: Family<P, V>, parts: P, value: V): void {
    this.write(family.put(parts, value));
  }

  del<P extends readonly unknown[], V>(family: Family<P, V>, ...parts: P): void {
    this.write(family.del(...parts));
  }

  write(write: Write): void {
    this.shared.writes.set(textOf(write.key), write);
  }

  get written(): ReadonlyMap<string, Write> {
    return this.shared.writes;
  }

  random(length: number): Uint8Array {
    return this.shared.env.random(length);
  }

  mintId(): Uint8Array {
    return this.shared.env.mintId();
  }

  dryRun(): Tx {
    return new OpenTx(this.ns, { ...this.shared, writes: new Map(this.shared.writes) });
  }
}

/** One run. It continues as long as it has the rows that it needs. */
export class Decision<T> {
  private readonly shared: Shared;
  private readonly run: Asking<T>;
  private wanted: readonly Key[];
  private lacks: Lacking = new Map();
  private rounds = 0;
  private result: T | undefined;

  constructor(transaction: Transaction<T>, env: Env) {
    this.shared = { env, rows: new LoadedRows(), writes: new Map() };
    this.wanted = transaction.reads;
    this.run = transaction.decide(new OpenTx(transaction.ns, this.shared));
  }

  /**
   * Continues until rows are lacking, and returns these; {@link load} must give them before the next call. Undefined:
   * the decision has come to its end. Throws what the decision throws, and a RangeError if the decision exceeds one of
   * {@link doorLimits}: that is a bug of the caller.
   */
  goOn(): Lacking | undefined {
    for (;;) {
      this.lacks = this.shared.rows.lacking(this.wanted);
      if (this.lacks.size > 0) {
        this.checkReads();
        return this.lacks;
      }
      const next = this.run.next();
      if (next.done) {
        this.result = next.value;
        return undefined;
      }
      this.wanted = next.value;
    }
  }

  /** Gives the lacking rows. Throws what `read` throws. */
  load(read: (key: Key, text: string) => Value | undefined): void {
    for (const [text, key] of this.lacks) this.shared.rows.give(text, read(key, text));
  }

  private checkReads(): void {
    if (this.shared.rows.size + this.lacks.size > doorLimits.readsMax)
      throw new RangeError(`a transaction may read at most ${doorLimits.readsMax} rows`);
    if (++this.rounds <= doorLimits.roundsMax) return;
    const last = [...this.lacks.values()].map(hexOf).join(', ');
    throw new RangeError(
      `a transaction needs more than ${doorLimits.roundsMax} rounds; the last one asked for ${last}`,
    );
  }

  /** The result, after the decision has come to its end. Throws a RangeError if the decision has written too much. */
  get outcome(): Outcome<T> {
    const { writes } = this.shared;
    return { writes, bytes: checkedBytes(writes), result: this.result as T };
  }
}

function checkedBytes(writes: ReadonlyMap<string, Write>): number {
  if (writes.size > doorLimits.writesMax)
    throw new RangeError(`a transaction may write at most ${doorLimits.writesMax} rows, not ${writes.size}`);
  let bytes = 0;
  for (const write of writes.values())
    bytes += write.key.length + (write.type === 'put' ? write.value.length : 0);
  if (bytes > doorLimits.transactionBytesMax)
    throw new RangeError(
      `a transaction may write at most ${doorLimits.transactionBytesMax} bytes, not ${bytes}`,
    );
  return bytes;
}
