/**
 * A primary that is killed, and a standby that takes over, behind an address that stays: with a synchronous standby
 * nothing acknowledged is lost, and with another one it shows what is.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../src/index/door.ts';
import { openPostgresIndex } from '../../../src/index/postgres/postgres.ts';
import { Forwarder } from '../../support/forwarder.ts';
import { PostgresServer, postgresPrograms } from '../../support/postgres.ts';
import { increment, look, put, rowsOf, watch, write } from '../support.ts';
import { recovered } from './store.ts';

const programs = postgresPrograms('pg_basebackup');
if ('missing' in programs) console.warn(`skipped, standbys of PostgreSQL: ${programs.missing}`);

describe.skipIf('missing' in programs)(
  'a standby of PostgreSQL that takes over',
  { timeout: 120_000 },
  () => {
    interface Pair {
      readonly primary: PostgresServer;
      readonly standby: PostgresServer;
      /** Leads to the primary. */
      readonly forwarder: Forwarder;
      readonly damages: Error[];
      open(): Promise<Index>;
    }

    async function pair(): Promise<Pair> {
      const home = await mkdtemp(join(tmpdir(), 'artifacta-failover-'));
      onTestFinished(() => rm(home, { recursive: true, force: true }));
      const primary = await PostgresServer.start();
      onTestFinished(() => primary[Symbol.asyncDispose]());
      const standby = await PostgresServer.standbyOf(primary, 'second');
      onTestFinished(() => standby[Symbol.asyncDispose]());
      const forwarder = await Forwarder.before(primary.address);
      const damages: Error[] = [];
      const open = async () => {
        const index = await openPostgresIndex({
          url: primary.urlAt(forwarder.address),
          schema: 'store',
          markPath: join(home, 'mark'),
          onDamage: (damage) => damages.push(damage),
        });
        onTestFinished(() => index.close());
        return index;
      };
      return { primary, standby, forwarder, damages, open };
    }

    async function makeSynchronous(primary: PostgresServer): Promise<void> {
      await primary.run(`ALTER SYSTEM SET synchronous_standby_names = 'second'`);
      await primary.run('SELECT pg_reload_conf()');
      const states = () => primary.run('SELECT sync_state FROM pg_stat_replication');
      await expect.poll(states, { timeout: 10_000 }).toEqual([{ sync_state: 'sync' }]);
    }

    async function failOver({ primary, standby, forwarder }: Pair): Promise<void> {
      await primary.kill();
      await standby.run('SELECT pg_promote()');
      forwarder.target = standby.address;
    }

    /** Until the standby has all that the primary has written. */
    async function caughtUp({ primary, standby }: Pair): Promise<void> {
      const [written] = await primary.run('SELECT pg_current_wal_lsn()::text AS lsn');
      const has = `SELECT pg_last_wal_replay_lsn() >= '${written!.lsn}'::pg_lsn AS has`;
      await expect.poll(async () => (await standby.run(has))[0]!.has).toBe(true);
    }

    async function stopStreaming({ primary, standby }: Pair): Promise<void> {
      await standby.run(`ALTER SYSTEM SET primary_conninfo = ''`);
      await standby.run('SELECT pg_reload_conf()');
      await expect.poll(() => primary.run('SELECT pid FROM pg_stat_replication')).toEqual([]);
    }

    test('with a synchronous standby nothing that was acknowledged is lost, and the service goes on', async () => {
      const place = await pair();
      await makeSynchronous(place.primary);
      const index = await place.open();
      const acknowledged = new Set<string>();
      const enough = Promise.withResolvers<void>();
      let next = 0;
      let isOver = false;
      const worker = async () => {
        while (!isOver) {
          const name = String(next++);
          await write(index, [put(name, name)]).then(
            () => acknowledged.add(name),
            () => new Promise((resolve) => setImmediate(resolve)),
          );
          if (acknowledged.size > 300) enough.resolve();
        }
      };
      const workers = Array.from({ length: 16 }, worker);
      await enough.promise;
      await failOver(place);
      await recovered(index);
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size).toBeGreaterThan(before + 100);
      isOver = true;
      await Promise.all(workers);
      const found = new Map(await rowsOf(index));
      expect([...acknowledged].filter((name) => found.get(name) !== name)).toEqual([]);
      expect(place.damages).toEqual([]);
      await index.close();
      expect(await increment(await place.open(), 'counter')).toBe(1);
    });

    test('with a synchronous standby that does not answer nothing is acknowledged', async () => {
      const place = await pair();
      await makeSynchronous(place.primary);
      const index = await place.open();
      expect(await increment(index, 'a')).toBe(1);
      place.standby.freeze();
      const writing = watch(increment(index, 'a'));
      const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
      await expect.poll(async () => (await place.primary.run(waiting))[0]!.n).toBe(1);
      expect(writing.state).toBe('pending');
      place.standby.thaw();
      await writing.settled;
      expect(writing.value).toBe(2);
    });

    test('a standby that lacks the last commits is noticed by the service that goes on, and by the next one', async () => {
      const place = await pair();
      const index = await place.open();
      for (let round = 0; round < 3; round++) await increment(index, 'a');
      await caughtUp(place);
      await stopStreaming(place);
      for (let round = 0; round < 2; round++) await increment(index, 'a');
      await failOver(place);
      const lost = {
        reason: 'DATA_LOSS',
        message:
          'the index lost commits 4..5: perhaps a standby has taken over that had not received them, or the database ' +
          'was restored',
      };
      await expect.poll(() => place.damages, { timeout: 30_000 }).toMatchObject([lost]);
      await expect(look(index, 'a')).rejects.toMatchObject(lost);
      await expect(rowsOf(index)).rejects.toMatchObject(lost);
      await index.close();
      await expect(place.open()).rejects.toMatchObject(lost);
    });
  },
);
