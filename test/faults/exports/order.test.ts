/** The order of system calls on which the durability of an export rests. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { removeDirectory } from '../../support/directories.ts';

const child = join(import.meta.dirname, 'export-child.ts');
const hasStrace = spawnSync('strace', ['-f', '-e', 'trace=none', 'true']).status === 0;
if (!hasStrace)
  console.warn('SKIPPED: the order of fsyncs is not tested, for strace is absent or may not trace');

const calls =
  'fsync,fdatasync,link,linkat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,pwrite64,pwritev,pwritev2,write,writev';

/** What is done below the directory of the exports and to it, those of one kind in a row only once. */
async function traced(home: string, name: string): Promise<string[]> {
  const log = join(home, `trace-${name}`);
  const trace = ['-f', '-qq', '-y', '-s', '0', '-o', log, '-e', `trace=${calls}`];
  const command = [...trace, process.execPath, child, join(home, 'data'), join(home, 'elsewhere'), '1', name];
  const run = spawnSync('strace', command, { encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  const steps: string[] = [];
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
    const paths = [...line.matchAll(/[<"]([^>"]+)[>"]/g)].map((match) => match[1]!);
    const below = paths.filter((path) => path === home || path.startsWith(join(home, 'elsewhere')));
    if (call === undefined || below.length === 0) continue;
    const kind = call.replace(/^p?write.*/, 'write').replace(/at2?$/, '');
    const shown = below.map((path) =>
      path
        .replace(home, '')
        .replace(/\d{4}-\d\d-\d\dT[\d-]+Z/, 'TIME')
        .replace(/[0-9a-f]{12}\.[0-9a-f]{32}/, 'OWNER'),
    );
    const step = `${kind} ${shown.join(' ')}`;
    if (step !== steps.at(-1)) steps.push(step);
  }
  return steps;
}

it('an export is durable, then named, then its name is durable, and only then the old one goes', {
  skip: !hasStrace,
  timeout: 60_000,
}, async () => {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-order-'));
  onTestFinished(() => removeDirectory(home));
  const directory = '/elsewhere/exports';
  const partial = `${directory}/.TIME.index.OWNER.part`;
  const written = [
    `write ${partial}`,
    `fsync ${partial}`,
    `link ${partial} ${directory}/TIME.index`,
    `fsync ${directory}`,
    `unlink ${partial}`,
  ];
  const first = await traced(home, 'a');
  expect(first.filter((step) => !step.startsWith('mkdir'))).toEqual([
    'fsync /elsewhere',
    'fsync ',
    ...written,
  ]);
  const second = await traced(home, 'b');
  expect(second.filter((step) => !step.startsWith('mkdir'))).toEqual([
    'fsync /elsewhere',
    ...written,
    `unlink ${directory}/TIME.index`,
  ]);
});
