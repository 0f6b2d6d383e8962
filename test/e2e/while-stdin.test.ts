/** A service that lives as long as somebody's standard input: `artifacta serve --while-stdin`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { newDirectory, start } from '../support/command.ts';
import { launcher } from './serve-process.ts';

interface User {
  readonly child: ChildProcess;
  /** The lines that it has logged, by what they say. */
  readonly said: readonly string[];
  /** Resolves with the first line that says so after the ones that were waited for before. */
  saying(message: string): Promise<Record<string, unknown>>;
  readonly ended: Promise<number | string>;
}

/** A program that brings its own store along. */
function use(dataDir: string, ...args: string[]): User {
  const child = spawn(launcher, ['serve', '--while-stdin', '--data-dir', dataDir, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, XDG_CACHE_HOME: join(dataDir, '..', 'cache') },
  });
  child.stdin!.on('error', () => undefined);
  const lines: Record<string, unknown>[] = [];
  let wake = Promise.withResolvers<void>();
  createInterface({ input: child.stdout! }).on('line', (text) => {
    lines.push(JSON.parse(text));
    wake.resolve();
    wake = Promise.withResolvers();
  });
  let isOver = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    isOver = true;
    wake.resolve();
    return (code ?? signal) as number | string;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let seen = 0;
  return {
    child,
    ended,
    get said() {
      return lines.map(({ msg }) => String(msg));
    },
    saying: async (message) => {
      for (;;) {
        for (; seen < lines.length; seen++) if (lines[seen]!.msg === message) return lines[seen++]!;
        if (isOver) throw new Error(`it has ended, and never said ${message}: ${JSON.stringify(lines)}`);
        await wake.promise;
      }
    },
  };
}

const run = (args: readonly string[]) => start(args).ended;
const others = { served_by: 'another process' };

describe('a service while standard input is open', { timeout: 90_000 }, () => {
  const directories = async () => {
    const home = await newDirectory();
    await writeFile(join(home, 'output.json'), '{}');
    const dataDir = join(home, 'data');
    const push = () =>
      run(['push', join(home, 'output.json'), '--session', 'run', '--json', '--data-dir', dataDir]);
    return { dataDir, push };
  };

  it('serves on the socket alone, and ends with its input', async () => {
    const { dataDir, push } = await directories();
    const only = use(dataDir);
    const ready = await only.saying('ready');
    expect(ready).toMatchObject({
      grpc: null,
      http: null,
      admin: null,
      socket: join(dataDir, 'run', 'sock'),
    });
    expect(await push()).toMatchObject({ code: 0 });
    only.child.stdin!.end('what it is sent is of no interest\n');
    expect(await only.ended).toBe(0);
    expect(await only.said).toContain('stopped');
    // What comes after has the directory to itself.
    expect(await push()).toMatchObject({ code: 0 });
  });

  it('waits for the calls under way', async () => {
    const { dataDir } = await directories();
    const only = use(dataDir);
    await only.saying('ready');
    await using client = await connect(`unix:${join(dataDir, 'run', 'sock')}`);
    await client.sessions.open('run');
    const watch = client.sessions.watch('run')[Symbol.asyncIterator]();
    const first = watch.next();
    await client.push(Buffer.from('1'), { session: 'run', name: 'a' });
    await first;
    only.child.stdin!.end();
    // Its input has ended; it goes on for the watch.
    await client.push(Buffer.from('2'), { session: 'run', name: 'b' });
    expect(only.child.exitCode).toBeNull();
    await watch.return?.();
    expect(await only.ended).toBe(0);
  });

  it('is used by others, and ends with the input of the last', async () => {
    const { dataDir, push } = await directories();
    const first = use(dataDir);
    await first.saying('ready');
    const second = use(dataDir);
    const third = use(dataDir);
    expect(await second.saying('ready')).toMatchObject(others);
    expect(await third.saying('ready')).toMatchObject(others);
    first.child.stdin!.end();
    second.child.stdin!.end();
    expect(await second.ended).toBe(0);
    expect(await push()).toMatchObject({ code: 0 });
    expect(first.child.exitCode).toBeNull();
    third.child.stdin!.end();
    expect(await third.ended).toBe(0);
    expect(await first.ended).toBe(0);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'is replaced by one of its users when it gets %s',
    async (signal) => {
      const { dataDir, push } = await directories();
      const first = use(dataDir);
      await first.saying('ready');
      const second = use(dataDir);
      await second.saying('ready');
      expect(await push()).toMatchObject({ code: 0 });
      first.child.kill(signal);
      await first.ended;
      expect(await second.saying('ready')).not.toHaveProperty('served_by');
      expect(await push()).toMatchObject({ code: 0 });
      second.child.stdin!.end();
      expect(await second.ended).toBe(0);
    },
  );

  it('uses a service that was there before, and leaves it alone', async () => {
    const { dataDir, push } = await directories();
    const none = ['--http-listen', 'none', '--admin-listen', 'none', '--grpc-listen', 'none'];
    const usual = spawn(launcher, ['serve', '--data-dir', dataDir, ...none], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_CACHE_HOME: join(dataDir, '..', 'cache') },
    });
    const usualEnded = once(usual, 'close');
    onTestFinished(async () => {
      usual.kill('SIGKILL');
      await usualEnded;
    });
    for await (const line of createInterface({ input: usual.stdout! })) if (line.includes('"ready"')) break;
    const user = use(dataDir);
    expect(await user.saying('ready')).toMatchObject(others);
    user.child.stdin!.end();
    expect(await user.ended).toBe(0);
    expect(await push()).toMatchObject({ code: 0 });
    expect(usual.exitCode).toBeNull();
  });

  it('ends by a signal, too, whether it serves or uses another', async () => {
    const { dataDir } = await directories();
    const first = use(dataDir);
    await first.saying('ready');
    const second = use(dataDir);
    await second.saying('ready');
    for (const { child, ended } of [second, first]) {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    }
  });

  it('ends at once where its input has ended already', async () => {
    const { dataDir, push } = await directories();
    const only = use(dataDir);
    only.child.stdin!.end();
    expect(await only.ended).toBe(0);
    expect(await push()).toMatchObject({ code: 0 });
  });

  it.each([
    ['says nothing', () => undefined],
    ['hangs up', (connection: Socket) => connection.destroy()],
    ['speaks something else', (connection: Socket) => connection.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('says of a stranger on the socket who %s that it is waited for, once', async (_what, answer) => {
    const { dataDir } = await directories();
    await mkdir(join(dataDir, 'run'), { recursive: true, mode: 0o700 });
    await chmod(dataDir, 0o700);
    let visits = 0;
    const stranger = createServer((connection) => {
      visits++;
      connection.on('error', () => undefined).resume();
      answer(connection);
    }).listen(join(dataDir, 'run', 'sock'));
    onTestFinished(() => void stranger.close());
    await once(stranger, 'listening');
    const user = use(dataDir);
    const message = 'another process has the socket but does not answer; trying again until it does';
    expect(await user.saying(message)).toMatchObject({ level: 'warn', socket: join(dataDir, 'run', 'sock') });
    const before = visits;
    await expect.poll(() => visits, { timeout: 30_000 }).toBeGreaterThan(before + 2);
    expect(user.said.filter((said) => said === message)).toHaveLength(1);
    user.child.stdin!.end();
    expect(await user.ended).toBe(0);
    expect(user.said).not.toContain('ready');
    expect(user.said.at(-1)).toBe('stopped');
    // Nothing was made beside it.
    expect(await readdir(dataDir)).toEqual(['run']);
  });

  it.each(['--grpc-listen', '--http-listen', '--admin-listen'])('refuses %s beside it', async (flag) => {
    const { dataDir } = await directories();
    const refused = await run(['serve', '--while-stdin', '--data-dir', dataDir, flag, '127.0.0.1:0']);
    expect(refused).toMatchObject({
      code: 2,
      stderr: `artifacta: ${flag}: cannot be given with --while-stdin, which serves only on the socket\n`,
    });
  });
});
