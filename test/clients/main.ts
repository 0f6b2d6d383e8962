/**
 * Holds the clients of every language by the scenario of `clients/scenario.json`:
 *
 *     node test/clients/main.ts [NAME…]
 *
 * One line a program, and what differs. Ends with 0 if every program that can run here printed what it must.
 */
import { connect } from '../../src/client/client.ts';
import { startService } from '../faults/service.ts';
import { startNewer, startOlder } from './other-versions.ts';
import { findPrograms, makingReady, type Place, type Program, run } from './programs.ts';
import { differences, readSteps } from './scenario.ts';

const names = process.argv.slice(2);
const all = findPrograms();
const unknown = names.filter((name) => !all.some((program) => program.name === name));
if (unknown.length > 0) {
  console.error(
    `no such program: ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name));
process.exitCode = (await holdAll(chosen, names.length > 0)) === 0 ? 0 : 1;

/** @returns how many programs failed. A program that was asked for, and cannot run here, has failed. */
async function holdAll(programs: readonly Program[], isAskedFor: boolean): Promise<number> {
  await using service = await startService('clients', ['--cors-origin', '*']);
  await using older = await startOlder();
  await using newer = await startNewer();
  await using operator = await connect(`unix:${service.socket}`);
  const steps = readSteps();
  const madeReady = makingReady();
  const counts = { held: 0, failed: 0, skipped: 0 };
  for (const program of programs) {
    const { name, lacks = {} } = program;
    try {
      const obstacle = madeReady(program);
      if (obstacle !== undefined) {
        console.log(`${name}: skipped: ${obstacle}`);
        counts[isAskedFor ? 'failed' : 'skipped']++;
        continue;
      }
      const token = await tokenFor(name);
      const faults = await hold(program, { service, older, newer, token });
      counts[faults.length === 0 ? 'held' : 'failed']++;
      const lacking = Object.entries(lacks).map(([step, why]) => `; lacks ${step}: ${why}`);
      const verdict = faults.length === 0 ? `${steps.length} lines as they must be` : 'FAILED';
      console.log(`${name}: ${verdict}${lacking.join('')}`);
      for (const fault of faults) console.log(fault.replace(/^/gm, '  '));
    } catch (error) {
      counts.failed++;
      console.log(`${name}: FAILED: ${error instanceof Error ? error.message : error}`);
    }
  }
  console.log(`clients: ${counts.held} as they must be, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed;

  async function tokenFor(namespace: string): Promise<string> {
    await operator.access.createNamespace(namespace);
    return (await operator.access.createKey({ namespace, scopes: ['read', 'write'] })).secret;
  }

  async function hold(
    program: Program,
    given: { service: Place; older: Place; newer: Place; token: string },
  ): Promise<string[]> {
    const { output, remarks, fault } = await run(program, given);
    const faults = differences(steps, output, program.lacks);
    if (fault !== undefined) faults.push(fault);
    if (faults.length > 0 && remarks !== '') faults.push(`standard error: ${remarks.trimEnd()}`);
    return faults;
  }
}
