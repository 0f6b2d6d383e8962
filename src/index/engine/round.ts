/**
 * A round of an engine whose reads take time: some decisions, one after another, over rows that are fetched as they are
 * requested. An answer of the database may be older than a batch that has become durable meanwhile. So a round
 * continues to read through every batch that was not durable when the round began.
 */
import { textOf } from '../bytes.ts';
import type { Key, Value } from '../row.ts';
import type { Batch } from './batch.ts';
import type { DatabaseReader, StoredValue } from './database.ts';
import type { Decision } from './decision.ts';
import type { RowView } from './row-cache.ts';
import { decodeRow } from './stored-row.ts';

/** One round, from its first fetch to the end of its last decision. */
export class Round {
  private readonly database: Pick<DatabaseReader, 'getMany'>;
  private readonly pending: () => readonly (Batch | undefined)[];
  /** The batches that became durable during the round, the newest first. */
  private readonly landed: Batch[] = [];
  private readonly fetched = new Map<string, StoredValue | undefined>();
  /** The rows in memory, each as the newest durable batch had left it when the round asked for it. */
  private readonly cache: RowView;
  private readonly known = new Map<string, Value>();

  /** @param pending the batches that are not durable, the newest first. */
  constructor(
    database: Pick<DatabaseReader, 'getMany'>,
    pending: () => readonly (Batch | undefined)[],
    cache: RowView,
  ) {
    this.database = database;
    this.pending = pending;
    this.cache = cache;
  }

  /** Called when a batch has become durable. */
  land(batch: Batch): void {
    this.landed.unshift(batch);
  }

  /** Fetches in one query those of these rows that are not known. Rejects if the database cannot be read. */
  async fetch(wanted: Iterable<Key>): Promise<void> {
    const unknown = new Map<string, Key>();
    for (const key of wanted) {
      const text = textOf(key);
      if (this.fetched.has(text) || this.known.has(text) || this.written(text) !== undefined) continue;
      const value = this.cache.find(text);
      if (value === undefined) unknown.set(text, key);
      else this.known.set(text, value);
    }
    if (unknown.size === 0) return;
    const stored = await this.database.getMany([...unknown.values()]);
    let at = 0;
    for (const text of unknown.keys()) this.fetched.set(text, stored[at++]);
  }

  /** Leads a decision to its end. Rejects with the error of the decision, or if the database cannot be read. */
  async finish(decision: Decision<unknown>): Promise<void> {
    for (let lacking = decision.goOn(); lacking !== undefined; lacking = decision.goOn()) {
      await this.fetch(lacking.values());
      decision.load((key, text) => this.read(key, text));
    }
  }

  private written(text: string) {
    for (const batch of [...this.pending(), ...this.landed]) {
      const write = batch?.find(text);
      if (write !== undefined) return write;
    }
    return undefined;
  }

  private read(key: Key, text: string): Value | undefined {
    const write = this.written(text);
    if (write !== undefined) return write.type === 'put' ? write.value : undefined;
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const stored = this.fetched.get(text);
    if (stored === undefined) return undefined;
    const value = decodeRow(key, stored);
    this.cache.keep(text, value);
    return value;
  }
}
