/**
 * Shows that the rigs and the tests can fail: runs each rig on a copy of the source as it is, which must be clean. Then
 * plants one fault at a time in a copy, and runs on it what must find something.
 *
 *     node test/faults/controls.ts [name…]
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Plant } from './plant.ts';
import { planted, plants } from './plants.ts';

const root = resolve(import.meta.dirname, '../..');
const copied = [
  'src',
  'gen',
  'proto',
  'test',
  'bench',
  'bin',
  'docs',
  'README.md',
  'package.json',
  'scripts/free-port.ts',
  'scripts/free-ports.ts',
  'vitest.config.ts',
];
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const runMsMax = 600_000;

async function copyWith(plant: Plant | undefined, home: string): Promise<void> {
  for (const path of copied) await cp(join(root, path), join(home, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(home, 'node_modules'));
  if (plant === undefined) return;
  const path = join(home, plant.file);
  await writeFile(path, planted(await readFile(path, 'utf8'), plant));
}

const killArgs = ['--failpoints', '--kills', '--times', '25'];
/** Where the index is on the same file system its syncs make the rest durable, too. */
const powerArgs = ['--power', '--cuts', '12', '--layout', 'split'];

const argsOf = {
  kills: killArgs,
  power: powerArgs,
  deletion: ['--deletion', '--actions', '3000'],
  reaping: ['--reaping', '--reaped-on', 'bucket'],
  bucket: ['--bucket', '--bucket-part', 'requests'],
  direct: ['--bucket', '--bucket-part', 'direct'],
  outage: ['--outage', '--outage-seconds', '15'],
  volume: ['--volume', '--losses', '17', '--shipped-to', 'directory', '--seconds', '2'],
  replicas: ['--replicas', '--mishap', 'hang', '--rounds', '16'],
} as const;

type RigName = keyof typeof argsOf;

function rigArgs(rig: RigName): string[] {
  return ['test/faults/main.ts', ...argsOf[rig], '--seed', '7'];
}

/** What the rig said first of a copy; undefined if it found nothing. */
async function firstFault(plant: Plant | undefined, rig: RigName): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-control-'));
  try {
    await copyWith(plant, home);
    const args = plant?.tests === undefined ? rigArgs(rig) : [vitest, 'run', ...plant.tests];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: home,
      encoding: 'utf8',
      timeout: runMsMax,
    });
    if (status === 0) return undefined;
    // What does not run finds nothing.
    const ran = plant?.tests === undefined ? stdout.includes('in all:') : /Tests .*failed/.test(stdout);
    if (status !== 1 || !ran) throw new Error(`it ended with ${status}: ${stderr.slice(0, 2_000)}`);
    if (plant?.tests !== undefined) return stdout.split('\n').find((line) => line.includes('FAIL')) ?? stdout;
    return stdout.split('\n').find((line) => line.startsWith('  ')) ?? stderr;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const names = process.argv.slice(2);
const chosen = names.length === 0 ? plants : plants.filter(({ name }) => names.includes(name));
const rigsOfChosen = new Set(
  chosen.flatMap(({ rig, tests }): RigName[] => (tests === undefined ? [rig ?? 'kills'] : [])),
);
const tries: readonly (readonly [Plant | undefined, RigName])[] = [
  ...[...rigsOfChosen].map((rig) => [undefined, rig] as const),
  ...chosen.map((plant) => [plant, plant.rig ?? 'kills'] as const),
];
for (const [plant, rig] of tries) {
  const fault = await firstFault(plant, rig);
  const asItShould = (fault === undefined) === (plant === undefined);
  if (!asItShould) process.exitCode = 1;
  const verdict = fault === undefined ? 'found nothing' : `found: ${fault.trim().slice(0, 200)}`;
  process.stdout.write(`${asItShould ? 'ok ' : 'BAD'} ${plant?.name ?? `as it is, ${rig}`}: ${verdict}\n`);
}
