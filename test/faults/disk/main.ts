/**
 * Disks that are full or fail:
 *
 *     node test/faults/disk/main.ts [part of a name]
 *
 * Exits with 1 if anything was found.
 */
import { scenarios } from './scenarios.ts';

const part = process.argv[2] ?? '';
for (const scenario of scenarios.filter(({ name }) => name.includes(part))) {
  const obstacle = scenario.obstacle();
  if (obstacle !== undefined) {
    process.stdout.write(`skipped, ${scenario.name}: ${obstacle}\n`);
    continue;
  }
  const { faults, said } = await scenario.play();
  process.stdout.write(`${scenario.name}: ${faults.length} faults, ${said}\n`);
  for (const fault of faults.slice(0, 10)) process.stdout.write(`  ${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
