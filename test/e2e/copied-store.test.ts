/** A store that is opened elsewhere than before: copied, moved, restored. It is said, and stops nothing. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newDirectory } from '../support/command.ts';
import { copyDirectory } from '../support/directories.ts';
import { artifacta } from '../support/in-process.ts';
import { startServe } from './serve-process.ts';

const notice =
  /since [-\d]+T[:.\d]+Z the store has been in another directory than before: it was copied, moved or restored/;

async function store() {
  const directory = await newDirectory();
  const dataDir = join(directory, 'data');
  expect(await artifacta('session', 'ls', '--quiet', '--data-dir', dataDir)).toMatchObject({
    code: 0,
    stderr: '',
  });
  return { directory, dataDir };
}

it('a copy of a store says so when it is opened first, and for a week in its status; the store does not', async () => {
  const { directory, dataDir } = await store();
  const copy = join(directory, 'copy');
  copyDirectory(dataDir, copy);
  const first = await artifacta('session', 'ls', '--quiet', '--data-dir', copy);
  expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(notice) });
  expect(await artifacta('session', 'ls', '--quiet', '--data-dir', copy)).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect((await artifacta('fsck', '--data-dir', copy)).stdout).toMatch(notice);
  const json = (await artifacta('fsck', '--json', '--data-dir', copy)).stdout.trim().split('\n').at(-1)!;
  expect(JSON.parse(json).status.notice).toMatch(notice);
  const original = await artifacta('fsck', '--data-dir', dataDir);
  expect(original).toMatchObject({ code: 0, stdout: expect.not.stringMatching(notice), stderr: '' });
});

it('a service over a copy says so once', async () => {
  const { directory, dataDir } = await store();
  const copy = join(directory, 'copy');
  copyDirectory(dataDir, copy);
  const notices = [];
  for (let start = 0; start < 2; start++) {
    const server = startServe(copy);
    await server.ready;
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    notices.push(server.lines.filter(({ msg, level }) => level === 'warn' && notice.test(msg)).length);
  }
  expect(notices).toEqual([1, 0]);
});

it('a directory that has another name is the same', async () => {
  const { directory, dataDir } = await store();
  await rename(dataDir, join(directory, 'renamed'));
  const { code, stderr } = await artifacta(
    'session',
    'ls',
    '--quiet',
    '--data-dir',
    join(directory, 'renamed'),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('an export that is restored in its place says nothing, and elsewhere that it was', async () => {
  const { directory, dataDir } = await store();
  const file = join(directory, 'index.export');
  expect(await artifacta('export', file, '--data-dir', dataDir)).toMatchObject({ code: 0 });
  expect((await artifacta('import', file, '--replace', '--data-dir', dataDir)).stdout).not.toMatch(notice);
  const elsewhere = await artifacta('import', file, '--data-dir', join(directory, 'elsewhere'));
  expect(elsewhere).toMatchObject({ code: 0, stderr: expect.stringMatching(notice) });
});
