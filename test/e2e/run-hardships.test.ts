/** `artifacta run` where nothing can be written, with a full disk, and as the first process of its own world. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SmallDisk, whyNoSmallDisk } from '../faults/disk/small-disk.ts';
import { runPlace } from './run-rig.ts';
import { launcher } from './serve-process.ts';

const noDisk = whyNoSmallDisk();
if (noDisk !== undefined) console.warn(`skipped, full and read-only disks: ${noDisk}`);

const inNamespace = ['--pid', '--fork', '--mount-proc'];
const isFirst = spawnSync('unshare', [...inNamespace, 'true']).status === 0;
if (!isFirst) console.warn('skipped, process 1: unshare may make no process namespace here');

function mounted(path: string, bytes: number): SmallDisk {
  const disk = new SmallDisk(path, bytes);
  onTestFinished(() => disk[Symbol.dispose]());
  return disk;
}

it.skipIf(noDisk !== undefined)('runs in a read-only directory', { timeout: 30_000 }, async () => {
  const place = await runPlace();
  const disk = mounted(place.directory, 1024 * 1024);
  await writeFile(join(disk.path, 'input.txt'), 'input');
  expect(disk.makeReadOnly()).toBe(true);
  const script = 'cat input.txt; echo x > output.txt || exit 3';
  const { code, stdout } = await place.run('--session', 's', '--', 'sh', '-c', script).ended;
  expect({ code, stdout }).toEqual({ code: 3, stdout: 'input' });
  expect(await place.names('s')).toEqual(['.run/result.json', '.run/stderr', '.run/stdout']);
  expect(await place.content('s/.run/stderr')).toMatch(/read-only/i);
  expect(await place.session('s')).toMatchObject({ outcome: 'failed', labels: { exit_code: '3' } });
});

it.skipIf(noDisk !== undefined)(
  'stores what a command left on a full disk',
  { timeout: 30_000 },
  async () => {
    const place = await runPlace();
    const bytes = 1024 * 1024;
    mounted(place.directory, bytes);
    const script = `head -c ${2 * bytes} /dev/zero > big || echo full`;
    const { code, stdout } = await place.run('--session', 's', '--', 'sh', '-c', script).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'full\n' });
    expect(await place.names('s')).toEqual(['.run/result.json', '.run/stderr', '.run/stdout', 'big']);
    expect((await place.content('s/big')).length).toBe(bytes);
  },
);

it.skipIf(noDisk !== undefined)(
  'keeps the exit code if the disk of the store fills up meanwhile, and says what was not stored',
  { timeout: 60_000 },
  async () => {
    const place = await runPlace();
    const disk = mounted(place.dataDir, 64 * 1024 * 1024);
    const script = 'mkfifo gate; echo begun; read -r go < gate; echo ended; echo x > made.txt; exit 5';
    const running = place.run('--session', 's', '--', 'sh', '-c', script);
    await expect.poll(() => running.stdout(), { timeout: 15_000 }).toBe('begun\n');
    disk.fill(0);
    await writeFile(join(place.directory, 'gate'), 'go\n');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 5, stdout: 'begun\nended\n' });
    expect(stderr).toMatch(/made\.txt.*(STORAGE_FULL|no space|space)/i);
    disk.free();
    // It is sealed if there was room for that; else its lease ends it.
    const { state, outcome } = await place.session('s');
    expect(['open null', 'sealed failed']).toContain(`${state} ${outcome ?? null}`);
  },
);

it.skipIf(!isFirst)(
  'is process 1, and passes on signals that such a process ignores',
  { timeout: 30_000 },
  async () => {
    const place = await runPlace();
    const orphan = "sh -c 'echo orphan > orphan.txt &'; until [ -s orphan.txt ]; do sleep 0.05; done";
    const script = `trap "echo caught; exit 9" TERM; ${orphan}; echo ready; while :; do sleep 0.05; done`;
    const args = ['run', '--session', 's', '--data-dir', place.dataDir, '--', 'sh', '-c', script];
    const child = spawn('unshare', [...inNamespace, launcher, ...args], {
      cwd: place.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close');
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    await expect.poll(() => stdout, { timeout: 15_000 }).toBe('ready\n');
    // unshare has one child, the first process of the new namespace.
    const { stdout: pids } = spawnSync('ps', ['--ppid', String(child.pid), '-o', 'pid=']);
    process.kill(Number(String(pids).trim()), 'SIGTERM');
    expect(await ended).toEqual([9, null]);
    expect(stdout).toBe('ready\ncaught\n');
    expect(await place.names('s')).toEqual(['.run/result.json', '.run/stdout', 'orphan.txt']);
    expect(await place.session('s')).toMatchObject({ outcome: 'failed', labels: { exit_code: '9' } });
  },
);
