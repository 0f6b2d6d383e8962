/**
 * Holds the clients of every language by the scenario of `clients/scenario.json`:
 *
 *     node test/clients/main.ts [NAME…]
 *
 * Says what became of each program, and which lines differ. Ends with 0 if every program that can run here printed what
 * it must; a program that was named, and cannot run here, has not.
 */
import { hold } from './hold.ts';
import { findPrograms } from './programs.ts';

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
const { passed, failed, skipped } = await hold(chosen, (text) => console.log(text));
console.log(`clients: ${passed} as they must be, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && (names.length === 0 || skipped === 0) ? 0 : 1;
