/** Command lines without a service: one of them opens the store, and serves it to the others while it runs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDirectory, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { pushAtOnce } from '../support/pushers.ts';
import {
  beyondReadAhead,
  listed,
  slowPush,
  slowUpload,
  socketOf,
  untilGone,
  untilServed,
  untilUnderWay,
} from './embedded-rig.ts';
import { startServe } from './serve-process.ts';

const isLinux = process.platform === 'linux';
if (!isLinux) console.warn('not Linux: nothing tells which process has a store open, so none is killed');

/** `npm run faults -- --pushers` has more of them. */
describe('command lines at once, and no service', () => {
  it('all push, each once', { timeout: 60_000 }, async () => {
    const directory = await newDirectory();
    const dataDir = join(directory, 'data');
    const pushed = await pushAtOnce({ directory: join(directory, 'files'), dataDir, count: 12 });
    for (const { ended } of pushed) expect(ended).toMatchObject({ code: 0, stderr: '' });
    const found = await listed(dataDir);
    expect(found.map(({ name }) => name).sort()).toEqual(pushed.map(({ name }) => name).sort());
    expect(new Set(found.map(({ version }) => version))).toEqual(new Set([1]));
  });

  it.skipIf(!isLinux)(
    'all push, while the one that has the store is killed again and again',
    { timeout: 90_000 },
    async () => {
      const directory = await newDirectory();
      const dataDir = join(directory, 'data');
      const pushed = await pushAtOnce({ directory: join(directory, 'files'), dataDir, count: 12, kills: 5 });
      expect(pushed.reduce((sum, { kills }) => sum + kills, 0)).toBe(5);
      for (const { ended } of pushed) expect([ended.stderr, ended.code]).toEqual([ended.stderr, 0]);
      const found = await listed(dataDir);
      expect(found.map(({ name }) => name).sort()).toEqual(pushed.map(({ name }) => name).sort());
      expect(new Set(found.map(({ version }) => version))).toEqual(new Set([1]));
      expect(await artifacta('fsck', '--contents', '--data-dir', dataDir)).toMatchObject({ code: 0 });
    },
  );
});

describe('a command that has the store', () => {
  it('serves others, and leaves when their calls have ended', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const second = slowUpload(`unix:${socketOf(dataDir)}`, 'second');
    await untilUnderWay(dataDir);
    first.child.stdin!.end();
    // Newcomers see no socket while the second is waited for.
    await untilGone(socketOf(dataDir));
    expect(first.child.exitCode).toBe(null);
    second.goOn();
    expect((await second.answer).artifact?.name).toBe('second');
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await listed(dataDir)).map(({ name }) => name).sort()).toEqual(['first', 'second']);
  });

  it('is waited for, and its store is opened when it has left', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const server = startServe(dataDir);
    await expect
      .poll(() => server.lines.at(-1)?.msg, { timeout: 15_000 })
      .toMatch(/^waiting for another process/);
    first.child.stdin!.end();
    expect(await first.ended).toMatchObject({ code: 0 });
    await server.ready;
    expect((await listed(dataDir)).map(({ name }) => name)).toEqual(['first']);
  });

  it('is not waited for longer than was said', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const env = { ARTIFACTA_LOCK_WAIT_SECONDS: '0', ARTIFACTA_SOCKET: join(dataDir, 'elsewhere') };
    const { code, stderr } = await start(['ls', '--data-dir', dataDir], { env }).ended;
    expect(code).toBe(4);
    expect(stderr.split('\n')[0]).toBe(`artifacta: another process has the data directory open: ${dataDir}`);
    first.child.stdin!.end();
    await first.ended;
  });

  it('answers an interruption with 130, and lets the others end first', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const other = await slowPush(dataDir, 'other', beyondReadAhead);
    await untilUnderWay(dataDir);
    first.child.kill('SIGINT');
    await untilGone(socketOf(dataDir));
    expect(first.child.exitCode).toBe(null);
    other.child.stdin!.end();
    expect(await other.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await first.ended).code).toBe(130);
    expect((await listed(dataDir)).map(({ name }) => name)).toEqual(['other']);
  });

  it('is waited for no longer than until a signal comes', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const server = startServe(dataDir);
    await expect
      .poll(() => server.lines.at(-1)?.msg, { timeout: 15_000 })
      .toMatch(/^waiting for another process/);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    // Where there is no socket the lock is all there is. What takes it has been loaded just before.
    const env = { ARTIFACTA_SOCKET: join(dataDir, 'run', 'elsewhere') };
    const waiting = start(['session', 'ls', '--data-dir', dataDir], { env });
    if (isLinux)
      await expect
        .poll(() => readFile(`/proc/${waiting.child.pid}/maps`, 'utf8'), { timeout: 15_000 })
        .toContain('classic-level');
    waiting.child.kill('SIGINT');
    expect((await waiting.ended).code).toBe(130);
    first.child.stdin!.end();
    expect(await first.ended).toMatchObject({ code: 0 });
  });

  it('ends at once when it is interrupted twice, and what it leaves is removed by the next', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const first = await slowPush(dataDir, 'first');
    await untilServed(socketOf(dataDir));
    const other = slowUpload(`unix:${socketOf(dataDir)}`, 'other');
    const failed = expect(other.answer).rejects.toThrow();
    await untilUnderWay(dataDir);
    first.child.kill('SIGINT');
    await untilGone(socketOf(dataDir));
    first.child.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    await failed;
    expect(await readdir(join(dataDir, 'tmp'))).toHaveLength(1);
    expect(await artifacta('session', 'ls', '--data-dir', dataDir)).toMatchObject({ code: 0, stdout: '' });
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
  });
});
