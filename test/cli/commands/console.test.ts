/** `artifacta console`, against services with and without credentials, and with a browser that only notes what it opens. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startServe } from '../../e2e/serve-process.ts';
import { Home } from '../program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
  onTestFinished(() => home[Symbol.asyncDispose]());
});

const fragment = /^(http:\/\/127\.0\.0\.1:\d+\/)#token=(arc_[\w.-]+)$/;

/** Makes a program that stands for a browser's opener: it copies the page that it is to open. */
async function browser(exitCode: number): Promise<Record<string, string>> {
  await mkdir(home.at('bin'), { recursive: true });
  const script = `#!/bin/sh\nprintf %s "$1" > "${home.at('opened')}"\ncp "\${1#file://}" "${home.at('page')}"\nexit ${exitCode}\n`;
  for (const name of ['xdg-open', 'open']) {
    await writeFile(home.at('bin', name), script);
    await chmod(home.at('bin', name), 0o755);
  }
  return { PATH: `${home.at('bin')}:${process.env.PATH}` };
}

describe('artifacta console', { timeout: 90_000 }, () => {
  it('prints a URL with a token that has the rights of its minter, and no more', async () => {
    const dataDir = home.at('served');
    const server = startServe(dataDir, ['--auth']);
    const { http } = await server.ready;
    const operate = (...args: string[]) => home.run([...args, '--data-dir', dataDir]);
    const [, place, token = ''] = fragment.exec((await operate('console', '--print')).stdout.trim())!;
    expect(place).toBe(`http://${http}/`);
    const as = (secret: string, ...args: string[]) =>
      home.run([...args, '--url', `http://${http}`], { ARTIFACTA_TOKEN: secret });
    expect((await as(token, 'session', 'open', 's')).code).toBe(0);
    expect((await as(token, 'share', 'ls')).code).toBe(0);
    const key = (await operate('keys', 'create', '--scope', 'read')).stdout.trim();
    const [, , less = ''] = fragment.exec((await as(key, 'console', '--print')).stdout.trim())!;
    expect((await as(less, 'ls')).code).toBe(0);
    expect((await as(less, 'session', 'open', 't')).stderr).toContain('PERMISSION_DENIED');
    const [, , reading = ''] = fragment.exec(
      (await operate('console', '--read-only', '--print')).stdout.trim(),
    )!;
    expect((await as(reading, 'session', 'open', 't')).stderr).toContain('PERMISSION_DENIED');
    expect((await operate('console', '--ttl', '25h')).code).toBe(2);
  });

  it('opens the browser with a page that only this user can read, and leaves nothing of it', async () => {
    const dataDir = home.at('served');
    const server = startServe(dataDir, ['--auth', '--public-url', 'https://artifacts.example.org']);
    await server.ready;
    const found = await browser(0);
    const { code, stdout, stderr } = await home.runProcess(['console', '--data-dir', dataDir], found);
    expect([code, stdout]).toEqual([0, 'https://artifacts.example.org/\n']);
    expect(stderr).toContain('opened in the browser');
    expect(await readFile(home.at('page'), 'utf8')).toMatch(
      /content="0;url=https:\/\/artifacts\.example\.org\/#token=arc_/,
    );
    const opened = (await readFile(home.at('opened'), 'utf8')).replace('file://', '');
    await expect(readFile(opened)).rejects.toThrow(/ENOENT/);
  });

  it('prints the URL where no browser starts, without a token where none is required', async () => {
    const dataDir = home.at('served');
    const server = startServe(dataDir, []);
    const { http } = await server.ready;
    const { code, stdout, stderr } = await home.runProcess(
      ['console', '--data-dir', dataDir],
      await browser(1),
    );
    expect([code, stdout]).toEqual([0, `http://${http}/\n`]);
    expect(stderr).toContain('no browser could be started');
  });

  it('says why no console exists', async () => {
    const dataDir = home.at('served');
    const alone = await home.run(['console', '--data-dir', dataDir]);
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining('start "artifacta serve"')]);
    const server = startServe(dataDir, ['--no-console']);
    await server.ready;
    const without = await home.run(['console', '--data-dir', dataDir]);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('--no-console')]);
  });
});
