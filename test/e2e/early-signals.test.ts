/** What a process is told while it still loads. As process 1 of a container it would not hear what it does not heed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { removeDirectory } from '../support/directories.ts';
import { launcher, startServe } from './serve-process.ts';

/** Options of Node with which a process does that when it comes to load the program of this name. */
function whenLoading(home: string, program: string, action: string): string {
  const script = join(home, 'early.mjs');
  writeFileSync(
    script,
    `import { registerHooks } from 'node:module';
    registerHooks({
      load(url, context, next) {
        if (/\\/${program}(-[\\w-]+\\.js|\\.ts)$/.test(url)) ${action};
        return next(url, context);
      },
    });`,
  );
  return `--import ${script}`;
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-early-'));
  onTestFinished(() => removeDirectory(directory));
  return directory;
}

describe('told to stop while it loads', { timeout: 60_000 }, () => {
  const terminate = "process.kill(process.pid, 'SIGTERM')";

  it.each([
    { what: 'on loopback', args: [] },
    { what: 'with a long grace', args: ['--grace-seconds', '600'] },
  ])('a service leaves with 0, and has not served, $what', async ({ args }) => {
    const home = temporaryDirectory();
    const server = startServe(join(home, 'data'), args, {
      NODE_OPTIONS: whenLoading(home, 'serve', terminate),
    });
    expect(await server.ended).toBe(0);
    // On a busy machine it also says what its start waits for.
    const said = server.lines.map(({ msg }) => msg).filter((msg) => !msg.startsWith('still starting'));
    expect(said).toEqual(['stopped']);
    // It has let go of its store.
    const next = startServe(join(home, 'data'));
    await next.ready;
    next.child.kill('SIGTERM');
    expect(await next.ended).toBe(0);
  });

  function startReaper(home: string, options: string): ChildProcess {
    const args = ['reap', '--data-dir', join(home, 'data'), '--log-level', 'silent'];
    const child = spawn(launcher, args, {
      env: { ...process.env, HOME: home, NODE_OPTIONS: options },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }

  it.each([
    { what: 'is told to stop', action: terminate },
    { what: 'is left by whoever started it', action: 'process.disconnect()' },
  ])('a reaper that $what leaves with 0', async ({ action }) => {
    const home = temporaryDirectory();
    const child = startReaper(home, whenLoading(home, 'reap', action));
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});
