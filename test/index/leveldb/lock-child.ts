/**
 * Takes a lock, or opens a database of LevelDB, says so, and keeps it. Exits with 1 if it cannot have it.
 *
 *     node lock-child.ts lock|database PATH [told|with-child]
 *
 * `told`: asks for it when it is sent a line. `with-child`: has a process of its own, which outlives it, and says its id.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { takeLock } from '../../../src/index/leveldb/lock.ts';

const [what, path, how] = process.argv.slice(2) as [string, string, string?];
if (how === 'told') {
  process.stdout.write('waits\n');
  await once(process.stdin, 'data');
}
try {
  await (what === 'lock' ? takeLock(path) : openLevelDatabase(path));
} catch (error) {
  process.stdout.write(`refused ${(error as Error).message}\n`);
  process.exit(1);
}
const child = how === 'with-child' ? spawn('sleep', ['60'], { stdio: 'ignore', detached: true }) : undefined;
process.stdout.write(`taken ${child?.pid ?? ''}\n`);
setInterval(() => undefined, 60_000);
