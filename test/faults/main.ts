/**
 * The long form of the crash rig:
 *
 *     node test/faults/main.ts [--kills N] [--failpoints] [--power [--cuts N] [--layout same|split]] [--disk] [--rot] [--pushers] [--abuse] [--clock]
 *       [--deletion [--actions N]] [--seconds N] [--seed N]
 *
 * Without `--kills`, `--failpoints`, `--power`, `--disk`, `--rot`, `--pushers`, `--abuse`, `--clock` and
 * `--deletion`: every failpoint once, 500 kills at random, 50 power cuts on each
 * layout of file systems, every fault of a disk,
 * 300 flipped bits, clients that abuse the service, clocks that are set under it, 20,000 things that eight clients do while contents are collected, and fifty command lines at once into a directory that nobody serves, also while whoever has it is
 * killed. `--seconds` ends the kills earlier, at the end of a data directory. Exits with 1 if anything was found; the seed that it prints makes the same choices again,
 * though not the same timing.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeDirectory } from '../support/directories.ts';
import { pushAtOnce } from '../support/pushers.ts';
import { abuseAll, faultsOf, lineOf } from './abuse/rig.ts';
import { killAtFailpoints, killAtRandom, killStarts, type Report, sum } from './campaign.ts';
import { setClocks } from './clock/clocks.ts';
import { whyNoClock } from './clock/rig.ts';
import { deleteAndCollect } from './deletion/rig.ts';
import { scenarios } from './disk/scenarios.ts';
import { cutPower } from './power/campaign.ts';
import { type Layout, whyNoPowerDisk } from './power/disk.ts';
import { flipBits } from './rot/rot.ts';
import { Chance } from './seeded.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    failpoints: { type: 'boolean', default: false },
    power: { type: 'boolean', default: false },
    disk: { type: 'boolean', default: false },
    rot: { type: 'boolean', default: false },
    pushers: { type: 'boolean', default: false },
    abuse: { type: 'boolean', default: false },
    clock: { type: 'boolean', default: false },
    deletion: { type: 'boolean', default: false },
    actions: { type: 'string' },
    cuts: { type: 'string' },
    layout: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
  },
});
const everything =
  values.kills === undefined &&
  !values.failpoints &&
  !values.power &&
  !values.disk &&
  !values.rot &&
  !values.pushers &&
  !values.abuse &&
  !values.clock &&
  !values.deletion;
const kills = count('kills', values.kills, everything ? 500 : 0);
const endMs = performance.now() + 1_000 * count('seconds', values.seconds, Number.MAX_SAFE_INTEGER / 1_000);
const seed = count('seed', values.seed, Date.now() % 1_000_000);
const chance = new Chance(seed);

/** Kills on one data directory, which then is read back whole and thrown away. */
const killsEach = 25;

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text)) {
    process.stderr.write(`--${name}: not a whole number: ${text}\n`);
    process.exit(2);
  }
  return Number(text);
}

function layouts(text: string | undefined): readonly Layout[] {
  if (text === undefined) return ['same', 'split'];
  if (text === 'same' || text === 'split') return [text];
  process.stderr.write(`--layout: same or split, not ${text}\n`);
  process.exit(2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs one campaign and says what came of it. */
async function run(name: string, campaign: (options: { seed: number }) => Promise<Report>): Promise<Report> {
  const own = chance.seed();
  const report = await campaign({ seed: own });
  say(`${name}, seed ${own}: ${report.faults.length} faults, ${JSON.stringify(report.tally)}`);
  for (const fault of report.faults.slice(0, 20)) say(`  ${fault}`);
  return report;
}

say(`seed ${seed}`);
const reports: Report[] = [];
const otherFaults: string[] = [];
if (everything || values.failpoints) {
  reports.push(await run('failpoints', killAtFailpoints));
  reports.push(await run('starts', killStarts));
}
for (let done = 0; done < kills && performance.now() < endMs; done += killsEach) {
  const now = Math.min(killsEach, kills - done);
  reports.push(await run(`random ${done + 1} to ${done + now}`, (options) => killAtRandom(now, options)));
}
if (everything || values.power) {
  const obstacle = whyNoPowerDisk();
  if (obstacle !== undefined) say(`no power was cut: ${obstacle}`);
  const cuts = count('cuts', values.cuts, 50);
  for (const layout of layouts(values.layout))
    if (obstacle === undefined)
      reports.push(await run(`${cuts} power cuts, ${layout}`, (options) => cutPower(cuts, layout, options)));
  // What could not be tried has not been passed.
  if (obstacle !== undefined && values.power) process.exit(1);
}
if (everything || values.disk) {
  for (const scenario of scenarios) {
    const obstacle = scenario.obstacle();
    if (obstacle !== undefined) {
      say(`${scenario.name}: skipped, ${obstacle}`);
      continue;
    }
    const { faults, said } = await scenario.play();
    say(`${scenario.name}: ${faults.length} faults, ${said}`);
    for (const fault of faults.slice(0, 20)) say(`  ${fault}`);
    otherFaults.push(...faults);
  }
}
if (everything || values.rot) {
  const own = chance.seed();
  const { faults, verdicts } = await flipBits(300, own);
  say(`300 flipped bits, seed ${own}: ${faults.length} faults`);
  for (const [kind, counts] of verdicts) say(`  ${kind}: ${JSON.stringify(Object.fromEntries(counts))}`);
  for (const fault of faults.slice(0, 20)) say(`  ${fault}`);
  otherFaults.push(...faults);
}
if (everything || values.pushers) {
  for (const kills of [0, 20]) {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-pushers-'));
    const pushed = await pushAtOnce({ directory: home, dataDir: join(home, 'data'), count: 50, kills });
    const failed = pushed.filter(({ ended }) => ended.code !== 0);
    say(`50 command lines at once, ${kills} kills of whoever has the store: ${failed.length} failed`);
    for (const { name, ended } of failed) otherFaults.push(`${name}: ${ended.code} ${ended.stderr}`);
    removeDirectory(home);
  }
}
if (everything || values.abuse) {
  for (const report of await abuseAll()) {
    say(lineOf(report));
    otherFaults.push(...faultsOf(report));
  }
}
if (everything || values.clock) {
  const obstacle = whyNoClock();
  if (obstacle !== undefined) say(`no clock was set: ${obstacle}`);
  if (obstacle !== undefined && values.clock) process.exit(1);
  if (obstacle === undefined) {
    const { faults, said } = await setClocks(true);
    say(`${said}: ${faults.length} faults`);
    for (const fault of faults) say(`  ${fault}`);
    otherFaults.push(...faults);
  }
}
if (everything || values.deletion) {
  for (const kills of [0, 10]) {
    const own = chance.seed();
    const { faults, ...tally } = await deleteAndCollect({
      seed: own,
      actions: count('actions', values.actions, 20_000),
      kills,
    });
    for (const fault of faults.slice(0, 20)) say(`  ${fault}`);
    say(
      `deletions while contents are collected, ${kills} kills, seed ${own}: ${faults.length} faults, ${JSON.stringify(tally)}`,
    );
    otherFaults.push(...faults);
  }
}
const faults = reports.flatMap((report) => report.faults);
faults.push(...otherFaults);
const tallies = reports.map(({ tally }) => tally);
say(`in all: ${faults.length} faults${tallies.length === 0 ? '' : `, ${JSON.stringify(sum(tallies))}`}`);
process.exitCode = faults.length === 0 ? 0 : 1;
