/**
 * A PostgreSQL server of this test's own: on a free port, in a temporary directory, as the user `postgres` where the tests
 * run as root, since it refuses to be root's. Its programs are Debian's, or those in the directory that the variable
 * ARTIFACTA_TEST_POSTGRES names.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { asUser } from '../../bench/peers/peer-process.ts';
import { signalTree } from '../../bench/peers/process-tree.ts';
import { freeAddress } from '../../scripts/free-port.ts';

const versions = '/usr/lib/postgresql';
const superuser = 'postgres';
const readyMs = 30_000;
/** Between two attempts to reach a server that starts. */
const attemptMs = 50;

/** The programs of a server, or the reason for which this machine has none that can be used. */
type ProgramsFound = { readonly directory: string } | { readonly missing: string };

/** @param needed a program beside those that every server needs. */
export function postgresPrograms(needed = 'postgres'): ProgramsFound {
  const directory = process.env.ARTIFACTA_TEST_POSTGRES || newestOfDebian();
  if (directory === undefined) return { missing: 'PostgreSQL is not installed: apt-get install postgresql' };
  const lacking = ['initdb', 'postgres', needed].find((name) => !existsSync(join(directory, name)));
  if (lacking !== undefined) return { missing: `${directory} has no program ${lacking}` };
  if (!isRoot()) return { directory };
  if (spawnSync('id', [superuser]).status !== 0)
    return { missing: `this machine has no user ${superuser} to run PostgreSQL as` };
  const [program, ...args] = asUser(superuser, ['test', '-x', join(directory, needed)]);
  if (spawnSync(program!, args, { cwd: '/' }).status !== 0)
    return { missing: `the user ${superuser} cannot run ${join(directory, needed)}` };
  return { directory };
}

function newestOfDebian(): string | undefined {
  const names = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  return names.map((name) => join(versions, name, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

/** So that programs take their own libraries, and not those of another version that the system has. */
const besides = (programs: string) => ({ ...process.env, LD_LIBRARY_PATH: join(programs, '..', 'lib') });

const isRoot = () => userInfo().uid === 0;

/** The user whose files a server's are; undefined: this process's own. */
export const postgresUser = () => (isRoot() ? superuser : undefined);

/** A directory that a server may use. The caller removes it. */
export async function postgresDirectory(parent = tmpdir()): Promise<string> {
  const made = await mkdtemp(join(parent, 'artifacta-postgres-'));
  if (isRoot()) {
    await chmod(made, 0o711);
    execFileSync('chown', [superuser, made]);
  }
  return made;
}

/** See the head of this file. */
export class PostgresServer implements AsyncDisposable {
  private readonly home: string;
  private readonly programs: string;
  private readonly settings: readonly string[];
  /** HOST:PORT. It stays the same over restarts. */
  readonly address: string;
  private process: ChildProcess | undefined;
  private exited: Promise<unknown> = Promise.resolve();
  private schemas = 0;

  private constructor(parts: {
    readonly home: string;
    readonly programs: string;
    readonly address: string;
    readonly settings: readonly string[];
  }) {
    this.home = parts.home;
    this.programs = parts.programs;
    this.address = parts.address;
    this.settings = parts.settings;
  }

  /**
   * @param settings of the server, such as `fsync=off`.
   * @param parent the directory for its files, which its user must be able to pass through.
   */
  static async start(settings: readonly string[] = [], parent?: string): Promise<PostgresServer> {
    return await PostgresServer.made(settings, parent, 'initdb', [
      ...['--username', superuser, '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'],
    ]);
  }

  /** A standby that streams from the primary, under this name. */
  static async standbyOf(primary: PostgresServer, name: string): Promise<PostgresServer> {
    const from = `${primary.url}?application_name=${name}`;
    return await PostgresServer.made(primary.settings, undefined, 'pg_basebackup', [
      ...[
        '--dbname',
        from,
        '--wal-method',
        'stream',
        '--write-recovery-conf',
        '--checkpoint',
        'fast',
        '--no-sync',
      ],
    ]);
  }

  /** Starts a server on files that the program has made. */
  private static async made(
    settings: readonly string[],
    parent: string | undefined,
    maker: string,
    args: readonly string[],
  ): Promise<PostgresServer> {
    const found = postgresPrograms(maker);
    if ('missing' in found) throw new Error(found.missing);
    const home = await postgresDirectory(parent);
    const server = new PostgresServer({
      home,
      programs: found.directory,
      address: await freeAddress(),
      settings,
    });
    try {
      const command = [join(found.directory, maker), '--pgdata', server.data, ...args];
      const [program, ...rest] = asUser(postgresUser(), command);
      execFileSync(program!, rest, { stdio: 'pipe', cwd: '/', env: besides(found.directory) });
      await server.resume();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private get data(): string {
    return join(this.home, 'data');
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
  async resume(): Promise<void> {
    const endMs = performance.now() + readyMs;
    // It does not start while a process of the one before, which was killed, has not ended yet.
    for (;;) {
      const said = await this.start(endMs);
      if (said === undefined) return;
      if (!said.includes('is still in use') || performance.now() > endMs)
        throw new Error(`PostgreSQL did not start: ${said}`);
      await sleep(attemptMs);
    }
  }

  /** @returns what it has said, if it has not started. */
  private async start(endMs: number): Promise<string | undefined> {
    const given = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'logging_collector=off',
      ...this.settings,
    ];
    const port = this.address.slice(this.address.indexOf(':') + 1);
    const command = [
      join(this.programs, 'postgres'),
      ...['-D', this.data, '-p', port],
      ...given.flatMap((setting) => ['-c', setting]),
    ];
    const [program, ...args] = asUser(postgresUser(), command, 'SIGQUIT');
    let said = '';
    const env = besides(this.programs);
    const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', env });
    child.stderr.on('data', (text) => {
      said = `${said}${text}`.slice(-2_000);
    });
    this.process = child;
    this.exited = once(child, 'exit');
    // What it says last may come after its end.
    const closed = once(child, 'close');
    while (!(await this.answers())) {
      if (child.exitCode !== null) await closed;
      if (child.exitCode !== null || performance.now() > endMs) return said;
      await sleep(attemptMs);
    }
    return undefined;
  }

  /** True if it has ended by itself. */
  get hasEnded(): boolean {
    return this.process !== undefined && (this.process.exitCode ?? this.process.signalCode) !== null;
  }

  private answers(): Promise<boolean> {
    return this.run('SELECT 1').then(
      () => true,
      () => false,
    );
  }

  /** From now on it answers nothing: all its processes are stopped, and their connections stay. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
  }

  private signal(name: NodeJS.Signals): void {
    signalTree(this.process!.pid!, name);
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
    this.signal('SIGKILL');
    this.process = undefined;
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}
