/** PgBouncer in front of a server, as Debian has it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { asUser } from '../../bench/peers/peer-process.ts';
import { freeAddress } from '../../scripts/free-port.ts';
import { type PostgresServer, postgresDirectory, postgresUser } from './postgres.ts';

const program = '/usr/sbin/pgbouncer';
const attemptMs = 50;

/** The reason for which this machine has none; undefined if it has one. */
export const pgbouncerMissing = existsSync(program)
  ? undefined
  : 'PgBouncer is not installed: apt-get install pgbouncer';

/** Starts it before the server, and returns HOST:PORT. It ends when the test does. */
export async function startPgbouncer(
  server: PostgresServer,
  mode: 'session' | 'transaction',
): Promise<string> {
  const directory = await postgresDirectory();
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const address = await freeAddress();
  const [host, port] = server.address.split(':');
  const [listenHost, listenPort] = address.split(':');
  await writeFile(join(directory, 'users'), '"postgres" ""\n');
  const settings = {
    listen_addr: listenHost,
    listen_port: listenPort,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(directory, 'users'),
    pool_mode: mode,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const file = join(directory, 'pgbouncer.ini');
  await writeFile(
    file,
    ['[databases]', `* = host=${host} port=${port}`, '[pgbouncer]', ...lines, ''].join('\n'),
  );
  const [command, ...args] = asUser(postgresUser(), [program, '--quiet', file], 'SIGQUIT');
  const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGQUIT');
    await exited;
  });
  await answers(child, server.urlAt(address));
  return address;
}

async function answers(child: ChildProcess, url: string): Promise<void> {
  let said = '';
  child.stderr!.on('data', (text) => {
    said = `${said}${text}`.slice(-2_000);
  });
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    const isUp = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end();
    if (isUp) return;
    if (child.exitCode !== null) throw new Error(`PgBouncer did not start: ${said}`);
    await sleep(attemptMs);
  }
}
