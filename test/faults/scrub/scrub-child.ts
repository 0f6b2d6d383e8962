/**
 * A process with the store open: fills it, scrubs it, pushes everything again, lists what is quarantined, or reads
 * everything and tells that too. Arguments: the data directory, what to do, and the how-manieth quarantine after which
 * it kills itself.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { Budget } from '../../../src/domain/load/budget.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { someBytes } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { specOf, target, tester } from '../../support/specs.ts';

const [dataDir = '', what, occurrence] = process.argv.slice(2);
let passed = 0;

const index = await openLevelIndex({
  directory: join(dataDir, 'index'),
  markPath: join(dataDir, 'index.mark'),
});
const blobs = await openDiskBlobs({ root: dataDir });
await using store = await openCheckedStore({
  index,
  blobs,
  inlineBytesMax: 64,
  reserveBytes: 0,
  onStep: (reached) => {
    if (reached === 'scrub.quarantined' && ++passed === Number(occurrence))
      process.kill(process.pid, 'SIGKILL');
  },
});

const names = ['a', 'b', 'c', 'd'];
if (what === 'push')
  for (const [at, name] of names.entries())
    await store.uploads.create(tester, specOf({ session: 's', name }), someBytes(5_000, at));
if (what === 'scrub') {
  const request = {
    budget: new Budget({ limit: 1_000 }),
    bytesMax: 2 ** 40,
    minAgeMs: 0,
  };
  writeSync(1, JSON.stringify((await store.scrub.scrub(request)).damagedCount));
}
const listed = async () =>
  (await store.quarantined.page(tester, undefined, { pageSize: 100, pageToken: '' })).items.length;
if (what === 'list') writeSync(1, JSON.stringify(await listed()));
if (what === 'tell') {
  const quarantined = await listed();
  const read = async (name: string) => {
    try {
      const { bytes } = await store.downloads.artifact(tester, target('s', name), {
        offset: 0,
        limit: undefined,
      });
      await Array.fromAsync(bytes);
      return 'OK';
    } catch (error) {
      return error instanceof Failure ? error.reason : String(error);
    }
  };
  writeSync(1, JSON.stringify({ quarantined, read: await Promise.all(names.map(read)) }));
}
