/** What is written together, and who waits for it to be durable. */
import type { Write } from '../row.ts';
import { encodeWrite } from './stored-row.ts';

/** A transaction that has run. */
interface Settlement {
  /** Tells the caller what the decision returned or threw. */
  settle(): void;
  /** Tells the caller that the outcome is unknown. */
  abandon(failure: unknown): void;
}

/** The writes of some transactions, which become durable together, and who waits for that. */
export class Batch {
  private readonly writes = new Map<string, Write>();
  private readonly waiting: Settlement[] = [];
  /** Keys and values of all transactions, also of rows that a later one wrote again. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.writes.size === 0;
  }

  get rows(): number {
    return this.writes.size;
  }

  /** @param writes by {@link textOf} their keys. */
  add(writes: ReadonlyMap<string, Write>, bytes: number): void {
    for (const [text, write] of writes) this.writes.set(text, write);
    this.bytes += bytes;
  }

  /** The write of this batch to that key, if there is one. */
  find(keyText: string): Write | undefined {
    return this.writes.get(keyText);
  }

  wait(settlement: Settlement): void {
    this.waiting.push(settlement);
  }

  /** The writes as they are stored. */
  encoded(...more: readonly Write[]): Write[] {
    const encoded: Write[] = [];
    for (const write of this.writes.values()) encoded.push(encodeWrite(write));
    for (const write of more) encoded.push(encodeWrite(write));
    return encoded;
  }

  settle(): void {
    for (const settlement of this.waiting) settlement.settle();
  }

  abandon(failure: unknown): void {
    for (const settlement of this.waiting) settlement.abandon(failure);
  }
}
