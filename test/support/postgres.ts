/**
 * A PostgreSQL server of this test's own, from Debian's programs: on a free port, in a temporary directory, as the user
 * `postgres` where the tests run as root, since it refuses to be root's.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { asUser, freeAddress } from '../../bench/peers/peer-process.ts';
import { treeOf } from '../../bench/peers/process-tree.ts';

const versions = '/usr/lib/postgresql';
const superuser = 'postgres';
const readyMs = 30_000;
/** Between two attempts to reach a server that starts. */
const attemptMs = 50;

/** The directory of the newest version's programs; a reason if this machine has none that can be used. */
export function postgresPrograms(): { readonly directory: string } | { readonly missing: string } {
  const names = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const directory = names
    .map((name) => join(versions, name, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
  if (directory === undefined) return { missing: 'PostgreSQL is not installed: apt-get install postgresql' };
  if (isRoot() && spawnSync('id', [superuser]).status !== 0)
    return { missing: `this machine has no user ${superuser} to run PostgreSQL as` };
  return { directory };
}

const isRoot = () => userInfo().uid === 0;

/** See the head of this file. */
export class PostgresServer implements AsyncDisposable {
  private readonly home: string;
  private readonly programs: string;
  /** HOST:PORT. It stays the same over restarts. */
  readonly address: string;
  private process: ChildProcess | undefined;
  private exited: Promise<unknown> = Promise.resolve();
  private schemas = 0;

  private constructor(home: string, programs: string, address: string) {
    this.home = home;
    this.programs = programs;
    this.address = address;
  }

  /** @param settings of the server, such as `fsync=off`. */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const found = postgresPrograms();
    if ('missing' in found) throw new Error(found.missing);
    const home = await mkdtemp(join(tmpdir(), 'artifacta-postgres-'));
    if (isRoot()) {
      await chmod(home, 0o711);
      execFileSync('chown', [superuser, home]);
    }
    const server = new PostgresServer(home, found.directory, await freeAddress());
    try {
      const command = [join(found.directory, 'initdb'), '--pgdata', server.data, '--username', superuser];
      const [program, ...args] = asUser(server.user, [
        ...command,
        '--auth',
        'trust',
        '--encoding',
        'UTF8',
        '--no-sync',
      ]);
      execFileSync(program!, args, { stdio: 'pipe', cwd: '/' });
      await server.resume(settings);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private get data(): string {
    return join(this.home, 'data');
  }

  private get user(): string | undefined {
    return isRoot() ? superuser : undefined;
  }

  /** Of the superuser. */
  get url(): string {
    return this.urlAt(this.address);
  }

  /** The same through another address, such as that of a proxy. */
  urlAt(address: string, user = superuser): string {
    return `postgres://${user}@${address}/postgres`;
  }

  newSchema(): string {
    return `store_${++this.schemas}`;
  }

  async drop(schema: string): Promise<void> {
    await this.run(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  }

  /** Runs statements as the superuser; returns the rows of the last. */
  async run(text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      const results = [await client.query(text)].flat();
      return results.at(-1)?.rows ?? [];
    } finally {
      await client.end();
    }
  }

  /** Starts the server on its files again. */
  async resume(settings: readonly string[] = []): Promise<void> {
    const given = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'logging_collector=off',
      ...settings,
    ];
    const port = this.address.slice(this.address.indexOf(':') + 1);
    const command = [
      join(this.programs, 'postgres'),
      ...['-D', this.data, '-p', port],
      ...given.flatMap((setting) => ['-c', setting]),
    ];
    const [program, ...args] = asUser(this.user, command, 'SIGQUIT');
    let said = '';
    const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
    child.stderr.on('data', (text) => {
      said = `${said}${text}`.slice(-2_000);
    });
    this.process = child;
    this.exited = once(child, 'exit');
    const endMs = performance.now() + readyMs;
    while (!(await this.answers())) {
      if (child.exitCode !== null || performance.now() > endMs)
        throw new Error(`PostgreSQL did not start: ${said}`);
      await sleep(attemptMs);
    }
  }

  private answers(): Promise<boolean> {
    return this.run('SELECT 1').then(
      () => true,
      () => false,
    );
  }

  /** Stops it in an orderly way: connections are cut. Idempotent. */
  async stop(): Promise<void> {
    const { process: child } = this;
    this.process = undefined;
    child?.kill('SIGINT');
    await this.exited;
  }

  /** Kills it and all its processes at once. */
  async kill(): Promise<void> {
    const pids = treeOf(this.process!.pid!);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    this.process = undefined;
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}
