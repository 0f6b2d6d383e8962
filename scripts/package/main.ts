/**
 * Makes the packages, from the bundle, in `dist-packages/`.
 *
 *     node scripts/package/main.ts [npm] [wheels]
 *
 * Without a word it makes the package for npm and the wheel for this machine; `wheels` makes those for every platform.
 * Nothing is published. The work is done by a process of its own (`make.ts`), so that a signal ends that and all that it
 * has started, and what it has half made is removed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { makerOf, output, root, stageOf } from './places.ts';

const wanted = process.argv.slice(2);
const unknown = wanted.find((word) => word !== 'npm' && word !== 'wheels');
if (unknown !== undefined) {
  console.error(`${unknown}: must be npm or wheels`);
  process.exit(2);
}

execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' });
mkdirSync(output, { recursive: true });
// What others have left who were killed.
for (const pid of readdirSync(output).map(makerOf)) if (pid !== undefined && !isAtWork(pid)) removeStage(pid);

const child = spawn(process.execPath, [join(import.meta.dirname, 'make.ts'), ...wanted], {
  stdio: ['ignore', 'inherit', 'inherit'],
  // A group of its own, with what it starts.
  detached: true,
});
let cutOff: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    cutOff = signal;
    process.kill(-child.pid!, 'SIGKILL');
  });
const [code] = (await once(child, 'close')) as [number | null];
process.exitCode = cutOff === undefined ? (code ?? 1) : 128 + constants.signals[cutOff];
if (process.exitCode !== 0) {
  removeStage(child.pid!);
  console.error('dist-packages/ has not changed.');
}

function removeStage(pid: number): void {
  rmSync(stageOf(pid), { recursive: true, force: true });
}

/** Returns true if that process exists, or one that it has started. */
function isAtWork(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
