/** Holds programs by the scenario: one service for all, each line compared. */
import { connect } from '../../src/client/client.ts';
import { type Service, startService } from '../faults/service.ts';
import { startNewer, startOlder } from './other-versions.ts';
import { makingReady, type Program, run } from './programs.ts';
import { differences, readSteps, type ScenarioStep } from './scenario.ts';

/** What became of the programs. */
interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Those that cannot run here. */
  readonly skipped: number;
}

/** Runs the programs one after another. @param say gets one text a program: what it printed, or why it was skipped. */
export async function hold(programs: readonly Program[], say: (text: string) => void): Promise<Tally> {
  await using service = await startService('clients', ['--cors-origin', '*']);
  await using older = await startOlder();
  await using newer = await startNewer();
  const steps = readSteps();
  const madeReady = makingReady();
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const program of programs) {
    const { name } = program;
    try {
      const obstacle = madeReady(program);
      if (obstacle !== undefined) {
        counts.skipped++;
        say(`${name}: skipped: ${obstacle}`);
        continue;
      }
      const token = await tokenFor(service, name);
      const faults = faultsOf(await run(program, { service, older, newer, token }), steps, program);
      counts[faults.length === 0 ? 'passed' : 'failed']++;
      say(verdict(program, steps, faults));
    } catch (error) {
      counts.failed++;
      say(`${name}: FAILED: ${error instanceof Error ? error.message : error}`);
    }
  }
  return counts;
}

/** Each program has a namespace of its own. */
async function tokenFor(service: Service, namespace: string): Promise<string> {
  await using operator = await connect(`unix:${service.socket}`);
  await operator.access.createNamespace(namespace);
  return (await operator.access.createKey({ namespace, scopes: ['read', 'write'] })).secret;
}

function faultsOf(
  { output, remarks, fault }: Awaited<ReturnType<typeof run>>,
  steps: readonly ScenarioStep[],
  { lacks }: Program,
): string[] {
  const faults = differences(steps, output, lacks);
  if (fault !== undefined) faults.push(fault);
  if (faults.length > 0 && remarks !== '') faults.push(`standard error: ${remarks.trimEnd()}`);
  return faults;
}

function verdict(
  { name, lacks = {} }: Program,
  steps: readonly ScenarioStep[],
  faults: readonly string[],
): string {
  const lacking = Object.entries(lacks).map(([step, why]) => `; lacks ${step}: ${why}`);
  const first = faults.length === 0 ? `${steps.length} lines as they must be` : 'FAILED';
  return [`${name}: ${first}${lacking.join('')}`, ...faults.map((fault) => fault.replace(/^/gm, '  '))].join(
    '\n',
  );
}
