/**
 * One connection to PostgreSQL. Queries on it are sent at once and answered in order. Each statement has a name, so
 * that it is parsed once, and its settings make sure that every statement walks over the key's index: the planner's
 * guesses about a table that grows fast would be wrong.
 */
import type { Buffer } from 'node:buffer';
import type { Client, ClientConfig } from 'pg';
import { byteaOf, byteaOid } from './bytea.ts';
import { cutWords, DatabaseTrouble, troubleWith } from './troubles.ts';

/** A statement and the name under which a connection keeps it. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** A value of a column. */
export type Column = string | number | boolean | Buffer | null;

const connectMsMax = 10_000;
/** The server ends a statement after this time. */
const statementMsMax = 30_000;
/** A statement waits so long for a lock. */
const lockMsMax = 10_000;
/** The server ends a transaction in which nothing was read for this time. */
const idleTransactionMsMax = 300_000;
/** A server that has not answered after this time is not asked again on this connection. */
const answerMsMax = 45_000;

const otherWords =
  'at the address of the database something ended the connection before it was made: perhaps it is not PostgreSQL';

const settings = {
  bytea_output: 'hex',
  client_min_messages: 'warning',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_material: 'off',
  enable_memoize: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
  idle_in_transaction_session_timeout: String(idleTransactionMsMax),
  jit: 'off',
  lock_timeout: String(lockMsMax),
  max_parallel_workers_per_gather: '0',
  plan_cache_mode: 'force_generic_plan',
  search_path: 'pg_catalog',
  statement_timeout: String(statementMsMax),
  // The server notices within half a minute that this machine is gone, and its locks are free again.
  tcp_keepalives_count: '3',
  tcp_keepalives_idle: '15',
  tcp_keepalives_interval: '5',
};

const int2 = 21;
const int4 = 23;
const int8 = 20;
const bool = 16;

type Parser = (text: string) => Column;
const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [byteaOid, byteaOf],
  [bool, (text) => text === 't'],
  [int2, Number],
  [int4, Number],
  [int8, Number],
]);
const asItIs: Parser = (text) => text;

/** The driver is loaded when the first connection is made: a service without PostgreSQL never loads it. */
const loadDriver = async () => (await import('pg')).default;

/** See the head of this file. */
export class Connection {
  private readonly client: Client;
  /** The reason for which nothing can be asked any more. */
  private broken: DatabaseTrouble | undefined;
  private ending: Promise<void> | undefined;

  private constructor(client: Client) {
    this.client = client;
    client.on('error', (error) => {
      this.broken ??= troubleWith(error);
    });
    client.on('end', () => {
      this.broken ??= new DatabaseTrouble('the connection to the database has ended');
    });
  }

  /** @param url such as `postgres://user:password@host:5432/database`. @throws DatabaseTrouble */
  static async open(url: string): Promise<Connection> {
    const pg = await loadDriver();
    const config: ClientConfig = {
      fallback_application_name: 'artifacta',
      connectionTimeoutMillis: connectMsMax,
      query_timeout: answerMsMax,
      keepAlive: true,
      keepAliveInitialDelayMillis: connectMsMax,
      pipeline: true,
      types: { getTypeParser: ((oid: number) => parsers.get(oid) ?? asItIs) as never },
    };
    try {
      const client = new pg.Client({ ...config, ...withSettings(url) });
      const connection = new Connection(client);
      await client.connect();
      return connection;
    } catch (error) {
      const trouble = troubleWith(error);
      throw trouble.words === cutWords ? new DatabaseTrouble(otherWords, undefined, error) : trouble;
    }
  }

  /** True if nothing can be asked any more. */
  get isBroken(): boolean {
    return this.broken !== undefined;
  }

  /** @throws DatabaseTrouble */
  async query(statement: Statement, values: readonly (Buffer | string | number)[] = []): Promise<Column[][]> {
    if (this.broken !== undefined) throw this.broken;
    try {
      const { rows } = await this.client.query<Column[]>({
        ...statement,
        values: [...values],
        rowMode: 'array',
      });
      return rows;
    } catch (error) {
      throw troubleWith(error);
    }
  }

  /** Runs statements that have no values; they are parsed each time. @throws DatabaseTrouble */
  async run(text: string): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    try {
      await this.client.query(text);
    } catch (error) {
      throw troubleWith(error);
    }
  }

  /** Never rejects. Idempotent. What was asked before is answered first. */
  close(): Promise<void> {
    this.ending ??= this.client.end().catch(() => undefined);
    return this.ending;
  }
}

/** The settings go with the first message, so that they cost no round trip. Those of the address count more. */
function withSettings(url: string): ClientConfig {
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  if (!URL.canParse(url)) return { connectionString: url, options: ours.join(' ') };
  const address = new URL(url);
  const theirs = address.searchParams.get('options');
  // The driver would take the address's alone.
  address.searchParams.delete('options');
  const options = [...ours, ...(theirs === null ? [] : [theirs])].join(' ');
  return { connectionString: address.href, options };
}
