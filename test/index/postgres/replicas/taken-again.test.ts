/** A namespace that a replica owns in the database, and has forgotten that it does. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../../src/index/door.ts';
import { keys } from '../../../../src/index/keys.ts';
import { winnerOf } from '../../../../src/index/postgres/replicas/rendezvous.ts';
import { openPostgresReplica } from '../../../../src/index/postgres/replicas/replica.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';
import { ManualTimer } from '../../support.ts';

describe.skipIf('missing' in postgresPrograms())('a namespace of a replica that has forgotten it', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test('is taken again by that replica, although another should own it', async () => {
    const schema = server.newSchema();
    const open = async (name: string): Promise<Index> => {
      // No beat moves anything in this test.
      const { after } = new ManualTimer();
      const index = await openPostgresReplica({ url: server.url, schema, address: `${name}:1`, after });
      onTestFinished(() => index.close());
      return index;
    };
    const numbers = [{ number: 1 }, { number: 2 }];
    const ns = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find((name) => winnerOf(name, numbers)?.number === 2)!;
    const write = (index: Index) =>
      index.transact({
        ns,
        reads: [],
        *decide(tx) {
          tx.put(keys.calls.usage, [ns, 0], { sessions: 0, artifacts: 1, bytes: 0 });
        },
      });
    const a = await open('a');
    await write(a);
    const b = await open('b');
    // The batch finds that its ownership is over, and the replica forgets all that it owned.
    await server.run(`UPDATE "${schema}".owners SET epoch = epoch + 1`);
    await expect(write(a)).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await expect.poll(() => a.trouble).toBeUndefined();
    await expect(write(b)).rejects.toMatchObject({ reason: 'NOT_OWNER', metadata: { owner: 'a:1' } });
    await write(a);
  });
});
