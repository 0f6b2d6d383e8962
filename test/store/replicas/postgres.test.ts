/** Two stores over two replicas of a real index, as two processes have them. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import { openPostgresReplica } from '../../../src/index/postgres/replicas/replica.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import type { Replica } from '../../support/replicas.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { principalOf } from '../../support/specs.ts';
import { take } from '../watch/watch-rig.ts';
import { push } from './rig.ts';

describe.skipIf('missing' in postgresPrograms())('two stores over one database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test('start at once, and what one commits is told to who watches at the other, also when it takes over', async () => {
    const schema = server.newSchema();
    const blobs = openMemoryBlobs();
    const opened = async (name: string) => {
      const address = `${name}:1`;
      const index = await openPostgresReplica({
        url: server.url,
        schema,
        address,
        leaseSeconds: 10,
        warn: () => undefined,
      });
      const store = await openCheckedStore({ index, blobs });
      return { index, store, reads: () => 0 } satisfies Replica;
    };
    const both = await Promise.all([opened('a'), opened('b')]);
    onTestFinished(() => server.drop(schema));
    const isOwner = await Promise.all(both.map(({ index }) => index.owners.ownerOf('default')));
    const [owner, other] = isOwner[0]!.isHere ? both : both.toReversed();
    expect(other!.store.tokenKey).toEqual(owner!.store.tokenKey);
    await push(owner!, 'default', 'n1', 'x');
    const request = {
      session: parseSessionId('session', 's'),
      after: 0,
      sealOnly: false,
      waitForOpen: false,
    };
    const { signal } = new AbortController();
    const events = other!.store.watch(principalOf({}), request, signal)[Symbol.asyncIterator]();
    expect(await take(events, 1)).toEqual(['1 n1']);
    await push(owner!, 'default', 'n2', 'x');
    expect(await take(events, 1)).toEqual(['2 n2']);
    await owner!.store[Symbol.asyncDispose]();
    // As a call does that did not reach the owner.
    for (const ns of ['', 'default']) other!.index.owners.forget(ns);
    await push(other!, 'default', 'n3', 'x');
    expect(await take(events, 1)).toEqual(['3 n3']);
    expect(await other!.index.owners.ownerOf('')).toEqual({ isHere: true });
    await other!.store[Symbol.asyncDispose]();
  }, 60_000);
});
