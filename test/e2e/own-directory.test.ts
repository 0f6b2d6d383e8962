/**
 * What lies in the data directory is never opened for a command. Locks belong to the process: one that opens and closes
 * the file of its own lock has lost it, and whoever comes next writes the same index.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { artifacta, artifactaAt } from '../support/in-process.ts';
import { launcher, startServe } from './serve-process.ts';

/** Their lines fill what a pipe holds and what Node reads ahead, so that a push of them stands until it is read. */
const filesMany = 150;
const longLine = ['a', 'b', 'c'].flatMap((key) => ['--meta', `${key}=${'x'.repeat(1_000)}`]);

interface Tree {
  readonly root: string;
  readonly dataDir: string;
}

/** A tree of files that holds a store, which a walk comes to first. */
async function treeWithStore(files: number): Promise<Tree> {
  const root = join(await newDirectory(), 'tree');
  const dataDir = join(root, '0store');
  await mkdir(root);
  await artifacta('session', 'ls', '--data-dir', dataDir);
  await mkdir(join(root, 'files'));
  for (let file = 0; file < files; file++) await writeFile(join(root, 'files', `f${file}`), `${file}`);
  return { root, dataDir };
}

/** A push that has passed the store and stands until its output is read. */
async function standing(args: readonly string[], cwd: string) {
  const child = spawn(launcher, [...args, ...longLine, '--session', 'run', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd,
  });
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    child.stdout.resume();
    await ended;
  });
  // Reads ahead, and no further.
  child.stdout.read(0);
  await expect.poll(() => child.stdout.readableLength, { timeout: 15_000 }).toBeGreaterThan(0);
  return child;
}

/** What a service answers that is not told of the socket and does not wait. */
async function serveBeside(dataDir: string, elsewhere: string): Promise<string> {
  const second = startServe(dataDir, ['--socket', join(elsewhere, 'sock'), '--lock-wait-seconds', '0']);
  await Promise.race([second.ready.catch(() => undefined), second.ended]);
  return second.stderr();
}

describe('a push of a tree that holds the store', () => {
  const ways: readonly (readonly [string, (tree: Tree) => Promise<readonly string[]>])[] = [
    ['by a relative path', async () => ['push', '.', '--data-dir', './0store']],
    ['by an absolute path', async ({ root, dataDir }) => ['push', root, '--data-dir', dataDir]],
    [
      'through a symbolic link',
      async ({ root, dataDir }) => {
        await symlink(root, join(root, '..', 'link'));
        return ['push', '../link', '--data-dir', dataDir];
      },
    ],
    [
      'with a symbolic link to a lock',
      async ({ root, dataDir }) => {
        await symlink(join(dataDir, 'index', 'LOCK'), join(root, '0lock'));
        return ['push', '.', '--data-dir', '0store'];
      },
    ],
    [
      'with a hard link to a lock',
      async ({ root, dataDir }) => {
        await link(join(dataDir, 'index', 'LOCK'), join(root, '0lock'));
        await link(join(dataDir, 'lock', 'LOCK'), join(root, '0lock-2'));
        return ['push', '.', '--data-dir', '0store'];
      },
    ],
  ];

  it.each(ways)('%s keeps both locks', async (_name, way) => {
    const tree = await treeWithStore(filesMany);
    const child = await standing(await way(tree), tree.root);
    expect(await serveBeside(tree.dataDir, await newDirectory())).toContain(
      'another process has the data directory open',
    );
    expect(child.exitCode).toBeNull();
  });

  it('leaves the store out, says so once, and stores all else', async () => {
    const { root, dataDir } = await treeWithStore(3);
    await link(join(dataDir, 'index', 'LOCK'), join(root, 'files', 'lock'));
    const { code, stderr } = await artifactaAt({ cwd: root, env: process.env }, [
      ...['push', '.', '--session', 'run', '--data-dir', '0store'],
    ]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr:
        'artifacta: 0store was skipped: it is the data directory\n' +
        'artifacta: files/lock was skipped: it is in the data directory\n' +
        'artifacta: 2 were left out: 2 that belong to the data directory\n',
    });
    const listed = await artifacta('ls', 'run', '--json', '--data-dir', dataDir);
    expect(listed.stdout.match(/"name":"[^"]*"/g)?.sort()).toEqual(
      ['f0', 'f1', 'f2'].map((name) => `"name":"files/${name}"`),
    );
  });

  it('loses nothing that it has acknowledged to a service that is started meanwhile', async () => {
    const { root, dataDir } = await treeWithStore(filesMany);
    const child = await standing(['push', '.', '--data-dir', '0store'], root);
    await serveBeside(dataDir, await newDirectory());
    const acknowledged = (await text(child.stdout)).match(/"art_[^"]*"/g);
    expect(acknowledged).toHaveLength(filesMany);
    const after = await artifacta('ls', 'run', '--json', '--data-dir', dataDir);
    expect(after.code).toBe(0);
    expect(new Set(after.stdout.match(/"art_[^"]*"/g))).toEqual(new Set(acknowledged));
  });
});

describe('what lies in the data directory', () => {
  it('is pushed, shared, imported and shown as credentials by no spelling', async () => {
    const { root, dataDir } = await treeWithStore(1);
    await symlink(dataDir, join(root, 'link'));
    await symlink(join(dataDir, 'index.mark'), join(root, 'mark'));
    await link(join(dataDir, 'lock', 'LOCK'), join(root, 'lock'));
    const at = ['--data-dir', dataDir];
    const lines = [
      ['push', '0store/index/LOCK'],
      ['push', '0store/index'],
      ['push', 'files/../0store/index.mark'],
      ['push', 'link/index/LOCK'],
      ['push', 'link'],
      ['push', 'mark'],
      ['push', 'lock'],
      ['share', './mark'],
      ['import', 'link/index/LOCK'],
      ['ls', '--token-file', 'mark', '--url', 'grpc://127.0.0.1:1'],
    ];
    for (const line of lines) {
      const { code, stderr } = await artifactaAt({ cwd: root, env: process.env }, [...line, ...at]);
      expect({ line, code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('must not be in the data directory'),
      });
    }
  });

  it('is where nothing is pulled and exported to', async () => {
    const { root, dataDir } = await treeWithStore(1);
    await symlink(dataDir, join(root, 'link'));
    const at = ['--data-dir', dataDir];
    await artifactaAt({ cwd: root, env: process.env }, [
      ...['push', 'files/f0', '--session', 's', '--name', 'link/x', ...at],
    ]);
    await artifacta('push', launcher, '--session', 's', '--name', '0store/index/x', ...at);
    const before = await readdir(dataDir, { recursive: true });
    const lines = [
      ['pull', 's/0store/index/x', '--to', '0store'],
      ['pull', 's/0store/index/x', '--to', 'link/index/LOCK', '--force'],
      ['pull', 's', '--to', '0store/new'],
      ['pull', 's', '--to', 'link/index'],
      ['export', '0store/backup'],
      ['export', 'link/index/CURRENT', '--force'],
    ];
    for (const line of lines) {
      const { code, stderr } = await artifactaAt({ cwd: root, env: process.env }, [...line, ...at]);
      expect({ line, code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('must not be in the data directory'),
      });
    }
    // A name leads into it.
    const named = await artifactaAt({ cwd: root, env: process.env }, ['pull', 's', '--to', '.', ...at]);
    expect(named.code).toBe(1);
    expect(named.stderr).toContain('0store/index/x: must not be in the data directory');
    const names = (all: readonly string[]) =>
      all.filter((name) => !/^(index|lock)\/(\d|LOG|MANIFEST)/.test(name));
    expect(names(await readdir(dataDir, { recursive: true })).sort()).toEqual(names(before).sort());
  });

  it('is no certificate, no settings and no place of exports of a service', async () => {
    const { dataDir } = await treeWithStore(1);
    const mark = join(dataDir, 'index.mark');
    for (const flags of [
      ['--auth-config', mark],
      ['--tls-cert', mark, '--tls-key', mark],
      ['--export-dir', join(dataDir, 'index')],
    ]) {
      const server = startServe(dataDir, flags);
      expect([flags, await server.ended]).toEqual([flags, 2]);
      expect(server.stderr()).toContain('must not be in the data directory');
    }
    expect(await readFile(mark, 'utf8')).toMatch(/^\d+\n$/);
  });
});

it('a service asks the socket before it touches the index', async () => {
  const { dataDir } = await treeWithStore(1);
  const first = startServe(dataDir);
  const { socket } = await first.ready;
  const logBefore = await readFile(join(dataDir, 'index', 'LOG'), 'utf8');
  const second = startServe(dataDir, ['--lock-wait-seconds', '0']);
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toBe(
    `artifacta: another process has the data directory open: ${dataDir}; it answers on ${String(socket)}. ` +
      'Use that service, stop it, or give --data-dir another directory\n',
  );
  // An attempt to open a database moves its log aside.
  expect(await readFile(join(dataDir, 'index', 'LOG'), 'utf8')).toBe(logBefore);
});
