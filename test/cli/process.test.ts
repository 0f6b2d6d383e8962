/** The program as it is installed: real processes, a store on disk, sockets and pipes. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EndedProcess, ended, Home, program } from './program.ts';

let home: Home;

beforeEach(async () => {
  home = await Home.make();
});
afterEach(() => home[Symbol.asyncDispose]());

function artifacta(...args: string[]): Promise<EndedProcess> {
  return home.runProcess(args);
}

/** Resolves once it takes calls. */
async function serve(): Promise<{ child: ChildProcess; url: string }> {
  const listeners = [
    '--grpc-listen',
    '127.0.0.1:0',
    '--http-listen',
    '127.0.0.1:0',
    '--admin-listen',
    'none',
  ];
  const child = home.start(['serve', ...listeners]);
  child.stderr!.resume();
  for await (const line of createInterface({ input: child.stdout! })) {
    const record = JSON.parse(line) as { msg: string; grpc: string };
    if (record.msg !== 'ready') continue;
    child.stdout!.resume();
    return { child, url: `grpc://${record.grpc}` };
  }
  throw new Error('the server ended before it was ready');
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  await mkdir(home.at(name, '..'), { recursive: true });
  await writeFile(home.at(name), content);
  return home.at(name);
}

describe('a home that is the data directory', () => {
  /** As where nobody has named a directory for compiled code. */
  const bare = { NODE_COMPILE_CACHE: '' };

  it.each([
    ['a service, told by a flag', ['serve', '--data-dir', '.'], {}],
    ['a service, told by the environment', ['serve'], { ARTIFACTA_DATA_DIR: '.' }],
  ])('is taken by %s', async (_what, args, variables) => {
    const listeners = ['--grpc-listen', '127.0.0.1:0', '--http-listen', 'none', '--admin-listen', 'none'];
    const child = home.start([...args, ...listeners], { ...bare, ...variables });
    child.stdin!.end();
    const errors: string[] = [];
    child.stderr!.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    let isReady = false;
    for await (const line of createInterface({ input: child.stdout! })) {
      if (!line.includes('"msg":"ready"')) continue;
      isReady = true;
      child.kill('SIGTERM');
    }
    expect([isReady, errors.join('')]).toEqual([true, '']);
  });

  it('is taken by commands and left as it is by the reaper', async () => {
    const variables = { ...bare, ARTIFACTA_DATA_DIR: home.directory };
    await home.runProcess(['reap', '--once'], variables);
    expect(await readdir(home.directory)).toEqual([]);
    expect(await home.runProcess(['ls'], variables)).toMatchObject({ code: 0 });
    expect(await readdir(home.directory)).not.toContain('.cache');
  });

  it('has the cache where the data directory is elsewhere', async () => {
    expect(await home.runProcess(['ls'], bare)).toMatchObject({ code: 0 });
    expect(await readdir(home.directory)).toContain('.cache');
  });
});

describe('without a server', { timeout: 60_000 }, () => {
  it('stores and reads', async () => {
    const bytes = randomBytes(3_000_000);
    await file('output.bin', bytes);
    const pushed = await artifacta(
      'push',
      'output.bin',
      '--session',
      'run_42',
      '--meta',
      'a=1',
      'b=2',
      '--json',
    );
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(pushed.stdout)).toMatchObject({ version: 1, metadata: { a: '1', b: '2' } });
    const read = await artifacta('cat', 'run_42/output.bin');
    expect(read).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.compare(read.bytes, bytes)).toBe(0);
    expect(await artifacta('show', 'nobody')).toMatchObject({ code: 3 });
  });

  it('lets several push at once', async () => {
    for (const name of ['a', 'b', 'c']) await file(name, name);
    const all = await Promise.all(['a', 'b', 'c'].map((name) => artifacta('push', name, '--session', 'run')));
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']));
    expect((await artifacta('ls', 'run', '--quiet')).stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  it('ends in silence when its reader leaves', async () => {
    await file('large', randomBytes(8_000_000));
    await artifacta('push', 'large', '--session', 'run');
    const shell = home.spawn('/bin/bash', ['-c', `set -o pipefail; "${program}" cat run/large | head -c 10`]);
    expect(await ended(shell)).toMatchObject({ code: 0, stderr: '', bytes: { length: 10 } });
  });

  it('ends when it is interrupted, and stores nothing', async () => {
    const child = home.start(['push', '-', '--session', 'run', '--name', 'x']);
    child.stdin!.write('never ends');
    // The data directory exists once the command is at work.
    await expect
      .poll(() => stat(home.at('.local/share/artifacta/index')).then(Boolean, () => false), {
        timeout: 20_000,
      })
      .toBe(true);
    child.kill('SIGINT');
    expect(await ended(child)).toMatchObject({ code: 130, stderr: '' });
    expect(await artifacta('ls', 'run')).toMatchObject({ code: 3 });
  });
});

describe('streams that are closed', { timeout: 60_000 }, () => {
  /** As a shell runs it. */
  const inShell = (line: string) => ended(home.spawn('/bin/sh', ['-c', `"${program}" ${line}`]));
  const isClosed = (what: string) =>
    expect.stringMatching(new RegExp(`^artifacta: (-: )?${what}: it is closed\\n$`));

  it('are told where they are read', async () => {
    const said = isClosed('standard input cannot be read');
    for (const line of ['push --session s --name a', 'import -'])
      expect(await inShell(`${line} <&-`)).toMatchObject({ code: 1, stdout: '', stderr: said });
    expect(await inShell('push - --session s --name a </')).toMatchObject({
      code: 1,
      stderr: 'artifacta: -: standard input cannot be read: it is a directory\n',
    });
    // An empty content that somebody means.
    const empty = await inShell('push - --session s --name a --json </dev/null');
    expect(JSON.parse(empty.stdout)).toMatchObject({ version: 1, size_bytes: 0 });
  });

  it.each([
    ['serve --help'],
    ['serve --data-dir d -h'],
    ['reap --help'],
    ['reap -h'],
    ['--version'],
    ['push --help'],
    ['help serve'],
    ['help push'],
  ])('or full are told by what helps: %s', async (line) => {
    const closed = await inShell(`${line} >&-`);
    expect(closed).toMatchObject({ code: 1, stderr: isClosed('standard output cannot be written') });
    const full = 'artifacta: standard output cannot be written: the disk is full\n';
    expect(await inShell(`${line} >/dev/full`)).toMatchObject({ code: 1, stderr: full });
    // Whoever reads has what they want.
    expect(await inShell(`${line} | true`)).toMatchObject({ code: 0, stderr: '' });
    expect(await inShell(`${line} <&- 2>&-`)).toMatchObject({ code: 0, stdout: expect.stringMatching(/./) });
  });

  it('hear of the service and its sidecar by the word help, too', async () => {
    for (const name of ['serve', 'reap'])
      expect(await artifacta('help', name)).toEqual(await artifacta(name, '--help'));
  });

  it('are told where results go, and nothing depends on where remarks go', async () => {
    await file('a', 'a content');
    const said = isClosed('standard output cannot be written');
    for (const line of ['push a --session s', 'cat s/a', 'ls s --quiet', '--help'])
      expect({ line, ...(await inShell(`${line} >&-`)) }).toMatchObject({ line, code: 1, stderr: said });
    expect(await inShell('show s/nothing 2>&-')).toMatchObject({ code: 3, stdout: '' });
    expect(await inShell('cat s/a 2>&-')).toMatchObject({ code: 0, stdout: 'a content' });
    expect(await inShell('cat s/a <&- >&- 2>&-')).toMatchObject({ code: 1 });
  });
});

describe('with a server', { timeout: 60_000 }, () => {
  it('takes the socket by itself, and a URL if told', async () => {
    const { url } = await serve();
    await file('a.txt', 'by the socket');
    await file('b.txt', 'by TCP');
    expect(await artifacta('push', 'a.txt', '--session', 'run')).toMatchObject({ code: 0, stderr: '' });
    expect(await artifacta('push', 'b.txt', '--session', 'run', '--url', url)).toMatchObject({ code: 0 });
    const elsewhere = await artifacta('cat', 'run/a.txt', '--url', url);
    expect(elsewhere.stdout).toBe('by the socket');
    expect((await artifacta('cat', 'run/b.txt')).stdout).toBe('by TCP');
  });

  it('goes on alone when the server leaves in the middle', async () => {
    const { child: server } = await serve();
    for (let at = 0; at < 300; at++) await file(`many/${at}.txt`, `${at}`);
    const push = home.start(['push', 'many', '--session', 'run', '--json']);
    push.stdin!.end();
    push.stdout!.once('data', () => server.kill('SIGTERM'));
    const pushed = await ended(push);
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    await (server.exitCode ?? once(server, 'exit'));
    const listed = (await artifacta('ls', 'run', '--json')).stdout.trimEnd().split('\n');
    expect(listed).toHaveLength(300);
    expect(new Set(listed.map((line) => (JSON.parse(line) as { version: number }).version))).toEqual(
      new Set([1]),
    );
  });
});
