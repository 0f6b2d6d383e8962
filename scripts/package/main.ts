/**
 * Makes the packages, from the bundle, in `dist-packages/`.
 *
 *     node scripts/package/main.ts [npm] [wheels]
 *
 * Without a word it makes the package for npm and the wheel for this machine; `wheels` makes those for every platform.
 * Nothing is published.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { platforms } from './native.ts';
import { packNpm } from './npm.ts';
import { packWheel } from './wheel.ts';

const root = join(import.meta.dirname, '../..');
const output = join(root, 'dist-packages');

const wanted = process.argv.slice(2);
const unknown = wanted.find((word) => word !== 'npm' && word !== 'wheels');
if (unknown !== undefined) {
  console.error(`${unknown}: must be npm or wheels`);
  process.exit(2);
}

function tell(path: string, remark = ''): void {
  const megabytes = (statSync(path).size / 1e6).toFixed(2);
  console.log(`${join(relative(process.cwd(), output), basename(path))}  ${megabytes} MB${remark}`);
}

execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: 'inherit' });
mkdirSync(output, { recursive: true });
if (wanted.length === 0 || wanted.includes('npm')) tell(packNpm(root, output));
const here = `${process.platform}-${process.arch}`;
for (const platform of platforms)
  if (wanted.includes('wheels') || (wanted.length === 0 && platform.name === here))
    tell(packWheel(root, platform, output), platform.isTried ? '' : `  never run: ${platform.words}`);
