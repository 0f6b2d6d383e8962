/** The rows that are written together, and the callers that wait until they are durable. */
import type { Transaction } from '../door.ts';
import { suffixBytes } from '../listed.ts';
import type { Write } from '../row.ts';
import { isList } from './list-cache.ts';
import { encodeWrites } from './stored-row.ts';

/** A transaction that has run. */
interface Settlement {
  /** Gives the caller the result or the error of the decision. */
  settle(): void;
  /** Rejects the call: the outcome is unknown. */
  abandon(failure: unknown): void;
}

/** The writes of some transactions, which become durable together, and the callers that wait for that. */
export class Batch {
  private readonly writes = new Map<string, Write>();
  private readonly waiting: Settlement[] = [];
  /** The ownerships that the transactions stand on: namespace and epoch. */
  readonly fences = new Map<string, number>();
  private touched: ReadonlySet<string> | undefined;
  /** The bytes of keys and values of all transactions, also of rows that a later one wrote again. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.writes.size === 0;
  }

  get rows(): number {
    return this.writes.size;
  }

  /** @param writes by {@link textOf} their keys. */
  add(
    writes: ReadonlyMap<string, Write>,
    bytes: number,
    by: Pick<Transaction<unknown>, 'ns' | 'fence'>,
  ): void {
    for (const [text, write] of writes) this.writes.set(text, write);
    this.bytes += bytes;
    if (by.fence === undefined || writes.size === 0) return;
    // Of two ownerships of one namespace, the older has ended.
    this.fences.set(by.ns, Math.min(by.fence, this.fences.get(by.ns) ?? by.fence));
  }

  /** The writes by the texts of their keys. */
  get all(): Iterable<readonly [text: string, write: Write]> {
    return this.writes;
  }

  /** Returns the write of this batch to that key, if one exists. */
  find(keyText: string): Write | undefined {
    return this.writes.get(keyText);
  }

  /** Returns true if this batch, which takes no more writes, writes entries of a list. @param listText that of its key. */
  touches(listText: string): boolean {
    this.touched ??= new Set(
      [...this.writes.keys()].filter(isList).map((text) => text.slice(0, -suffixBytes)),
    );
    return this.touched.has(listText);
  }

  wait(settlement: Settlement): void {
    this.waiting.push(settlement);
  }

  /** Returns the writes in the stored form. */
  encoded(...more: readonly Write[]): Write[] {
    // Rows of a family together: the database finds the place of a row faster next to the one before.
    const families: Write[][] = [];
    for (const write of this.writes.values()) {
      const code = write.key[0]!;
      const family = families[code];
      if (family === undefined) families[code] = [write];
      else family.push(write);
    }
    return encodeWrites([...families.flat(), ...more]);
  }

  settle(): void {
    for (const settlement of this.waiting) settlement.settle();
  }

  abandon(failure: unknown): void {
    for (const settlement of this.waiting) settlement.abandon(failure);
  }
}
