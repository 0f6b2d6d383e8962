/** The files of this machine that tools read and write: those below the allowed directories. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { openServed } from './support.ts';

async function openRoom() {
  const directory = await newDirectory();
  const at = (...names: string[]) => join(directory, ...names);
  for (const name of ['allowed', 'allowed/within', 'other', 'parent', 'parent/data']) mkdirSync(at(name));
  writeFileSync(at('other/secret.txt'), 'secret');
  writeFileSync(at('allowed/within/a.txt'), 'a');
  const { agent, client } = await openServed('2026', {
    allowedPaths: [at('allowed'), at('parent')],
    own: at('parent/data'),
  });
  return { at, agent, client };
}

describe('push of a path', () => {
  it('takes files below an allowed directory, under their path there', async () => {
    const { at, agent } = await openRoom();
    expect((await agent.call('push', { path: 'within/a.txt' })).artifact.name).toBe('within/a.txt');
    expect((await agent.call('push', { path: at('allowed/within/a.txt') })).effect).toBe('unchanged');
    expect((await agent.call('push', { path: 'within/../within/a.txt', name: 'b' })).artifact.name).toBe('b');
  });

  it('follows links that stay below an allowed directory, and no others', async () => {
    const { at, agent } = await openRoom();
    symlinkSync(at('allowed/within'), at('allowed/inner'));
    symlinkSync(at('other'), at('allowed/outer'));
    symlinkSync(at('other/secret.txt'), at('allowed/link.txt'));
    expect((await agent.call('push', { path: 'inner/a.txt' })).artifact.name).toBe('within/a.txt');
    for (const path of [
      'outer/secret.txt',
      'link.txt',
      '../other/secret.txt',
      at('other/secret.txt'),
      '/etc/passwd',
    ])
      expect(await agent.refused('push', { path })).toMatch(
        /^path: must lead to a file below an allowed directory/,
      );
  });

  it('does not tell what exists elsewhere', async () => {
    const { agent } = await openRoom();
    const there = await agent.refused('push', { path: '../other/secret.txt' });
    const absent = await agent.refused('push', { path: '../other/absent.txt' });
    expect(absent).toBe(there.replace('secret.txt', 'absent.txt'));
  });

  it.each([
    ['a pipe', 'pipe', /^path: must be a regular file, not a pipe$/],
    ['a directory', 'within', /^path: must be a regular file, not a directory$/],
    ['nothing', 'absent', /^path: must be a file that exists, not absent$/],
    ['an empty path', '', /^path: must be the path of a file$/],
    ['a NUL', 'a\0b', /^path: must be the path of a file$/],
    ['the directory itself', '.', /^path: must lead to a file below/],
  ])('refuses %s', async (_what, path, expected) => {
    const { at, agent } = await openRoom();
    execFileSync('mkfifo', [at('allowed/pipe')]);
    expect(await agent.refused('push', { path })).toMatch(expected);
  });

  it('refuses the data directory', async () => {
    const { at, agent } = await openRoom();
    writeFileSync(at('parent/data/CURRENT'), 'x');
    expect(await agent.refused('push', { path: at('parent/data/CURRENT') })).toBe(
      `path: must not be in the data directory ${at('parent/data')}`,
    );
    const { artifact } = await agent.call('push', { text: 'a', name: 'a' });
    expect(await agent.refused('pull', { artifact: artifact.id, to: at('parent/data/a') })).toBe(
      `to: must not be in the data directory ${at('parent/data')}`,
    );
    expect(existsSync(at('parent/data/a'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')('refuses files of the kernel and devices', async () => {
    const { agent } = await openServed('2026', { allowedPaths: ['/'] });
    expect(await agent.refused('push', { path: '/proc/self/environ' })).toMatch(
      /^path: must be a file of a user, not of the kernel/,
    );
    expect(await agent.refused('push', { path: '/sys/kernel/mm/transparent_hugepage/enabled' })).toMatch(
      /^path: must be/,
    );
    expect(await agent.refused('push', { path: '/dev/zero' })).toBe(
      'path: must be a regular file, not a device or a socket',
    );
  });

  it('refuses a file that grows while it is sent', async () => {
    const { at, agent, client } = await openRoom();
    writeFileSync(at('allowed/log'), Buffer.alloc(3 * 1024 * 1024, 'x'));
    const push = client.push.bind(client);
    // The file grows after it was looked at, before it is read.
    client.push = async (content, options) => {
      appendFileSync(at('allowed/log'), 'more');
      return await push(content, options);
    };
    expect(await agent.refused('push', { path: 'log' })).toMatch(
      /^path: changed while it was pushed: it had 3145728/,
    );
    expect((await agent.call('query')).artifacts).toEqual([]);
  });

  it('takes nothing from another directory in the place of an allowed one', async () => {
    const { at, agent } = await openRoom();
    renameSync(at('allowed'), at('moved'));
    symlinkSync(at('other'), at('allowed'));
    expect(await agent.refused('push', { path: at('allowed/secret.txt') })).toMatch(/^path: /);
    mkdirSync(at('third'));
    expect((await agent.call('query')).artifacts).toEqual([]);
  });

  it('is refused where no directory is allowed, with what to do', async () => {
    const { agent } = await openServed('2026');
    expect(await agent.refused('push', { path: '/etc/passwd' })).toMatch(
      /^path: must be left out: .*--allow-path/,
    );
  });
});

describe('pull', () => {
  it('writes to a file, into a directory, and into new directories', async () => {
    const { at, agent } = await openRoom();
    const { artifact } = await agent.call('push', { text: 'hello', name: 'x/note.txt' });
    const pull = (to: string) => agent.call('pull', { artifact: artifact.id, to });
    expect(await pull('b.txt')).toMatchObject({ path: at('allowed/b.txt'), effect: 'new' });
    expect(await pull('b.txt')).toMatchObject({ effect: 'unchanged' });
    expect(await pull('within')).toMatchObject({ path: at('allowed/within/note.txt') });
    expect(await pull('new/dir/')).toMatchObject({ path: at('allowed/new/dir/note.txt') });
    expect(await pull('within/a.txt')).toMatchObject({ effect: 'replaced' });
    expect(readFileSync(at('allowed/within/a.txt'), 'utf8')).toBe('hello');
  });

  it('writes nothing elsewhere', async () => {
    const { at, agent } = await openRoom();
    symlinkSync(at('other'), at('allowed/outer'));
    symlinkSync(at('other/secret.txt'), at('allowed/link.txt'));
    symlinkSync(at('other/new.txt'), at('allowed/dangling'));
    const { artifact } = await agent.call('push', { text: 'hello', name: 'note.txt' });
    for (const to of ['outer/x', 'outer', '../other/x', at('other'), '/tmp', '../other/new/deep'])
      expect(await agent.refused('pull', { artifact: artifact.id, to })).toMatch(
        /^to: must lead to a file below/,
      );
    for (const to of ['link.txt', 'dangling'])
      expect(await agent.refused('pull', { artifact: artifact.id, to })).toMatch(/symbolic link/);
    expect(readFileSync(at('other/secret.txt'), 'utf8')).toBe('secret');
    expect(existsSync(at('other/new.txt')) || existsSync(at('other/x'))).toBe(false);
    expect(lstatSync(at('allowed/link.txt')).isSymbolicLink()).toBe(true);
  });
});

describe('record_file', () => {
  it('stores what was written, and leaves secrets alone', async () => {
    const { at, agent } = await openRoom();
    const path = at('allowed/within/a.txt');
    expect(await agent.call('record_file', { path })).toMatchObject({
      recorded: true,
      effect: 'new',
      artifact: { name: 'within/a.txt' },
    });
    writeFileSync(path, 'b');
    expect(await agent.call('record_file', { path })).toMatchObject({ recorded: true, effect: 'version' });
    writeFileSync(at('allowed/key.pem'), 'x');
    expect(await agent.call('record_file', { path: 'key.pem' })).toEqual({
      recorded: false,
      reason: 'its name looks like that of a secret',
    });
    expect(await agent.call('record_file', { path: at('other/secret.txt') })).toEqual({
      recorded: false,
      reason: expect.stringMatching(/^path: must lead/),
    });
    expect(await agent.call('record_file', { path: at('allowed/gone.txt') })).toEqual({
      recorded: false,
      reason: expect.stringMatching(/^path: must be a file that exists/),
    });
    const { agent: without } = await openServed('2026');
    expect(await without.refused('record_file', { path })).toMatch(/--allow-path/);
  });
});
