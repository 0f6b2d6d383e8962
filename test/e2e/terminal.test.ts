/** On a terminal the service greets, and logs for people; elsewhere, and where it is told so, it logs JSON. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { newDirectory } from '../support/command.ts';
import { hasTerminal, onTerminal } from '../support/terminal.ts';
import { launcher } from './serve-process.ts';

const anyPort = ['--grpc-listen', '127.0.0.1:0', '--http-listen', '127.0.0.1:0', '--admin-listen', 'none'];

/** The environment of a user who has set nothing. */
function environment(home: string, more: Readonly<Record<string, string>> = {}) {
  const { PATH, NODE_COMPILE_CACHE, NODE_V8_COVERAGE } = process.env;
  return { PATH, NODE_COMPILE_CACHE, NODE_V8_COVERAGE, HOME: home, TERM: 'xterm', ...more };
}

/** Starts `artifacta serve` on a terminal, and resolves when it shows the last line of the greeting. */
async function served(home: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const terminal = onTerminal([launcher, 'serve', ...anyPort, ...args], {
    env: environment(home, more),
    cwd: home,
  });
  const shown = await terminal.until(/stop .*\r\n/);
  return { ...terminal, shown, rows: rowsOf(shown) };
}

function rowsOf(shown: string): Record<string, string> {
  return Object.fromEntries(
    [...shown.matchAll(/^ {2}(\w+) +(.*)\r$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** Types a command into another terminal of the same user. */
function typed(line: string, home: string, cwd: string) {
  const ran = spawnSync('sh', ['-c', line], { env: environment(home), cwd, encoding: 'utf8' });
  return { status: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

describe.skipIf(!hasTerminal)('artifacta serve on a terminal', { timeout: 60_000 }, () => {
  it('greets, and what it says to try works in another terminal', async () => {
    const home = await newDirectory();
    const { rows, shown, kill, ended, until } = await served(home, [], { NO_COLOR: '1' });
    expect(shown).toMatch(/^\d\d:\d\d:\d\dZ info {2}ready pid=\d+ .*\r\n/m);
    expect(shown).toContain(`\nArtifacta ${packageJson.version} is ready.\r\n`);
    expect(rows).toMatchObject({
      gRPC: expect.stringMatching(/^grpc:\/\/127\.0\.0\.1:\d+$/),
      HTTP: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      data: join(home, '.local/share/artifacta'),
      access: expect.stringMatching(/^every program on this machine, without credentials/),
      try: `echo hello | ${launcher} push - --name hello.txt --session first`,
      stop: 'Ctrl-C',
    });
    expect(shown).not.toContain('\u001b');
    expect(shown).not.toMatch(/^\{/m);
    expect(typed(rows.try!, home, '/')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/ new +first\/hello\.txt\n$/),
      stderr: '',
    });
    kill('SIGTERM');
    expect(await until(/info {2}stopped\r\n/)).toMatch(/info {2}draining.* signal=SIGTERM\r\n/);
    expect(await ended).toBe(0);
  });

  it('what it says to try works for a directory of its own, with authentication, and its path is quoted', async () => {
    const home = await newDirectory();
    const dataDir = join(home, "it's a directory");
    const { rows } = await served(home, ['--auth'], { ARTIFACTA_DATA_DIR: dataDir });
    expect(rows).toMatchObject({ data: dataDir, access: expect.stringMatching(/^with credentials/) });
    expect(rows.try).toContain(`push`);
    expect(typed(rows.try!, home, home)).toMatchObject({ status: 0, stderr: '' });
    // It is in that store, and no other was made.
    const list = typed(`${launcher} ls first --data-dir "${dataDir}"`, home, home);
    expect(list.stdout).toContain('hello.txt');
    expect(typed('ls -a .local/share', home, home).stdout).not.toContain('artifacta');
  });

  it('what it says to try works where only the socket is elsewhere', async () => {
    const home = await newDirectory();
    await mkdir(join(home, 'run'));
    const socket = join(home, 'run', 'own', 'sock');
    const { rows } = await served(home, [
      '--socket',
      socket,
      '--grpc-listen',
      'none',
      '--http-listen',
      'none',
    ]);
    expect(rows).toMatchObject({ socket, access: 'this user, without credentials' });
    expect(rows).not.toHaveProperty('gRPC');
    expect(typed(rows.try!, home, home)).toMatchObject({ status: 0, stderr: '' });
  });

  it('has colors where the terminal has them', async () => {
    const home = await newDirectory();
    const { shown } = await served(home, ['--log-level', 'debug']);
    expect(shown).toContain('\u001b[2m');
  });

  it('logs JSON, and nothing else, where it is told so', async () => {
    const home = await newDirectory();
    const words = [launcher, 'serve', ...anyPort, '--log-format', 'json'];
    const terminal = onTerminal(words, { env: environment(home), cwd: home });
    const shown = await terminal.until('"msg":"ready"');
    const lines = shown.split('\r\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
    terminal.kill('SIGTERM');
    expect(await terminal.ended).toBe(0);
  });

  it('with the reaper, which logs for people, too', async () => {
    const home = await newDirectory();
    const { until, kill, ended } = await served(home, ['--with-reaper'], { NO_COLOR: '1' });
    expect(await until(/info {2}reaping .*\r\n/)).not.toMatch(/^\{/m);
    kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('elsewhere', { timeout: 60_000 }, () => {
  it('text that is asked for has no colors, and no greeting', async () => {
    const home = await newDirectory();
    const dataDir = join(home, 'data');
    const ran = spawnSync(launcher, ['reap', '--once', '--data-dir', dataDir, '--log-format', 'text'], {
      env: environment(home),
      encoding: 'utf8',
    });
    expect(ran.stdout).toMatch(/^\d\d:\d\d:\d\dZ warn {2}the service does not answer: .* socket=\S+\n/);
    expect(ran.stdout).not.toContain('\u001b');
    expect(ran.stdout).not.toContain('is ready');
  });
});
