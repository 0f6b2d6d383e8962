/**
 * One connection to PostgreSQL. Queries on it are sent at once and answered in order. Each statement has a name, so
 * that it is parsed once, and its settings make sure that every statement walks over the key's index: the planner's
 * guesses about a table that grows fast would be wrong. They are set when the connection is made, not with its first
 * message: a pooler would refuse or forget them there.
 */
import type { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import type { Client, ClientConfig } from 'pg';
import { afterRealTime } from '../../domain/timer.ts';
import { readInBinary } from './binary-answers.ts';
import { byteaOid } from './bytea.ts';
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
/** A connection that is closed has this time to answer what was asked before. */
const closeMsMax = 2_000;

const otherWords =
  'at the address of the database something ended the connection before it was made: perhaps it is not PostgreSQL';

const settings = {
  client_min_messages: 'warning',
  default_transaction_isolation: "'read committed'",
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_material: 'off',
  enable_memoize: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
  idle_in_transaction_session_timeout: String(idleTransactionMsMax),
  idle_session_timeout: '0',
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

/** A setting that PostgreSQL 17 has brought. */
const endlessTransactions = `SELECT CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL
  THEN set_config('transaction_timeout', '0', false) END`;

const int2 = 21;
const int4 = 23;
const int8 = 20;
const bool = 16;

type Parser = (value: Buffer) => Column;
/** Of values in binary. */
const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [byteaOid, (value) => value],
  [bool, (value) => value[0] === 1],
  [int2, (value) => value.readInt16BE()],
  [int4, (value) => value.readInt32BE()],
  [int8, (value) => Number(value.readBigInt64BE())],
]);
const numbers: ReadonlySet<number> = new Set([int2, int4, int8]);
/** A text is the same in both formats. */
const asText: Parser = (value) => value.toString();

/** @param format of the answer: a statement without a name is answered in text. */
function parserOf(oid: number, format: 'text' | 'binary'): Parser {
  if (format === 'binary') return parsers.get(oid) ?? asText;
  return numbers.has(oid) ? (value) => Number(value.toString()) : asText;
}

/** The driver is loaded when the first connection is made: a service without PostgreSQL never loads it. */
const loadDriver = async () => (await import('pg')).default;

/** See the head of this file. */
export class Connection {
  /** Resolves when the connection has ended, however. */
  readonly ended: Promise<void>;
  private readonly client: Client;
  private readonly socket: Socket;
  /** The reason for which nothing can be asked any more. */
  private broken: DatabaseTrouble | undefined;
  /** The reason for which this process has cut it. */
  private cutFor: DatabaseTrouble | undefined;
  private ending: Promise<void> | undefined;

  private constructor(client: Client, socket: Socket) {
    this.client = client;
    this.socket = socket;
    client.on('error', (error) => {
      this.broken ??= troubleWith(error);
    });
    this.ended = new Promise((resolve) => {
      client.on('end', () => {
        this.broken ??= new DatabaseTrouble('the connection to the database has ended');
        resolve();
      });
    });
  }

  /**
   * @param url such as `postgres://user:password@host:5432/database`.
   * @param onBegun called before the server has answered.
   * @throws DatabaseTrouble
   */
  static async open(url: string, onBegun?: (connection: Connection) => void): Promise<Connection> {
    const pg = await loadDriver();
    const socket = new Socket();
    const config: ClientConfig & { readonly binary: true } = {
      fallback_application_name: 'artifacta',
      connectionString: url,
      stream: () => socket,
      connectionTimeoutMillis: connectMsMax,
      query_timeout: answerMsMax,
      keepAlive: true,
      keepAliveInitialDelayMillis: connectMsMax,
      pipeline: true,
      binary: true,
      types: { getTypeParser: parserOf as never },
    };
    let connection: Connection | undefined;
    try {
      const client = new pg.Client(config);
      readInBinary(client);
      connection = new Connection(client, socket);
      onBegun?.(connection);
      if (connection.broken !== undefined) throw connection.broken;
      await client.connect();
      await client.query(settingsBeside(url));
      return connection;
    } catch (error) {
      socket.destroy();
      const trouble = connection?.cutFor ?? troubleWith(error);
      throw trouble.words === cutWords ? new DatabaseTrouble(otherWords, undefined, error) : trouble;
    }
  }

  /** The number by which the server names this connection; a pooler in front of it gives another one. */
  get serverProcess(): number {
    return (this.client as unknown as { readonly processID: number }).processID;
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
      throw this.cutFor ?? troubleWith(error);
    }
  }

  /** Runs statements that have no values; they are parsed each time. @throws DatabaseTrouble */
  async run(text: string): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    try {
      await this.client.query(text);
    } catch (error) {
      throw this.cutFor ?? troubleWith(error);
    }
  }

  /** Ends the connection at once. What is under way fails with the trouble; the server may do it all the same. */
  cut(trouble: DatabaseTrouble): void {
    this.cutFor ??= trouble;
    this.broken ??= trouble;
    this.socket.destroy();
  }

  /** Never rejects. Idempotent. What was asked before is answered first, if the server answers in time. */
  close(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  private async end(): Promise<void> {
    const cancel = afterRealTime(closeMsMax, () => this.socket.destroy());
    await this.client.end().catch(() => undefined);
    cancel();
  }
}

/** Returns the statements that make the settings, except those that the address makes, which count more. */
function settingsBeside(url: string): string {
  const theirs = URL.canParse(url) ? (new URL(url).searchParams.get('options') ?? '') : '';
  const own = Object.entries(settings).filter(([name]) => !new RegExp(`\\b${name}=`).test(theirs));
  return [...own.map(([name, value]) => `SET ${name} = ${value}`), endlessTransactions].join('; ');
}
