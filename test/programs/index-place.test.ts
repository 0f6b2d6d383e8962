/** What a process that shares its store gives its index. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { keys } from '../../src/index/keys.ts';
import { LockWatch } from '../../src/index/leveldb/lock-watch.ts';
import { indexHomeOf, type ReplicaPlace } from '../../src/programs/index-place.ts';
import { newDirectory } from '../support/command.ts';
import { PostgresServer, postgresPrograms } from '../support/postgres.ts';

const hour = 3_600_000;
const silent = () => undefined;

describe.skipIf('missing' in postgresPrograms())('the index of a replica', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function open(
    schema: string,
    dataDir: string,
    place: Partial<ReplicaPlace> = {},
    shipsTo?: 'bucket' | 'directory',
  ) {
    const home = await indexHomeOf({
      dataDir,
      address: { url: server.url, schema, hasPassword: false },
      replica: { address: 'a:1', secretMark: 'x', isSecured: false, ...place },
      contentsPlace: 'gs://bucket',
      shipsTo,
      // The clock of this machine.
      clock: () => Date.now() + hour,
      locks: new LockWatch({ beforeBatches: false, onLost: silent, debug: silent }),
      warn: silent,
      onLost: silent,
      onStage: undefined,
      beforeOpening: async () => undefined,
    });
    const index = await home.open(silent);
    onTestFinished(() => index.close());
    return index;
  }

  it('has the time of the database, and a mark in the data directory', async () => {
    const dataDir = await newDirectory();
    const index = await open(server.newSchema(), dataDir);
    await index.transact({
      ns: 'x',
      reads: [],
      *decide(tx) {
        expect(Math.abs(tx.now - Date.now())).toBeLessThan(hour / 2);
        tx.put(keys.calls.usage, ['x', 0], { sessions: 0, artifacts: 1, bytes: 0 });
      },
    });
    await index.close();
    expect(await readFile(join(dataDir, 'replica.mark'), 'utf8')).toBe('0 1 1\n');
    await expect(indexHomeOf({ dataDir, address: undefined } as never)).rejects.toMatchObject({
      message: 'the index of this store is in a database: give --index, as before',
    });
  });

  it('is refused beside another with another secret, lease or use of TLS', async () => {
    const schema = server.newSchema();
    await open(schema, await newDirectory());
    const other = { secretMark: 'y', leaseSeconds: 5, isSecured: true };
    await expect(open(schema, await newDirectory(), other)).rejects.toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message:
        'the replica at a:1 has another secret and another use of TLS and another lease: all replicas of a store need ' +
        'the same',
    });
  });
});
