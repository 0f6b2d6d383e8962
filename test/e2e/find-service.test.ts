/** `connect()` without a target, in programs of their own: the service that settings name, or that of the data directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory, start } from '../support/command.ts';
import { startServe } from './serve-process.ts';

const library = resolve(import.meta.dirname, '../../src/programs/library/published.ts');

/** Pushes a text of its own when it gets a line, and closes its client at the end of its input. */
const program = `
import { connect } from ${JSON.stringify(library)};
import { createInterface } from 'node:readline';
try {
  const store = await connect(undefined, { retry: { attemptsMax: 8 } });
  for await (const name of createInterface({ input: process.stdin })) {
    const { artifact } = await store.push(name, { session: 'run', name });
    const names = [];
    for await (const one of store.query({ session: 'run', order: 'oldest' })) names.push(one.name);
    console.log(names.join(' '));
  }
  await store.close();
  console.log('closed');
} catch (error) {
  console.log(error.code + ' ' + error.message);
}
`;

interface Program {
  readonly child: ChildProcess;
  /** Pushes, and returns the names that exist then. */
  push(name: string): Promise<string>;
  /** The next line. */
  line(): Promise<string>;
  end(): Promise<number | string>;
}

async function run(directory: string, env: Record<string, string> = {}): Promise<Program> {
  const file = join(directory, 'program.mjs');
  await writeFile(file, program);
  const home = { HOME: directory, XDG_CACHE_HOME: join(directory, 'cache') };
  const child = spawn(process.execPath, [file], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...home, ...env },
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const line = async () => String((await lines.next()).value);
  return {
    child,
    line,
    push: (name) => {
      child.stdin!.write(`${name}\n`);
      return line();
    },
    end: () => {
      child.stdin!.end();
      return ended;
    },
  };
}

const directoryOf = async () => {
  const home = await newDirectory();
  const dataDir = join(home, 'data');
  return { home, dataDir, env: { ARTIFACTA_DATA_DIR: dataDir } };
};

describe('a program that names no service', { timeout: 120_000 }, () => {
  it('starts one, shares it, and others go on when it ends', async () => {
    const { home, dataDir, env } = await directoryOf();
    const [one, two] = await Promise.all([run(home, env), run(home, env)]);
    // Both start at once.
    expect(await one.push('a')).toBe('a');
    expect(await two.push('b')).toBe('a b');
    expect(await one.push('c')).toBe('a b c');
    expect(await one.end()).toBe(0);
    expect(await two.push('d')).toBe('a b c d');
    const three = await run(home, env);
    expect(await three.push('e')).toBe('a b c d e');
    // Whoever held the service is gone without a farewell.
    two.child.kill('SIGKILL');
    expect(await three.push('f')).toBe('a b c d e f');
    expect(await three.end()).toBe(0);
    const { stdout } = await start(['ls', 'run', '--quiet', '--data-dir', dataDir]).ended;
    expect(stdout.trim().split('\n')).toHaveLength(6);
  });

  it('uses the service that runs, and leaves it running', async () => {
    const { home, dataDir, env } = await directoryOf();
    const service = startServe(dataDir);
    const { grpc } = await service.ready;
    const local = await run(home, env);
    expect(await local.push('a')).toBe('a');
    const remote = await run(home, { ARTIFACTA_URL: `grpc://${grpc}` });
    expect(await remote.push('b')).toBe('a b');
    expect([await local.end(), await remote.end()]).toEqual([0, 0]);
    expect(service.child.exitCode).toBeNull();
  });

  it('hears why none can be started, and what to do', async () => {
    const { home, dataDir, env } = await directoryOf();
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'other.txt'), 'not a store');
    const said = await (await run(home, env)).line();
    expect(said).toContain(`UNAVAILABLE cannot start a service for the data directory ${dataDir}: `);
    expect(said).toContain('ARTIFACTA_URL');
    const bad = await (await run(home, { ARTIFACTA_URL: 'nonsense' })).line();
    expect(bad).toMatch(/^INVALID_ARGUMENT ARTIFACTA_URL: must /);
    const file = await (await run(home, { ...env, ARTIFACTA_TOKEN_FILE: join(home, 'none') })).line();
    expect(file).toMatch(/^INVALID_ARGUMENT the token file /);
  });
});
