/** Reads on a connection: of the present state, or of the instant of the transaction that is open on it. */
import { Buffer } from 'node:buffer';
import type { DatabaseIterator, StoredValue } from '../engine/database.ts';
import type { Key, Range } from '../row.ts';
import { byteaArray } from './bytea.ts';
import type { Connection } from './connection.ts';
import { pageBytes, type Statements } from './statements.ts';

/** Returns one value (or undefined) for each key, in the order of the keys. @throws DatabaseTrouble */
export async function readMany(
  connection: Connection,
  { read }: Statements,
  keys: readonly Key[],
): Promise<(StoredValue | undefined)[]> {
  const values: (StoredValue | undefined)[] = Array(keys.length).fill(undefined);
  if (keys.length === 0) return values;
  const rows = await connection.query(read, [byteaArray(keys)]);
  for (const [place, value] of rows) values[(place as number) - 1] = value as Buffer;
  return values;
}

/** The place of a reader's reads, and the end of its use. */
export interface Source {
  /** Runs `work` on the connection. @throws Failure */
  read<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Never rejects. Idempotent. */
  close(): Promise<void>;
}

/** Walks over a range, page by page. */
export class PageIterator implements DatabaseIterator {
  private readonly source: Source;
  private readonly statements: Statements;
  private readonly isReverse: boolean;
  private from: Key;
  private to: Key;
  private left: number;

  constructor(source: Source, statements: Statements, { gte, lt, reverse = false, limit }: Range) {
    this.source = source;
    this.statements = statements;
    this.isReverse = reverse;
    this.from = gte;
    this.to = lt;
    this.left = limit ?? Number.POSITIVE_INFINITY;
  }

  async nextv(size: number): Promise<[Key, StoredValue][]> {
    const count = Math.min(size, this.left);
    if (count <= 0) return [];
    const { page, pageDown } = this.statements;
    const range = [Buffer.from(this.from), Buffer.from(this.to), count];
    const statement = this.isReverse ? pageDown : page;
    const rows = await this.source.read((connection) => connection.query(statement, range));
    this.advance(rows as [Buffer, Buffer][], count);
    return rows as [Buffer, Buffer][];
  }

  private advance(rows: readonly (readonly [Buffer, Buffer])[], count: number): void {
    const last = rows.at(-1)?.[0];
    let bytes = 0;
    for (const [, value] of rows) bytes += value.length;
    // A page that is short although its bytes would allow more is the last.
    if (last === undefined || (rows.length < count && bytes < pageBytes)) this.left = 0;
    else {
      this.left -= rows.length;
      if (this.isReverse) this.to = last;
      else this.from = Buffer.concat([last, Buffer.of(0)]);
    }
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
