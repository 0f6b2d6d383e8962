/** A server that is lost while nothing is written, and one that hangs: both show, and neither keeps a closing waiting. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { Forwarder } from '../../support/forwarder.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { increment, key, look, put, text, watch, write } from '../support.ts';
import { lockRow, recovered, storeOn, waitingForLocks } from './store.ts';

describe.skipIf('missing' in postgresPrograms())('a server of PostgreSQL that is lost', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  /** Becomes true within the time in which an operator may expect it. */
  const troubled = (index: Index, words: RegExp) =>
    expect.poll(() => index.trouble, { timeout: 15_000 }).toMatch(words);

  const closedInTime = async (index: Index) => {
    const beganMs = performance.now();
    await index.close();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  };

  test('shows at once when it is killed, although nothing is written or read', async () => {
    const { open } = await storeOn(server);
    const told: (string | undefined)[] = [];
    const index: Index = await open({ onTrouble: () => told.push(index.trouble) });
    await increment(index, 'a');
    expect([index.trouble, index.isReadable]).toEqual([undefined, true]);
    await server.kill();
    await troubled(index, /^cannot write: the database cannot be reached; /);
    expect(index.isReadable).toBe(false);
    expect(told.length).toBeGreaterThan(0);
    await server.resume();
    await recovered(index);
    expect(index.isReadable).toBe(true);
    expect(await increment(index, 'a')).toBe(2);
  }, 60_000);

  test('shows within seconds when it does not answer any more, and its store is taken up when it does', async () => {
    const { open } = await storeOn(server);
    const index = await open();
    await increment(index, 'a');
    server.freeze();
    try {
      await troubled(index, /./);
      expect(index.isReadable).toBe(false);
      await troubled(index, /^cannot write: the database does not answer; /);
    } finally {
      server.thaw();
    }
    await recovered(index);
    expect(await increment(index, 'a')).toBe(2);
  }, 90_000);

  test('keeps a closing waiting no longer than five seconds when it hangs', async () => {
    const { open } = await storeOn(server);
    const index = await open();
    await increment(index, 'a');
    expect(text(await index.get(key('a')))).toBe('1');
    server.freeze();
    try {
      await closedInTime(index);
    } finally {
      server.thaw();
    }
    expect(await look(await open({ waitSeconds: 10 }), 'a')).toBe('1');
  }, 60_000);

  test('ends a batch with an unknown outcome when it hangs and the index is closed', async () => {
    const { open, schema } = await storeOn(server);
    const index = await open();
    await write(index, [put('a', '1')]);
    const blocker = await lockRow(server, schema, 'a');
    const writing = watch(write(index, [put('a', '2')]));
    const snapshot = index.snapshot();
    await waitingForLocks(server, 1);
    server.freeze();
    try {
      const reading = watch(snapshot.get(key('a')));
      await closedInTime(index);
      await Promise.all([writing.settled, reading.settled]);
    } finally {
      server.thaw();
    }
    expect(writing.error).toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('the outcome is unknown: '),
    });
    await blocker.query('COMMIT');
  }, 60_000);

  test('ends an opening that hangs in time when it is closed meanwhile', async () => {
    const { open } = await storeOn(server);
    const index = await open();
    await increment(index, 'a');
    await server.kill();
    await troubled(index, /^cannot write: /);
    await server.resume();
    // Whatever of the next opening is under way.
    server.freeze();
    try {
      await closedInTime(index);
    } finally {
      server.thaw();
    }
  }, 60_000);

  test('shows when the network loses its answers, and the next connection works', async () => {
    const { open } = await storeOn(server);
    const forwarder = await Forwarder.before(server.address);
    const index = await open({ url: server.urlAt(forwarder.address) });
    await increment(index, 'a');
    forwarder.isMute = true;
    await troubled(index, /./);
    forwarder.isMute = false;
    await recovered(index);
    expect(await increment(index, 'a')).toBe(2);
  }, 60_000);
});
