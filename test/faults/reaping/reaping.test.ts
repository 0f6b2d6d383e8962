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
import { startOfTime } from '../../support/service.ts';
import { inspect } from '../at-rest.ts';
import { workOn } from './work.ts';

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
  const killed = (dataDir: string, step: string, occurrence: number) => {
    const args = [child, dataDir, String(later), step, String(occurrence)];
    const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([step, stderr, signal]).toEqual([step, '', 'SIGKILL']);
  };
  const filled = join(home, 'filled');
  await workOn(filled, 'fill', startOfTime);
  const whole = join(home, 'whole');
  copyDirectory(filled, whole);
  await workOn(whole, 'reap', later);
  const expected = await workOn(whole, 'tell', later);
  expect(expected).toMatchObject({ small: ['SESSION_NOT_FOUND', 'SESSION_NOT_FOUND', 'SESSION_GONE'] });
  for (const [step, occurrence] of kills) {
    const name = `${step}-${occurrence}`;
    const dataDir = join(home, name);
    copyDirectory(filled, dataDir);
    killed(dataDir, step, occurrence);
    expect([name, await workOn(dataDir, 'tell', later)]).toEqual([name, expected]);
    await workOn(dataDir, 'reap', later);
    expect([name, await workOn(dataDir, 'tell', later)]).toEqual([name, expected]);
    expect([name, (await inspect(dataDir)).faults]).toEqual([name, []]);
    removeDirectory(dataDir);
  }
});
