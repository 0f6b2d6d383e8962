/**
 * Makes packages from the bundle in a directory next to those of before, and moves them when all exist: whatever goes
 * wrong, those of before stay as they were. `main.ts` runs it.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { platforms } from './native.ts';
import { packNpm } from './npm.ts';
import { output, root, stageOf } from './places.ts';
import { packWheel } from './wheel.ts';

const wanted = process.argv.slice(2);
const staged = stageOf(process.pid);

function tell(path: string, remark = ''): void {
  const megabytes = (statSync(path).size / 1e6).toFixed(2);
  console.log(`dist-packages/${basename(path)}  ${megabytes} MB${remark}`);
}

function make(): void {
  // What is written on the way goes with the directory.
  process.env.TMPDIR = join(staged, 'tmp');
  mkdirSync(process.env.TMPDIR, { recursive: true });
  if (wanted.length === 0 || wanted.includes('npm')) tell(packNpm(root, staged));
  const here = `${process.platform}-${process.arch}`;
  for (const platform of platforms)
    if (wanted.includes('wheels') || (wanted.length === 0 && platform.name === here))
      tell(packWheel(root, platform, staged), platform.isTried ? '' : `  never run: ${platform.words}`);
  for (const entry of readdirSync(staged, { withFileTypes: true }))
    if (entry.isFile()) renameSync(join(staged, entry.name), join(output, entry.name));
}

try {
  make();
} catch (error) {
  // What is thrown on purpose says all, and so do the system, npm and TypeScript.
  const isSaid = error instanceof Error && error.name === 'Error';
  console.error(isSaid ? `cannot make the packages: ${error.message}` : error);
  process.exitCode = 1;
} finally {
  rmSync(staged, { recursive: true, force: true });
}
