/**
 * What abuse does to the service and to others:
 *
 *     node test/faults/abuse/main.ts
 *
 * Prints a line for each kind, and exits with 1 if others were failed or something was not bounded.
 */
import { abuseAll, faultsOf, lineOf } from './rig.ts';

const reports = await abuseAll();
let faults = 0;
for (const report of reports) {
  process.stdout.write(`${lineOf(report)}\n`);
  for (const fault of faultsOf(report)) {
    faults++;
    process.stdout.write(`  fault: ${fault}\n`);
  }
}
process.exit(faults === 0 ? 0 : 1);
