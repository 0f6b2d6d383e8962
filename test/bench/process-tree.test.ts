import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { treeCpuSeconds, treeOf, treeResidentBytes } from '../../bench/peers/process-tree.ts';

it('counts the processor time of children that run and of those that have ended', async () => {
  const busy = 'while (process.cpuUsage().user < 300_000);';
  // One child is busy and ends; then the other lives on until it is killed.
  const parent = spawn(
    'bash',
    [
      '-c',
      '"$0" -e "$1"; "$0" -e "setInterval(() => 0, 60_000)" & echo "$!"; wait "$!"',
      process.execPath,
      busy,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const [printed] = await once(parent.stdout, 'data');
    const tree = treeOf(parent.pid!);
    expect(tree).toEqual([parent.pid, Number(String(printed))]);
    expect(treeCpuSeconds(parent.pid!)).toBeGreaterThanOrEqual(0.3);
    expect(treeResidentBytes(parent.pid!)).toBeGreaterThan(0);
  } finally {
    for (const pid of treeOf(parent.pid!)) process.kill(pid, 'SIGKILL');
  }
  await once(parent, 'close');
  expect(treeOf(parent.pid!)).toEqual([]);
  expect(treeCpuSeconds(parent.pid!)).toBe(0);
}, 60_000);
