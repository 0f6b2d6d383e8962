/** The service with a second namespace, for {@link ./main.ts}. Arguments: data directory, socket. */
import { join } from 'node:path';
import { routes } from '../../../src/api/routes.ts';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { limits } from '../../../src/domain/limits.ts';
import { parseNamespace } from '../../../src/domain/names.ts';
import { openLevelIndex } from '../../../src/index/leveldb/leveldb.ts';
import { startServer } from '../../../src/server/server.ts';
import { openCheckedStore } from '../../support/row-owners.ts';

const [dataDir, socket] = process.argv.slice(2) as [string, string];
const index = await openLevelIndex({
  directory: join(dataDir, 'index'),
  markPath: join(dataDir, 'index.mark'),
});
const blobs = await openDiskBlobs({ root: dataDir });
const store = await openCheckedStore({ index, blobs, reserveBytes: 0 });
await store.namespaces.ensure(parseNamespace('namespace', 'other'));
await startServer({
  routes: routes({ store: () => store, onCall: () => {}, elapsed: () => performance.now() }),
  socket,
  messageBytesMax: limits.messageBytesMax,
  concurrentStreamsMax: limits.concurrentStreamsMax,
  drainMs: 5_000,
  onUnexpectedError: (error, method) => process.stderr.write(`${method}: ${String(error)}\n`),
});
process.stdout.write('ready\n');
