/**
 * A process with the store open: fills it, has it reaped, or tells what readers are told. Arguments: the data directory,
 * what to do, the time in milliseconds, and the step at which it kills itself and the how-manieth passing of it.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { openStore } from '../../../src/store/open.ts';
import { fill, reapAll, told } from '../../lifecycle/endings.ts';
import { rigOver } from '../../lifecycle/rig.ts';

const [dataDir = '', what, now, step, occurrence] = process.argv.slice(2);
const clock = { now: Number(now) };
let passed = 0;

const index = await openLevelIndex({
  directory: join(dataDir, 'index'),
  markPath: join(dataDir, 'index.mark'),
  clock: () => clock.now,
});
const blobs = await openDiskBlobs({ root: dataDir });
const store = await openStore({
  index,
  blobs,
  reserveBytes: 0,
  onStep: (reached) => {
    if (reached === step && ++passed === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
  },
});
const close = () => store[Symbol.asyncDispose]();
const rig = rigOver({ store, index, blobs, clock, [Symbol.asyncDispose]: close });
if (what === 'fill') await fill(rig);
if (what === 'reap') {
  await rig.remove('deleted');
  await reapAll(rig);
}
if (what === 'tell') writeSync(1, JSON.stringify(await told(rig)));
await close();
