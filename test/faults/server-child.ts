/**
 * The service, put together so that it can be stopped dead at a chosen point: the real index and disk, the real store,
 * routes and server. Its one argument is a {@link ChildOptions} as JSON; its one line of output is a {@link ReadyLine}.
 * Standard error tells of what nobody foresaw. It ends when its standard input does, so that it never outlives the rig.
 */
import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { routes } from '../../src/api/routes.ts';
import { openDiskBlobs } from '../../src/blobs/disk.ts';
import { limits } from '../../src/domain/limits.ts';
import type { Database } from '../../src/index/engine/database.ts';
import { openLevelDatabase, openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import { startServer } from '../../src/server/server.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { openPlace } from './bucket/place.ts';
import type { Armed, ChildOptions, Failpoint, ReadyLine } from './failpoints.ts';

const options = JSON.parse(process.argv[2]!) as ChildOptions;
const { dataDir, indexDir = join(dataDir, 'index'), inlineBytesMax, armed: armedAtStart } = options;

/** How long a server goes on whose batch is stalled, in milliseconds. */
const stalledMs = 60;

let armed: Armed | undefined = armedAtStart;
let passed = 0;
let isStopping = false;

createInterface({ input: process.stdin })
  .on('line', (line) => {
    armed = JSON.parse(line) as Armed;
    passed = 0;
  })
  .on('close', dieNow);
process.on('unhandledRejection', (error) => complain('unhandled rejection', error));
process.on('SIGTERM', () => void stop());

/** Nothing of this process runs after it. */
function dieNow(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('survived SIGKILL');
}

function complain(what: string, error: unknown): void {
  writeSync(2, `${what}: ${error instanceof Error ? error.stack : String(error)}\n`);
}

function isDue(step: Failpoint): boolean {
  return armed?.step === step && ++passed === armed.occurrence;
}

function pass(step: Failpoint): void {
  if (isDue(step)) dieNow();
}

/** The database, seen from outside: a batch has not been sent yet, or is durable and nobody has been told. */
async function openObserved(...args: Parameters<typeof openLevelDatabase>): Promise<Database> {
  const database = await openLevelDatabase(...args);
  return {
    ...database,
    batch: async (writes) => {
      pass('batch.before');
      if (isDue('batch.stalled')) await delay(stalledMs).then(dieNow);
      await database.batch(writes);
      pass('batch.after');
    },
  };
}

const index = await openLevelIndex({
  directory: indexDir,
  markPath: `${indexDir}.mark`,
  warn: (message) => complain('warning', message),
  openDatabase: openObserved,
  ...options.tuning,
});
const store = await openCheckedStore({
  index,
  blobs: await (options.bucket === undefined ? openDiskBlobs({ root: dataDir }) : openPlace(options.bucket)),
  inlineBytesMax,
  reserveBytes: 0,
  ...(options.collects || options.graceless ? { graces: { dedupMs: 0, readMs: 0 } } : {}),
  onStep: pass,
});
const server = await startServer({
  routes: routes({
    store: () => store,
    // What follows in this turn and the next is the sending of the answer.
    onCall: ({ error, method }) => {
      if (error !== undefined) complain(method, error);
      setImmediate(() => pass('answer.leaving'));
    },
    elapsed: () => performance.now(),
    ...(options.bucket === undefined ? {} : { directUploads: { bytesMin: 1 } }),
  }),
  grpc: { host: '127.0.0.1', port: 0 },
  ...(options.socket === undefined ? {} : { socket: options.socket }),
  messageBytesMax: limits.messageBytesMax,
  concurrentStreamsMax: limits.concurrentStreamsMax,
  drainMs: 5_000,
  onUnexpectedError: (error, method) => complain(method, error),
});
const ready: ReadyLine = { pid: process.pid, address: server.addresses.grpc, ...store.recovered };
writeSync(1, `${JSON.stringify(ready)}\n`);
// Otherwise it is written at the end, which is sudden here.
flushCompileCache();

if (options.collects) void collectForever();

async function collectForever(): Promise<void> {
  const allowance = { limit: 1_000, isStopped: () => isStopping };
  while (!isStopping) {
    try {
      await store.collection.collect(allowance, { findOrphans: false });
    } catch (error) {
      if (!isStopping) complain('collecting', error);
    }
    await delay(5);
  }
}

async function stop(): Promise<void> {
  isStopping = true;
  await server.drain();
  await store[Symbol.asyncDispose]();
  process.exit(0);
}
