/**
 * The service as its program puts it together, with a place to which its index is shipped, so that it can be stopped dead
 * at any step. Its one argument is a {@link VolumeChildOptions} as JSON; its one line of output says where it listens. It
 * ends when its standard input does.
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { routes } from '../../../src/api/routes.ts';
import { limits } from '../../../src/domain/limits.ts';
import type { BucketAddress } from '../../../src/domain/system/bucket-address.ts';
import { sealsOver } from '../../../src/programs/contents/shipping.ts';
import { openEmbedded } from '../../../src/programs/data-directory.ts';
import { startServer } from '../../../src/server/server.ts';
import type { Armed, Failpoint } from '../failpoints.ts';

export interface VolumeChildOptions {
  readonly dataDir: string;
  readonly blobs?: BucketAddress | undefined;
  readonly exportDir?: string | undefined;
  readonly inlineBytesMax: number;
  readonly gatherMs: number | undefined;
  /** Armed from the start; others are armed later by a line of standard input with an {@link Armed} as JSON. */
  readonly armed?: Armed | undefined;
}

const { armed: armedAtStart, ...settings } = JSON.parse(process.argv[2]!) as VolumeChildOptions;
const socket = join(settings.dataDir, 'run', 'sock');
let armed: Armed | undefined = armedAtStart;
let passed = 0;

createInterface({ input: process.stdin })
  .on('line', (line) => {
    armed = JSON.parse(line) as Armed;
    passed = 0;
  })
  .on('close', dieNow);
process.on('unhandledRejection', (error) => complain('unhandled rejection', error));

/** Nothing of this process runs after it. */
function dieNow(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('survived SIGKILL');
}

function complain(what: string, error: unknown): void {
  writeSync(2, `${what}: ${error instanceof Error ? error.stack : String(error)}\n`);
}

function pass(step: Failpoint): void {
  if (armed?.step === step && ++passed === armed.occurrence) dieNow();
}

const embedded = await openEmbedded({
  ...settings,
  artifactBytesMax: limits.artifactBytesMaxDefault,
  reserveBytes: 0,
  graces: { dedupMs: 0, readMs: 0 },
  onStep: pass,
  warn: (message) => complain('warning', message),
});
const { host, exportPlace, exports } = embedded;
await startServer({
  routes: routes({
    store: () => host.store,
    host,
    exportPlace,
    exports,
    shipping: sealsOver(embedded, false),
    onCall: ({ error, method }) => {
      if (error !== undefined) complain(method, error);
      // What follows in this turn and the next is the sending of the answer.
      setImmediate(() => pass('answer.leaving'));
    },
    elapsed: () => performance.now(),
    ...(settings.blobs === undefined ? {} : { directUploads: { bytesMin: 1 } }),
  }),
  socket,
  messageBytesMax: limits.messageBytesMax,
  concurrentStreamsMax: limits.concurrentStreamsMax,
  drainMs: 5_000,
  onUnexpectedError: (error, method) => complain(method, error),
});
const ready = { pid: process.pid, address: `unix:${socket}`, stagingFiles: 0, pendingSeals: 0 };
writeSync(1, `${JSON.stringify(ready)}\n`);
// Otherwise it is written at the end, which is sudden here.
flushCompileCache();

for (;;) {
  await delay(20);
  if (host.state !== 'serving') continue;
  await host.store.collection
    .collect({ limit: 1_000, isStopped: () => false }, { findOrphans: false })
    .catch((error: unknown) => {
      if (host.state === 'serving') complain('collecting', error);
    });
}
