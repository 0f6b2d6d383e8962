/** PostgreSQL 15 as Debian has it: a cluster of its own, durable as it is by default, reached over TCP. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { freeAddress } from '../../scripts/free-port.ts';
import { PeerMissing, programAt } from './missing.ts';
import { asUser, PeerProcess } from './peer-process.ts';

const superuser = 'postgres';
const debian = 'Debian has it in postgresql-15';

/** What is durable and hashed where PostgreSQL is measured, for the notes of a figure. */
export const postgresPromises =
  'PostgreSQL: fsync, full_page_writes and synchronous_commit on, its defaults otherwise (shared_buffers 128 MB); it stores the digest that it is told and hashes nothing';

/** A running cluster. Disposal ends it and leaves its files. */
export class Postgres implements AsyncDisposable {
  readonly process: PeerProcess;

  private constructor(process: PeerProcess) {
    this.process = process;
  }

  /**
   * Starts the cluster of a directory, which is made if it does not exist.
   *
   * @throws PeerMissing if PostgreSQL is not here, or its user cannot reach the directory.
   */
  static async start(directory: string): Promise<Postgres> {
    const server = programAt({ name: 'postgres', directories, from: debian });
    const user = userInfo().uid === 0 ? superuser : undefined;
    makeCluster(directory, user);
    const address = await freeAddress();
    const port = address.slice(address.indexOf(':') + 1);
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'logging_collector=off',
      'max_connections=100',
    ].flatMap((setting) => ['-c', setting]);
    const process = await PeerProcess.start({
      command: [server, '-D', directory, '-p', port, ...settings],
      address,
      user,
      // It ends its descendants and gives its shared memory back.
      abortedBy: 'SIGQUIT',
      answers: async () => {
        await using client = await connectedTo(address);
        await client.pg.query('SELECT 1');
        return true;
      },
    });
    return new Postgres(process);
  }

  /** One connection. */
  connect(): Promise<Connection> {
    return connectedTo(this.process.address);
  }

  /** So many connections, all open. */
  async pool(connections: number): Promise<Pool> {
    const pool = new pg.Pool({
      ...placeOf(this.process.address),
      max: connections,
      min: connections,
      idleTimeoutMillis: 0,
    });
    const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
    for (const client of clients) client.release();
    return { pg: pool, [Symbol.asyncDispose]: () => pool.end() };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}

interface Connection extends AsyncDisposable {
  readonly pg: pg.Client;
}

interface Pool extends AsyncDisposable {
  readonly pg: pg.Pool;
}

const directories = ['/usr/lib/postgresql/15/bin'];

async function connectedTo(address: string): Promise<Connection> {
  const client = new pg.Client(placeOf(address));
  await client.connect();
  return { pg: client, [Symbol.asyncDispose]: () => client.end() };
}

function placeOf(address: string): pg.ClientConfig {
  const [host, port] = address.split(':');
  return { host: host!, port: Number(port), user: superuser, database: 'postgres' };
}

/** It refuses to run as root, so that its files are those of its own user then. */
function makeCluster(directory: string, user: string | undefined): void {
  const initdb = programAt({ name: 'initdb', directories, from: debian });
  if (statSync(directory, { throwIfNoEntry: false }) !== undefined) {
    checkReach(directory, user);
    return;
  }
  if (user !== undefined && spawnSync('id', [user]).status !== 0)
    throw new PeerMissing(`this machine has no user ${user}; ${debian}`);
  mkdirSync(directory, { mode: 0o700 });
  if (user !== undefined) {
    const idOf = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'latin1' }));
    chownSync(directory, idOf('-u'), idOf('-g'));
  }
  checkReach(directory, user);
  const [program, ...args] = asUser(user, [
    initdb,
    ...['--pgdata', directory, '--username', superuser, '--auth', 'trust'],
    ...['--encoding', 'UTF8', '--locale', 'C'],
  ]);
  execFileSync(program!, args, { stdio: 'pipe', cwd: '/' });
}

function checkReach(directory: string, user: string | undefined): void {
  const [program, ...args] = asUser(user, ['test', '-w', directory]);
  if (spawnSync(program!, args, { cwd: '/' }).status !== 0)
    throw new PeerMissing(
      `the user ${user} cannot reach ${directory}; choose --dir and --stores where it can`,
    );
}

/** A directory for a cluster in one of the benchmark's own, which others may pass through from now on. */
export function clusterIn(directory: string): string {
  if (userInfo().uid === 0) for (const own of [directory, dirname(directory)]) chmodSync(own, 0o711);
  return join(directory, 'postgres');
}
