/** `artifacta serve` in a process of its own, with authentication, for rigs outside the test runner. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from '../../src/client/client.ts';
import { removeDirectory } from '../support/directories.ts';

const launcher = resolve(import.meta.dirname, '../../bin/artifacta');

export interface Service extends AsyncDisposable {
  /** `host:port`. */
  readonly grpc: string;
  readonly http: string;
  /** A path. */
  readonly socket: string;
  readonly pid: number;
  readonly dataDir: string;
  /** The secret of a key that may read and write in the namespace `default`. */
  readonly key: string;
  /** Kills it with SIGKILL. @returns the service of another process on the same data directory, on other ports. */
  again(): Promise<Service>;
}

/**
 * Starts one on an empty data directory, which goes when it is disposed. Its log must go to `info`: that says when it is
 * ready.
 *
 * @param variables of its environment, beyond those of this process.
 */
export async function startService(
  name: string,
  args: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), `artifacta-${name}-`));
  const started = await start(join(directory, 'data'), args, variables);
  await using operator = await connect(`unix:${started.socket}`);
  const { secret } = await operator.access.createKey({ namespace: 'default', scopes: ['read', 'write'] });
  return serviceOf(started, secret, () => removeDirectory(directory));
}

interface Started {
  readonly grpc: string;
  readonly http: string;
  readonly socket: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly restart: () => Promise<Started>;
  readonly kill: () => Promise<void>;
}

async function start(
  dataDir: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Started> {
  const listeners = [
    '--grpc-listen',
    '127.0.0.1:0',
    '--http-listen',
    '127.0.0.1:0',
    '--admin-listen',
    'none',
  ];
  const child = spawn(launcher, ['serve', '--auth', '--data-dir', dataDir, ...listeners, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...variables },
  });
  const lines = createInterface({ input: child.stdout });
  const ready = await new Promise<Record<string, string>>((found, failed) => {
    lines.on('line', (line) => {
      const said = JSON.parse(line) as Record<string, string>;
      if (said.msg === 'ready') found(said);
    });
    child.once('exit', (code) => failed(new Error(`the service ended with ${code}`)));
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  };
  return {
    grpc: ready.grpc!,
    http: ready.http!,
    socket: ready.socket!,
    pid: Number(ready.pid),
    dataDir,
    kill,
    restart: async () => {
      await kill();
      return await start(dataDir, args, variables);
    },
  };
}

function serviceOf(started: Started, key: string, remove: () => void): Service {
  const { kill, restart, ...addresses } = started;
  return {
    ...addresses,
    key,
    again: async () => serviceOf(await restart(), key, remove),
    [Symbol.asyncDispose]: async () => {
      await kill();
      remove();
    },
  };
}
