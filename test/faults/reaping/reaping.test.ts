/**
 * Processes that are killed with SIGKILL between the steps of deleting a session, sealing one that has lapsed, and
 * reaping: on a real disk, each time from the same beginning. Whoever comes next tells the same and finishes the work.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Step } from '../../../src/store/rows/steps.ts';
import { day, hour } from '../../lifecycle/rig.ts';
import { copyDirectory, removeDirectory } from '../../support/directories.ts';
import { startOfTime } from '../../support/door.ts';
import { inspect } from '../at-rest.ts';

const child = join(import.meta.dirname, 'reap-child.ts');
const later = startOfTime + day + hour;

/** Each, and the how-manieth passing of it. */
const kills: readonly (readonly [Step, number])[] = [
  ['session.deleted', 1],
  ['seal.fenced', 1],
  ['seal.sealed', 1],
  ['reap.lapsed', 1],
  ['reap.artifacts', 1],
  ['reap.artifacts', 3],
  ['reap.emptied', 1],
  ['reap.emptied', 2],
  ['reap.session', 1],
  ['reap.session', 2],
  ['reap.others', 1],
];

it('a kill at any step of ending things loses nothing and leaves nothing', { timeout: 600_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-reaping-'));
  onTestFinished(() => removeDirectory(home));
  const run = (dataDir: string, what: string, now: number, step = '', occurrence = 1) => {
    const args = [child, dataDir, what, String(now), step, String(occurrence)];
    const { signal, status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([what, step, stderr, signal === null ? status : 0]).toEqual([what, step, '', 0]);
    return { signal, stdout };
  };
  const filled = join(home, 'filled');
  run(filled, 'fill', startOfTime);
  const whole = join(home, 'whole');
  copyDirectory(filled, whole);
  run(whole, 'reap', later);
  const expected = run(whole, 'tell', later).stdout;
  expect(JSON.parse(expected)).toMatchObject({
    small: ['SESSION_NOT_FOUND', 'SESSION_NOT_FOUND', 'SESSION_GONE'],
  });
  for (const [step, occurrence] of kills) {
    const name = `${step}-${occurrence}`;
    const dataDir = join(home, name);
    copyDirectory(filled, dataDir);
    expect([name, run(dataDir, 'reap', later, step, occurrence).signal]).toEqual([name, 'SIGKILL']);
    expect([name, run(dataDir, 'tell', later).stdout]).toEqual([name, expected]);
    run(dataDir, 'reap', later);
    expect([name, run(dataDir, 'tell', later).stdout]).toEqual([name, expected]);
    expect([name, (await inspect(dataDir)).faults]).toEqual([name, []]);
    removeDirectory(dataDir);
  }
});
