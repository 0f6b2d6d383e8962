/**
 * A store on disk that exports its index once and ends; at a step, if one is named, with SIGKILL. Arguments: the data
 * directory, the directory for exports or the address of a bucket, how many to keep, what to push, and the step. Its one line of output is what the
 * export came to, as JSON.
 */
import { join } from 'node:path';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { diskExports } from '../../../src/blobs/disk-exports.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { LevelHome } from '../../../src/index/leveldb/home.ts';
import { Exports } from '../../../src/store/custody/exports.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { specOf, tester } from '../../support/specs.ts';
import { openPlace } from '../bucket/place.ts';

const [dataDir = '', exportDir = '', keep = '', name = '', step] = process.argv.slice(2);
await using host = await StoreHost.open({
  home: new LevelHome({ directory: join(dataDir, 'index'), markPath: join(dataDir, 'index.mark') }),
  open: async (index) =>
    await openCheckedStore({ index, blobs: await openDiskBlobs({ root: dataDir }), reserveBytes: 0 }),
  warn: (message) => process.stderr.write(`${message}\n`),
});
await host.store.uploads.create(tester, specOf({ session: 's', name }), Buffer.alloc(20_000, name));
using bucket = exportDir.startsWith('http:')
  ? await openPlace({ endpoint: exportDir, prefix: 'place' })
  : undefined;
const files = bucket?.exports() ?? diskExports(exportDir);
const exports = new Exports({
  host,
  files,
  format: exportFormat('1.2.3'),
  onStep: (passed) => {
    if (passed === step) process.kill(process.pid, 'SIGKILL');
  },
});
const said = await exports.export(0, Number(keep)).catch((error: unknown) => {
  if (error instanceof Failure) return { reason: error.reason };
  throw error;
});
process.stdout.write(`${JSON.stringify(said)}\n`);
