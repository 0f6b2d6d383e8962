import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { After } from '../../src/domain/timer.ts';
import { markIntervalMs, openMark } from '../../src/index/mark.ts';
import { openLevelRig } from './rigs.ts';
import { increment, ManualTimer, turns, watch } from './support.ts';

async function markPath(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-mark-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return join(root, 'made', 'mark');
}

const silent = () => undefined;

/** Waits for a write that is under way: the disk takes the time it takes. */
async function eventually(path: string, content: string): Promise<void> {
  while ((await readFile(path, 'utf8').catch(() => '')) !== content) await turns(1);
}

test('it is zero at first, and what was noted last after closing', async () => {
  const path = await markPath();
  const mark = await openMark({ path, after: new ManualTimer().after, warn: silent });
  expect(mark.seq).toBe(0);
  mark.note(1);
  mark.note(7);
  await mark.close();
  expect((await openMark({ path, after: new ManualTimer().after, warn: silent })).seq).toBe(7);
  expect(await readdir(dirname(path))).toEqual(['mark']);
});

test('it is written once an interval, however much is noted', async () => {
  const path = await markPath();
  const delays: number[] = [];
  const timer = new ManualTimer();
  const after: After = (delayMs, task) => {
    delays.push(delayMs);
    return timer.after(delayMs, task);
  };
  const mark = await openMark({ path, after, warn: silent });
  for (let seq = 1; seq <= 50; seq++) mark.note(seq);
  expect(timer.pending).toBe(1);
  await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
  timer.fire();
  mark.note(51);
  await eventually(path, '50\n');
  while (timer.pending === 0) await turns(1);
  timer.fire();
  await eventually(path, '51\n');
  expect(delays).toEqual([markIntervalMs, markIntervalMs]);
  await mark.close();
});

test.each(['', '12', 'x\n', '-1\n', '1.5\n', '99999999999999999\n'])(
  'a damaged mark %j is DATA_LOSS',
  async (content) => {
    const path = await markPath();
    await mkdir(dirname(path));
    await writeFile(path, content);
    await expect(openMark({ path, after: new ManualTimer().after, warn: silent })).rejects.toMatchObject({
      reason: 'DATA_LOSS',
    });
  },
);

test('a mark that cannot be written is a warning, and is tried again with the next commit', async () => {
  const path = await markPath();
  const warnings: string[] = [];
  const timer = new ManualTimer();
  const mark = await openMark({ path, after: timer.after, warn: (message) => warnings.push(message) });
  await mkdir(`${path}.tmp`);
  mark.note(1);
  timer.fire();
  while (warnings.length === 0) await turns(1);
  await turns();
  expect(timer.pending).toBe(0);
  await rmdir(`${path}.tmp`);
  mark.note(2);
  timer.fire();
  await eventually(path, '2\n');
  await mark.close();
  expect(warnings).toHaveLength(1);
});

test('the engine notes a commit when its batch is durable, not before', async () => {
  await using rig = await openLevelRig();
  const stalled = rig.faults.stall();
  const writer = watch(increment(rig.index, 'a'));
  await stalled;
  expect(rig.timer.pending).toBe(0);
  rig.faults.release();
  await writer.settled;
  expect(rig.timer.pending).toBe(1);
});
