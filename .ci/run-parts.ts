/**
 * Runs the parts of `.ci/run --all`, one after another, each to a log of its own:
 *
 *     node .ci/run-parts.ts FILE [name…]
 *
 * One line for each goes to standard output and to FILE, which ends with how many passed and failed. A part is left out,
 * and counts as passed, if it has passed on this machine with the same files: such passes are kept in the user's cache
 * directory, not in the checkout.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Part, parts } from './parts.ts';

const root = resolve(import.meta.dirname, '..');
const home = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifacta', 'ci');

/** Of everything that decides how a part ends. What is changed and not committed counts as it is. */
function digestOf({ dependsOn, command }: Part): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${command}`);
  const paths = [...dependsOn, 'package.json', 'package-lock.json', '.ci/parts.ts'];
  const listed = execFileSync('git', ['ls-files', '-z', '--', ...paths], { cwd: root, encoding: 'utf8' });
  for (const path of listed.split('\0').filter(Boolean)) {
    const found = statSync(join(root, path), { throwIfNoEntry: false });
    const content = found?.isFile() ? readFileSync(join(root, path)) : '';
    hash.update(`\0${path}\0${found?.mode ?? 'removed'}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

interface Outcome {
  readonly passed: boolean;
  readonly line: string;
}

function outcomeOf(part: Part): Outcome {
  const name = part.name.replaceAll(/\W+/g, '-');
  const log = join(home, `${name}.log`);
  const stamp = join(home, `${name}-${digestOf(part).slice(0, 32)}`);
  const kept = statSync(stamp, { throwIfNoEntry: false });
  if (kept !== undefined)
    return { passed: true, line: `unchanged since it passed at ${kept.mtime.toISOString()}, ${log}` };
  const beganMs = performance.now();
  const output = openSync(log, 'w');
  // A part that cannot run has not passed.
  const { status } = spawnSync('/bin/sh', ['-c', part.command], {
    cwd: root,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0);
  if (status === 0) writeFileSync(stamp, '');
  return { passed: status === 0, line: `${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s, ${log}` };
}

const [file, ...names] = process.argv.slice(2);
if (file === undefined) throw new Error('which file is to be written?');
const unknown = names.find((name) => !parts.some((part) => part.name === name));
if (unknown !== undefined) throw new Error(`there is no part ${unknown}`);
mkdirSync(home, { recursive: true });
writeFileSync(file, '');
const tally = { passed: 0, failed: 0 };
for (const part of names.length === 0 ? parts : parts.filter(({ name }) => names.includes(name))) {
  const { passed, line } = outcomeOf(part);
  tally[passed ? 'passed' : 'failed']++;
  process.stdout.write(`== ${part.name}: ${line}\n`);
  appendFileSync(file, `== ${part.name}: ${line}\n`);
}
appendFileSync(file, `${tally.passed} ${tally.failed}\n`);
process.exitCode = tally.failed === 0 ? 0 : 1;
