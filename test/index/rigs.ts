/** Every engine, ready to be hurt. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Index } from '../../src/index/door.ts';
import { openLevelDatabase, openLevelIndex } from '../../src/index/leveldb/leveldb.ts';
import { openMemoryDatabase, openMemoryIndex } from '../../src/index/memory/memory.ts';
import { MemoryRows } from '../../src/index/memory/rows.ts';
import { openPostgresDatabase, type PostgresDatabaseOptions } from '../../src/index/postgres/database.ts';
import { openPostgresIndex } from '../../src/index/postgres/postgres.ts';
import { openPostgresReplica } from '../../src/index/postgres/replicas/replica.ts';
import type { PostgresServer } from '../support/postgres.ts';
import { Faults } from './faults.ts';
import { ManualTimer, type OpenRig, type Rig, type RigOptions } from './support.ts';

type OpenIndex = (faults: Faults, timer: ManualTimer, options: RigOptions) => Promise<Index>;

async function rigOf(
  open: OpenIndex,
  options: RigOptions,
  cleanUp: () => Promise<void>,
  ring = 0,
): Promise<Rig> {
  let current = options;
  const start = async () => {
    const faults = new Faults();
    const timer = new ManualTimer();
    return { faults, timer, index: await open(faults, timer, current) };
  };
  let parts = await start();
  return {
    ring,
    get index() {
      return parts.index;
    },
    get faults() {
      return parts.faults;
    },
    get timer() {
      return parts.timer;
    },
    async reopen(next = current) {
      current = next;
      await parts.index.close();
      parts = await start();
    },
    async crash() {
      parts.faults.kill();
      await parts.index.close();
      parts = await start();
    },
    async [Symbol.asyncDispose]() {
      parts.faults.kill();
      await parts.index.close();
      await cleanUp();
    },
  };
}

export const openMemoryRig: OpenRig = (options) => memoryRig(false, options);

/** Every read of a decision takes a turn of the event loop. */
export const openWaitingRig: OpenRig = (options) => memoryRig(true, options);

const memoryRig = (readsWait: boolean, options: RigOptions = {}) => {
  const rows = new MemoryRows();
  const open: OpenIndex = (faults, timer, given) =>
    openMemoryIndex({
      ...given,
      after: timer.after,
      probe: faults.probe,
      openDatabase: () => faults.open(async () => openMemoryDatabase(rows, { readsWait })),
    });
  return rigOf(open, options, async () => undefined);
};

export const openLevelRig: OpenRig = async (options = {}) => {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-index-'));
  const open: OpenIndex = (faults, timer, given) =>
    openLevelIndex({
      ...given,
      directory: join(home, 'database'),
      markPath: join(home, 'mark'),
      after: timer.after,
      probe: faults.probe,
      // A shadow is looked at in `leveldb/room.test.ts`.
      shadowPlaces: [],
      openDatabase: (directory, tuning) => faults.open(() => openLevelDatabase(directory, tuning)),
    });
  return rigOf(open, options, () => rm(home, { recursive: true, force: true }));
};

/** On a server that the test has started: each index has a schema of its own. */
export const openPostgresRig =
  (server: () => PostgresServer): OpenRig =>
  async (options = {}) => {
    const home = await mkdtemp(join(tmpdir(), 'artifacta-index-'));
    const schema = server().newSchema();
    const open: OpenIndex = (faults, timer, given) =>
      openPostgresIndex({
        ...given,
        url: server().url,
        schema,
        markPath: join(home, 'mark'),
        after: timer.after,
        probe: faults.probe,
        openDatabase: (parts: PostgresDatabaseOptions) => faults.open(() => openPostgresDatabase(parts)),
      });
    return rigOf(open, options, async () => {
      await server().drop(schema);
      await rm(home, { recursive: true, force: true });
    });
  };

/** One replica on a server that the test has started: each index has a schema of its own. */
export const openReplicaRig =
  (server: () => PostgresServer): OpenRig =>
  (options = {}) => {
    const schema = server().newSchema();
    const open: OpenIndex = (faults, timer, given) =>
      openPostgresReplica({
        ...given,
        url: server().url,
        schema,
        address: 'replica:1',
        after: timer.after,
        // No beat comes in these tests, and the lease lasts.
        elapsed: () => 0,
        probe: faults.probe,
        openDatabase: (parts: PostgresDatabaseOptions) => faults.open(() => openPostgresDatabase(parts)),
      });
    return rigOf(open, options, () => server().drop(schema), 1);
  };
