/** Takes a lock, or opens a database of LevelDB, says so, and keeps it. Exits with 1 if it cannot have it. */
import { openLevelDatabase } from '../../../src/index/leveldb/leveldb.ts';
import { takeLock } from '../../../src/index/leveldb/lock.ts';

const [what, path] = process.argv.slice(2) as [string, string];
try {
  await (what === 'lock' ? takeLock(path) : openLevelDatabase(path));
} catch {
  process.exit(1);
}
process.stdout.write('held\n');
setInterval(() => undefined, 60_000);
