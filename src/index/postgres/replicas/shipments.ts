/**
 * What replicas have written and not shipped yet, in tables of the database. Who gives positions locks a table first, and
 * takes its snapshot after that: so it sees all batches that have ended, and no other gives them positions, too.
 */
import type { Buffer } from 'node:buffer';
import { Failure } from '../../../domain/errors.ts';
import type { IndexCut, Snapshot } from '../../door.ts';
import type { DatabaseReader } from '../../engine/database.ts';
import { SnapshotReader } from '../../engine/reader.ts';
import { encodeRow } from '../../engine/stored-row.ts';
import { keys } from '../../keys.ts';
import type { Write } from '../../row.ts';
import type { Cut, Shipments, ShippingState, WaitingSegment } from '../../shipments.ts';
import { byteaArray, byteaArraysIn } from '../bytea.ts';
import type { Column, Connection, Statement } from '../connection.ts';
import { LastingConnection } from '../lasting-connection.ts';
import { PageIterator, readMany } from '../reads.ts';
import { schemaLockOf } from '../schema.ts';
import { insertInto, type Statements, statementsOf } from '../statements.ts';
import { DatabaseTrouble, readFailure } from '../troubles.ts';
import { newestByRing, positionKey, type Rings } from './rings.ts';
import { type ShipmentStatements, shipmentStatementsOf } from './shipment-tables.ts';

interface ShipmentsOptions {
  /** Makes a connection. */
  readonly open: () => Promise<Connection>;
  readonly schema: string;
  /** The epoch of the store while replicas have it: later, a process has it for itself. */
  readonly epoch: number;
}

type SegmentRow = [position: number, time: number, batch: Buffer, chain: string, isRooted: boolean];

/** Another replica that ships is waited for so long: it may hang. */
const aloneMs = 2_000;
const triesMax = 3;
const endedForAnother: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/** See the head of this file. */
export class PostgresShipments implements Shipments<Snapshot> {
  private readonly options: ShipmentsOptions;
  private readonly statements: ShipmentStatements;
  private readonly ofRows: Statements;
  private readonly insert: Statement;
  private readonly connection: LastingConnection;
  /** One after another: some are transactions of several statements. */
  private last: Promise<unknown> = Promise.resolve();
  /** True once this process has found that the chain has all commits. */
  private isChecked = false;

  constructor(options: ShipmentsOptions) {
    this.options = options;
    this.statements = shipmentStatementsOf(options.schema);
    this.ofRows = statementsOf(options.schema);
    this.insert = insertInto(options.schema, 'rows');
    this.connection = new LastingConnection(options.open);
  }

  async state(): Promise<ShippingState> {
    const [row] = await this.query(this.statements.state);
    const [chain, isRooted, segments, now, oldest] = row as [string | null, boolean, number, number, number];
    return { chain: chain ?? undefined, isRooted, segments, now, oldest: oldest ?? undefined };
  }

  begin(chain: string, above: number): Promise<void> {
    return this.changing(async (connection) => {
      const before = await this.shipping(connection);
      if (before.chain !== undefined) return;
      const rings = await newestByRing(this.readerOn(connection));
      // The gap of one keeps exports from before this chain from going on with it: they may lack commits of other rings.
      const position = Math.max(before.position, above, ...Object.values(rings)) + 1;
      await connection.run(this.statements.end);
      await connection.query(this.statements.begin, [chain, position, JSON.stringify(rings)]);
      await this.notePosition(connection, position);
    });
  }

  end(chain: string | undefined): Promise<void> {
    return this.changing(async (connection) => {
      const before = await this.shipping(connection);
      if (before.chain === chain) await connection.run(this.statements.end);
    });
  }

  cut(): Promise<Cut | undefined> {
    return this.changing((connection) => this.cutOn(connection));
  }

  async cutIndex(): Promise<IndexCut | undefined> {
    const reader = await this.options.open().catch((error: unknown) => {
      throw readFailure(error);
    });
    try {
      // A replica of an earlier release may have written meanwhile.
      this.isChecked = false;
      const cut = await this.changing(async (connection) => {
        const made = await this.cutOn(connection);
        const [row] = await connection.query({ name: 'give', text: 'SELECT pg_export_snapshot()' });
        await reader.run(
          `ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '${row![0]}'; SELECT 1`,
        );
        return made;
      });
      if (cut !== undefined) return { ...cut, snapshot: this.snapshotOn(reader) };
      await reader.close();
      return undefined;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  private snapshotOn(reader: Connection): SnapshotReader {
    return new SnapshotReader({ ...this.readerOn(reader), close: () => reader.close() });
  }

  private readerOn(connection: Connection): DatabaseReader {
    const read = <T>(work: (on: Connection) => Promise<T>) =>
      work(connection).catch((error: unknown) => {
        throw readFailure(error);
      });
    const source = { read, close: async () => undefined };
    return {
      getMany: (keys) => read((on) => readMany(on, this.ofRows, keys)),
      iterator: (range) => new PageIterator(source, this.ofRows, range),
    };
  }

  private async shipping(connection: Connection) {
    const [row] = await connection.query(this.statements.shipping);
    const [chain, isRooted, position, rings] = row as [string | null, boolean, number, string];
    return { chain: chain ?? undefined, isRooted, position, rings: JSON.parse(rings) as Rings };
  }

  private async cutOn(connection: Connection): Promise<Cut | undefined> {
    const { statements } = this;
    const { chain, isRooted, ...before } = await this.shipping(connection);
    if (chain === undefined) return undefined;
    const fresh = await connection.query(statements.number, [before.position]);
    const rings = ringsAfter(before.rings, fresh);
    const isWhole = rings !== undefined && (this.isChecked || (await this.hasAll(connection, rings)));
    if (!isWhole) {
      await connection.run(statements.end);
      return undefined;
    }
    this.isChecked = true;
    const position = before.position + fresh.reduce((sum, row) => sum + (row[3] as number), 0);
    if (fresh.length > 0) {
      const segments = fresh[0]![4] as number;
      await connection.query(statements.note, [position, JSON.stringify(rings), segments]);
      await this.notePosition(connection, position);
    }
    const [[bytes] = []] = await connection.query(statements.bytes);
    return { chain, isRooted, position, bytes: Number(bytes) };
  }

  /** True if the newest commits of all rings are those that were cut: none was written past the batches that wait. */
  private async hasAll(connection: Connection, rings: Rings): Promise<boolean> {
    const newest = await newestByRing(this.readerOn(connection));
    return Object.entries(newest).every(([ring, seq]) => rings[ring] === seq);
  }

  /** So that a process which has the store for itself goes on above it, also one of an earlier release. */
  private async notePosition(connection: Connection, position: number): Promise<void> {
    const key = positionKey;
    // The times of commits are those of the other rings.
    const value = encodeRow(key, keys.store.commit.encode({ seq: position, epoch: 0, time: 0 }));
    await connection.query(this.insert, [byteaArray([key]), byteaArray([value])]);
  }

  async waiting(): Promise<readonly number[]> {
    return (await this.query(this.statements.waiting)).map(([first]) => first as number);
  }

  /** What waits is of the present chain: when that ends, everything is dropped. */
  async read(first: number): Promise<WaitingSegment | undefined> {
    const rows = (await this.query(this.statements.read, [first])) as SegmentRow[];
    if (rows.length === 0) return undefined;
    const [, , , chain, isRooted] = rows[0]!;
    const batches = rows.map(([position, time, batch]) => ({ position, time, writes: writesIn(batch) }));
    return { chain, isRooted, batches };
  }

  async remove(first: number): Promise<void> {
    await this.query(this.statements.remove, [first]);
  }

  async root(chain: string): Promise<void> {
    await this.query(this.statements.root, [chain]);
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const lock = await this.use(async (connection) => {
      const key = await schemaLockOf(connection, this.options.schema, 'shipping');
      try {
        await connection.run(
          `SET LOCAL lock_timeout = ${aloneMs}; SELECT pg_advisory_lock('${key}'::bigint)`,
        );
        return { connection, key };
      } catch (error) {
        if (error instanceof DatabaseTrouble && error.code === '55P03') return undefined;
        throw error;
      }
    });
    try {
      return await work();
    } finally {
      // The lock goes with its connection.
      if (lock !== undefined && !lock.connection.isBroken)
        await this.use(() => lock.connection.run(`SELECT pg_advisory_unlock('${lock.key}'::bigint)`)).catch(
          () => undefined,
        );
    }
  }

  private query(statement: Statement, values: readonly (string | number)[] = []): Promise<Column[][]> {
    return this.use((connection) => connection.query(statement, values));
  }

  /** Runs `work` when what was asked before has ended. */
  private use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const used = this.last.then(async () => {
      try {
        return await work(await this.connection.get());
      } catch (error) {
        throw readFailure(error);
      }
    });
    this.last = used.catch(() => undefined);
    return used;
  }

  /** Runs `work` as the one that gives positions, all or nothing. */
  private changing<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.use(async (connection) => {
      for (let tries = 1; ; tries++) {
        try {
          await connection.run(this.statements.lock);
          const [row] = await connection.query(this.statements.epoch);
          if (row?.[0] !== this.options.epoch) throw isAlone();
          const done = await work(connection);
          await connection.run('COMMIT');
          return done;
        } catch (error) {
          await connection.run('ROLLBACK').catch(() => undefined);
          const isAgain = error instanceof DatabaseTrouble && endedForAnother.has(error.code);
          if (!isAgain || tries === triesMax) throw error;
        }
      }
    });
  }

  async close(): Promise<void> {
    await this.last;
    await this.connection.close();
  }
}

/** Returns the newest commits after a cut; undefined if one is missing: it was written and did not wait here. */
function ringsAfter(before: Rings, fresh: readonly Column[][]): Rings | undefined {
  const after: Record<string, number> = { ...before };
  for (const [ring, first, last, count] of fresh as [number, number, number, number][]) {
    if (first !== (before[ring] ?? 0) + 1 || count !== last - first + 1) return undefined;
    after[ring] = last;
  }
  return after;
}

function writesIn(batch: Buffer): Write[] {
  const [removed = [], keys = [], values = []] = byteaArraysIn(batch);
  return [
    ...removed.map((key): Write => ({ type: 'del', key })),
    ...keys.map((key, at): Write => ({ type: 'put', key, value: values[at]! })),
  ];
}

function isAlone(): Failure {
  return new Failure('STORE_UNAVAILABLE', 'another process has the store for itself', {
    retryAfterMs: 1_000,
  });
}
