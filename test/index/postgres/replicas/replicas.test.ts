/** Several replicas over one database: who owns what, and what one that was deposed can still do. */
import { Buffer } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Index } from '../../../../src/index/door.ts';
import { keys } from '../../../../src/index/keys.ts';
import { openPostgresIndex, type PostgresIndexOptions } from '../../../../src/index/postgres/postgres.ts';
import { openPostgresReplica, type ReplicaOptions } from '../../../../src/index/postgres/replicas/replica.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';
import { ManualTimer } from '../../support.ts';

describe.skipIf('missing' in postgresPrograms())('replicas over one database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  /** A replica whose lease is renewed when the test says so, and ends as time passes for it. */
  interface Replica {
    readonly index: Index;
    readonly timer: ManualTimer;
    readonly warnings: string[];
    /** The time that has passed for it besides that which really has, in milliseconds. */
    skew: number;
    /** Renews the lease, and moves what is to be moved. */
    beat(): Promise<void>;
  }

  interface Store {
    readonly schema: string;
    open(name: string, options?: Partial<ReplicaOptions>): Promise<Replica>;
    /** Opens it for one process. */
    openAlone(options?: Partial<PostgresIndexOptions>): Promise<Index>;
    /** The server ends the lease of the replica at that address: it was silent for too long. */
    expire(address: string): Promise<void>;
  }

  /** Longer than any test takes: nothing is renewed but by the test. */
  const leaseSeconds = 300;

  function store(): Store {
    const schema = server.newSchema();
    const ends: (() => Promise<unknown>)[] = [];
    onTestFinished(async () => {
      for (const end of ends.reverse()) await end();
      await server.drop(schema);
    });
    return {
      schema,
      open: async (name, options = {}) => {
        const timer = new ManualTimer();
        const warnings: string[] = [];
        const replica = { timer, warnings, skew: 0 };
        const index = await openPostgresReplica({
          url: server.url,
          schema,
          address: `${name}:1`,
          leaseSeconds,
          after: timer.after,
          elapsed: () => performance.now() + replica.skew,
          warn: (message) => warnings.push(message),
          ...options,
        });
        ends.push(() => index.close());
        const beat = async () => {
          await timer.fireWhenDue((leaseSeconds * 1_000) / 5);
          // The next beat is set when this one has ended.
          await expect.poll(() => timer.pending).toBeGreaterThan(0);
        };
        return Object.assign(replica, { index, beat });
      },
      openAlone: async (options = {}) => {
        const home = await mkdtemp(join(tmpdir(), 'artifacta-replicas-'));
        ends.push(() => rm(home, { recursive: true, force: true }));
        const markPath = join(home, 'mark');
        const index = await openPostgresIndex({
          url: server.url,
          schema,
          markPath,
          waitSeconds: 0.1,
          ...options,
        });
        ends.push(() => index.close());
        return index;
      },
      expire: async (address) => {
        await server.run(
          `UPDATE "${schema}".members SET until = clock_timestamp() - interval '1 s' WHERE address = '${address}'`,
        );
      },
    };
  }

  /** Counts in a row of the namespace, by a transaction. */
  function count(index: Index, ns: string): Promise<number> {
    return index.transact({
      ns,
      reads: [keys.calls.usage.key(ns, 0)],
      *decide(tx) {
        const artifacts = (tx.get(keys.calls.usage, ns, 0)?.artifacts ?? 0) + 1;
        tx.put(keys.calls.usage, [ns, 0], { sessions: 0, artifacts, bytes: 0 });
        return artifacts;
      },
    });
  }

  /** Reads that row, in a transaction that writes nothing. */
  const look = (index: Index, ns: string): Promise<number | undefined> =>
    index.transact({
      ns,
      reads: [keys.calls.usage.key(ns, 0)],
      *decide(tx) {
        return tx.get(keys.calls.usage, ns, 0)?.artifacts;
      },
    });

  const read = async (index: Index, ns: string): Promise<number | undefined> => {
    await using snapshot = index.snapshot();
    const value = await snapshot.get(keys.calls.usage.key(ns, 0));
    return value && keys.calls.usage.decode(value).artifacts;
  };
  const names = Array.from({ length: 20 }, (_, at) => `ns${at}`);

  test('every namespace has one owner, and who is not that one says who is', async () => {
    const { open } = store();
    const [a, b] = [await open('a'), await open('b')];
    await a.beat();
    await b.beat();
    const owners = new Map<string, string>();
    for (const ns of names) {
      const [byA, byB] = [await a.index.owners.ownerOf(ns), await b.index.owners.ownerOf(ns)];
      expect([byA.isHere, byB.isHere].filter(Boolean)).toHaveLength(1);
      const [owner, other, address] = byA.isHere ? [a, b, 'a:1'] : [b, a, 'b:1'];
      expect(byA.isHere ? byB : byA).toEqual({ isHere: false, address });
      expect(await count(owner.index, ns)).toBe(1);
      await expect(count(other.index, ns)).rejects.toMatchObject({
        reason: 'NOT_OWNER',
        metadata: { owner: address },
      });
      owners.set(ns, address);
    }
    expect(new Set(owners.values())).toEqual(new Set(['a:1', 'b:1']));
  });

  test('a snapshot has everything that any replica has acknowledged before it was taken', async () => {
    const { open } = store();
    const [a, b] = [await open('a'), await open('b')];
    for (let time = 1; time <= 10; time++) {
      await using older = b.index.snapshot();
      const before = await older.get(keys.calls.usage.key('x', 0));
      await count(a.index, 'x');
      expect(await read(b.index, 'x')).toBe(time);
      expect(await older.get(keys.calls.usage.key('x', 0))).toEqual(before);
    }
  });

  test('a replica that stops hands its namespaces over at once', async () => {
    const { open } = store();
    const [a, b] = [await open('a'), await open('b')];
    await count(a.index, 'x');
    await expect(count(b.index, 'x')).rejects.toMatchObject({ reason: 'NOT_OWNER' });
    for (const { index } of [a, b]) await index.owners.serve();
    await a.index.owners.leave();
    await expect(count(a.index, 'x')).rejects.toMatchObject({ reason: 'NOT_OWNER' });
    b.index.owners.forget('x');
    // Before anything else is heard of the other, and before that has ended.
    expect(await count(b.index, 'x')).toBe(2);
  });

  test('a replica that does not take calls yet is given nothing while another takes them', async () => {
    const { open } = store();
    const a = await open('a');
    await a.index.owners.serve();
    const b = await open('b');
    for (const ns of names) {
      expect(await b.index.owners.ownerOf(ns)).toEqual({ isHere: false, address: 'a:1' });
      expect(await count(a.index, ns)).toBe(1);
    }
    await b.index.owners.serve();
    const owned = await Promise.all(names.map((ns) => b.index.owners.ownerOf(`${ns}-b`)));
    expect(owned.filter(({ isHere }) => isHere).length).toBeGreaterThan(4);
  });

  test('what a replica owned that has fallen silent is taken over, and it can do nothing about that any more', async () => {
    const { open, expire } = store();
    const [a, b] = [await open('a'), await open('b')];
    await count(a.index, 'x');
    await count(a.index, 'x');
    await expire('a:1');
    await b.beat();
    expect(await count(b.index, 'x')).toBe(3);
    // It does not know yet.
    await expect(count(a.index, 'x')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    // It does now, and it goes on.
    await expect.poll(() => a.index.trouble).toBeUndefined();
    await expect(count(a.index, 'x')).rejects.toMatchObject({
      reason: 'NOT_OWNER',
      metadata: { owner: 'b:1' },
    });
    expect(await read(a.index, 'x')).toBe(3);
  });

  test('a replica whose lease has run out answers nothing from what it remembers', async () => {
    const { open } = store();
    const a = await open('a');
    await count(a.index, 'x');
    expect(await look(a.index, 'x')).toBe(1);
    a.skew = leaseSeconds * 1_000;
    await expect(look(a.index, 'x')).rejects.toMatchObject({ reason: 'NOT_OWNER' });
  });

  test('a read of a replica whose lease has run out, which it has not heard of yet, is not from memory', async () => {
    const { open, expire } = store();
    const [a, b] = [await open('a'), await open('b')];
    await count(a.index, 'x');
    const get = async () => {
      const [value] = await a.index.cached.getMany([keys.calls.usage.key('x', 0)]);
      return keys.calls.usage.decode(value!).artifacts;
    };
    // Often enough that the row is kept in memory.
    for (let time = 1; time <= 5; time++) expect(await get()).toBe(1);
    a.skew = leaseSeconds * 1_000;
    await expire('a:1');
    await b.beat();
    await count(b.index, 'x');
    expect(await get()).toBe(2);
  });

  test('a replica that comes back after its lease has ended goes on, and sees what others wrote meanwhile', async () => {
    const { open, expire } = store();
    const [a, b] = [await open('a'), await open('b')];
    // Often enough that the row is kept in memory.
    for (let time = 1; time <= 5; time++) await count(a.index, 'x');
    await expire('a:1');
    await b.beat();
    expect(await count(b.index, 'x')).toBe(6);
    await a.beat();
    expect(a.warnings.join()).toContain('the lease of this replica had ended');
    await b.index.close();
    await a.beat();
    expect(await look(a.index, 'x')).toBe(6);
    expect(await count(a.index, 'x')).toBe(7);
  });

  test('namespaces move to a replica that comes, when it has lived for a while', async () => {
    const { open } = store();
    const a = await open('a');
    for (const ns of names) await count(a.index, ns);
    const b = await open('b');
    for (let beat = 0; beat < 8; beat++) {
      await b.beat();
      await a.beat();
    }
    let moved = 0;
    for (const ns of names) {
      const owner = await b.index.owners.ownerOf(ns);
      if (owner.isHere) moved++;
      expect(await count(owner.isHere ? b.index : a.index, ns)).toBe(2);
    }
    expect(moved).toBeGreaterThan(4);
    expect(moved).toBeLessThan(16);
  });

  test('what was given up in its favour belongs to a replica when it asks, although it knows the owner before', async () => {
    const { open } = store();
    const a = await open('a');
    for (const ns of names) await count(a.index, ns);
    const b = await open('b');
    await b.beat();
    for (const ns of names) expect((await b.index.owners.ownerOf(ns)).isHere).toBe(false);
    // Nobody calls; the replicas only go on living.
    for (let at = 0; at < 8; at++) {
      await a.beat();
      await b.beat();
    }
    const here = async (index: Index, ns: string) => (await index.owners.ownerOf(ns)).isHere;
    const taken = [];
    for (const ns of names) if (await here(b.index, ns)) taken.push(ns);
    expect(taken.length).toBeGreaterThan(0);
    // Each has one owner, and none is left without.
    for (const ns of names) expect(await here(a.index, ns)).toBe(!taken.includes(ns));
  });

  test('times and ids grow from owner to owner, and to a process that has the store for itself', async () => {
    const { open, openAlone } = store();
    const mint = (index: Index) =>
      index.transact({
        ns: 'x',
        reads: [],
        *decide(tx) {
          tx.put(keys.calls.usage, ['x', 1], { sessions: 0, artifacts: 0, bytes: 0 });
          return { now: tx.now, id: Buffer.from(tx.mintId()).toString('hex') };
        },
      });
    const inOrder: { now: number; id: string }[] = [];
    const a = await open('a');
    // Its clock has gone fast since its last beat.
    a.skew = 5_000;
    inOrder.push(await mint(a.index));
    const b = await open('b');
    await a.index.close();
    await b.beat();
    inOrder.push(await mint(b.index));
    await b.index.close();
    // Its clock goes slow by an hour.
    const alone = await openAlone({ clock: () => Date.now() - 3_600_000 });
    inOrder.push(await mint(alone));
    await alone.close();
    const c = await open('c');
    inOrder.push(await mint(c.index));
    for (const [at, { now, id }] of inOrder.slice(1).entries()) {
      const before = inOrder[at]!;
      expect(now).toBeGreaterThanOrEqual(before.now);
      expect(id > before.id).toBe(true);
    }
  });

  test('a beat whose answer was long under way does not set the clock', async () => {
    const { open, schema } = store();
    const a = await open('a');
    const behindMs = async () => {
      const [row] = await server.run('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now');
      return Math.abs((row!.now as number) - a.index.now());
    };
    expect(await behindMs()).toBeLessThan(500);
    // Both clocks have to go on meanwhile, for so long that half of it would show.
    const locked = server.run(
      `BEGIN; LOCK TABLE "${schema}".members IN EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT`,
    );
    await expect
      .poll(async () => {
        const locks = `SELECT count(*)::int AS n FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation IS NOT NULL`;
        return (await server.run(locks))[0]!.n;
      })
      .toBe(1);
    await a.beat();
    await locked;
    expect(await behindMs()).toBeLessThan(500);
  });

  test('a process whose place another has by now writes nothing, and ends', async () => {
    const { open, schema } = store();
    const lost: unknown[] = [];
    const a = await open('a', { onLost: (error) => lost.push(error) });
    await count(a.index, 'x');
    await server.run(`UPDATE "${schema}".members SET until = clock_timestamp() - interval '1 hour'`);
    const b = await open('b');
    await expect(count(a.index, 'x')).rejects.toMatchObject({ metadata: { lock: 'lost' } });
    expect(lost).toHaveLength(1);
    expect(await count(b.index, 'x')).toBe(2);
  });

  test('replicas and a process that has the store for itself keep each other out', async () => {
    const { open, openAlone } = store();
    const a = await open('a');
    await count(a.index, 'x');
    await expect(openAlone()).rejects.toMatchObject({ metadata: { lock: 'held' } });
    await a.index.close();
    const alone = await openAlone();
    expect(await count(alone, 'x')).toBe(2);
    await expect(open('b')).rejects.toMatchObject({
      metadata: { lock: 'held' },
      message: expect.stringContaining('for itself alone'),
    });
  });

  test('a replica whose connection was cut can write nothing after a process has taken the store for itself', async () => {
    const { open, openAlone } = store();
    const lost: unknown[] = [];
    const a = await open('a', { onLost: (error) => lost.push(error) });
    await count(a.index, 'x');
    await server.run(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'artifacta'`,
    );
    const alone = await openAlone();
    await expect(count(a.index, 'x')).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(await count(alone, 'x')).toBe(2);
  });

  test('a replica with other settings is refused', async () => {
    const { open } = store();
    const settings = { 'place of contents': 'bucket one', secret: 'x' };
    await open('a', { settings });
    const refused = async (other: Record<string, string>) => {
      const error = await open('b', { settings: other }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
      return (error as Error).message;
    };
    expect(await refused({ ...settings, 'place of contents': 'bucket two' })).toBe(
      'the replica at a:1 has another place of contents: all replicas of a store need the same',
    );
    expect(await refused({ secret: 'y' })).toContain(
      'has another place of contents and another secret: all replicas',
    );
    await open('b', { settings: { ...settings } });
  });
});
