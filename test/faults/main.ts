/**
 * The long forms of the fault rigs:
 *
 *     node test/faults/main.ts [--<rig>…] [--seed N] [--seconds N] [options of the rigs]
 *     node test/faults/main.ts --list
 *
 * Without the name of a rig all run, but those that `--list` marks. `--seconds` begins no further part after that time.
 * Exits with 1 if anything was found, or if a rig that was named cannot run here. The seed that it prints makes the same
 * choices again, though not the same timing.
 */
import { parseArgs } from 'node:util';
import type { NamedRig, Outcome } from './outcome.ts';
import { rigs } from './rigs.ts';
import { Chance } from './seeded.ts';

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function parsed(): Record<string, string | boolean | undefined> {
  const own = rigs.flatMap(({ options = {} }) => Object.keys(options));
  try {
    return parseArgs({
      options: {
        ...Object.fromEntries(rigs.map(({ name }) => [name, { type: 'boolean' as const }])),
        ...Object.fromEntries([...own, 'seed', 'seconds'].map((name) => [name, { type: 'string' as const }])),
        list: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return refuse(`${String(error)}\n--list prints the rigs and their options`);
  }
}

const values = parsed();

function option(name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function count(name: string, otherwise: number): number {
  const text = option(name);
  if (text === undefined) return otherwise;
  return /^\d+$/.test(text) ? Number(text) : refuse(`--${name}: must be a whole number, not ${text}`);
}

function list(): void {
  for (const { name, tries, short, options = {}, isOnlyByName, obstacle } of rigs) {
    say(`--${name}: ${tries}`);
    for (const [own, meaning] of Object.entries(options)) say(`    --${own}: ${meaning}`);
    if (short !== undefined) say(`    short form: npx vitest run ${short}`);
    if (isOnlyByName) say('    runs only if it is named');
    const why = obstacle?.();
    if (why !== undefined) say(`    cannot run here: ${why}`);
  }
}

/** @returns how many faults it found. */
async function play(rig: NamedRig, isNamed: boolean, chance: Chance, endMs: number): Promise<number> {
  const why = rig.obstacle?.();
  if (why !== undefined) {
    say(`${rig.name}: skipped, ${why}`);
    // What could not be tried has not been passed.
    return isNamed ? 1 : 0;
  }
  let found = 0;
  const began = Date.now();
  const isOver = () => performance.now() > endMs;
  for await (const outcome of rig.play({ seed: () => chance.seed(), option, count, isOver })) {
    tell(outcome);
    found += outcome.faults.length;
  }
  say(`${rig.name}: ${found} faults, ${Math.round((Date.now() - began) / 1_000)} s`);
  return found;
}

function tell({ name, faults, said }: Outcome): void {
  say(`${name}: ${faults.length} faults, ${said}`);
  for (const fault of faults.slice(0, 20)) say(`  ${fault}`);
}

if (values.list === true) list();
else {
  const named = rigs.filter(({ name }) => values[name] === true);
  const chosen = named.length > 0 ? named : rigs.filter(({ isOnlyByName }) => isOnlyByName !== true);
  const seed = count('seed', Date.now() % 1_000_000);
  const endMs = performance.now() + 1_000 * count('seconds', Number.MAX_SAFE_INTEGER / 1_000);
  say(`seed ${seed}`);
  const chance = new Chance(seed);
  let found = 0;
  for (const rig of chosen) found += await play(rig, named.includes(rig), chance, endMs);
  say(`in all: ${found} faults`);
  process.exitCode = found === 0 ? 0 : 1;
}
