/**
 * The long form of the crash rig:
 *
 *     node test/faults/main.ts [--kills N] [--failpoints] [--seconds N] [--seed N]
 *
 * Without `--kills` and `--failpoints`: every failpoint once and 500 kills at random. `--seconds` ends it earlier, at
 * the end of a data directory. Exits with 1 if anything was found; the seed that it prints makes the same choices again,
 * though not the same timing.
 */
import { parseArgs } from 'node:util';
import { killAtFailpoints, killAtRandom, killStarts, type Report, sum } from './campaign.ts';
import { Chance } from './seeded.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    failpoints: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    seed: { type: 'string' },
  },
});
const everything = values.kills === undefined && !values.failpoints;
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
if (everything || values.failpoints) {
  reports.push(await run('failpoints', killAtFailpoints));
  reports.push(await run('starts', killStarts));
}
for (let done = 0; done < kills && performance.now() < endMs; done += killsEach) {
  const now = Math.min(killsEach, kills - done);
  reports.push(await run(`random ${done + 1} to ${done + now}`, (options) => killAtRandom(now, options)));
}
const faults = reports.flatMap((report) => report.faults);
say(`in all: ${faults.length} faults, ${JSON.stringify(sum(reports.map(({ tally }) => tally)))}`);
process.exitCode = faults.length === 0 ? 0 : 1;
