/** What replicas have written and not shipped: the order in which it is given positions, and where a chain ends. */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Index, Reader, Snapshot } from '../../../../src/index/door.ts';
import { newestCommit, newestOfRings } from '../../../../src/index/engine/commits.ts';
import { decodeRow } from '../../../../src/index/engine/stored-row.ts';
import { commitRange, keys } from '../../../../src/index/keys.ts';
import { openPostgresIndex } from '../../../../src/index/postgres/postgres.ts';
import { openPostgresReplica, type ReplicaOptions } from '../../../../src/index/postgres/replicas/replica.ts';
import type { Shipments } from '../../../../src/index/shipments.ts';
import { newDirectory } from '../../../support/command.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';

describe.skipIf('missing' in postgresPrograms())('the shipments of replicas', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());

  function store() {
    const schema = server.newSchema();
    const open = async (name: string, options: Partial<ReplicaOptions> = {}) => {
      const index = await openPostgresReplica({
        ...{ url: server.url, schema, address: `${name}:1`, isShipped: true },
        ...options,
      });
      const shipments = index.shipments!;
      onTestFinished(async () => {
        await index.close();
        await shipments?.close();
      });
      return { index, shipments };
    };
    const openAlone = async () => {
      const markPath = `${await newDirectory()}/mark`;
      const index = await openPostgresIndex({ url: server.url, schema, markPath });
      onTestFinished(() => index.close());
      return index;
    };
    return { schema, open, openAlone };
  }

  /** Counts in a row of the namespace; a second row has the same number, in the same transaction. */
  const count = (index: Index, ns: string): Promise<number> =>
    index.transact({
      ns,
      reads: [keys.calls.usage.key(ns, 0)],
      *decide(tx) {
        const artifacts = (tx.get(keys.calls.usage, ns, 0)?.artifacts ?? 0) + 1;
        for (const day of [0, 1]) tx.put(keys.calls.usage, [ns, day], { sessions: 0, artifacts, bytes: 0 });
        // A row that comes and goes.
        if (artifacts % 2 === 0) tx.del(keys.calls.usage, ns, 2);
        else tx.put(keys.calls.usage, [ns, 2], { sessions: 0, artifacts, bytes: 0 });
        return artifacts;
      },
    });

  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

  /** The rows but the commits, by their keys. */
  async function rowsOf(reader: Pick<Reader, 'scan'>): Promise<Map<string, string>> {
    const rows = new Map<string, string>();
    for await (const block of reader.scan({ gte: commitRange.lt, lt: Uint8Array.of(0xff) }))
      for (const [key, value] of block) rows.set(text(key), text(value));
    return rows;
  }

  /** Takes all segments that wait away, and applies their batches to the rows, in order. */
  async function take(
    shipments: Shipments<Snapshot>,
    rows: Map<string, string>,
    positions: number[],
  ): Promise<void> {
    for (const first of await shipments.waiting()) {
      for (const { position, writes } of (await shipments.read(first))!.batches) {
        positions.push(position);
        for (const write of writes) {
          if (write.key[0] === keys.store.commit.code) continue;
          if (write.type === 'del') rows.delete(text(write.key));
          else rows.set(text(write.key), text(decodeRow(write.key, write.value)));
        }
      }
      await shipments.remove(first);
    }
  }

  test('give the same rows, whoever owns a namespace, and cuts between are exact', {
    timeout: 120_000,
  }, async () => {
    const { open, schema } = store();
    const replicas = [await open('a', { leaseSeconds: 3 }), await open('b', { leaseSeconds: 3 })];
    const [a, b] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
    await a.shipments.begin('chain', 0);
    const namespaces = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
    const counts = new Map<string, number>();
    let isOver = false;
    const workers = namespaces.map(async (ns, at) => {
      for (let tries = at; !isOver; tries++) {
        const { index } = replicas[tries % 2]!;
        const counted = await count(index, ns).catch(() => sleep(10).then(() => undefined));
        // Lease times are short: an outcome may be unknown, and the number goes on from it.
        if (counted !== undefined) expect(counted).toBeGreaterThan(counts.get(ns) ?? 0);
        if (counted !== undefined) counts.set(ns, counted);
      }
    });
    const total = () => [...counts.values()].reduce((sum, one) => sum + one, 0);
    const rows = new Map<string, string>();
    const positions: number[] = [];
    for (let round = 0; round < 24; round++) {
      // The lease of one ends: the other takes its namespaces over, while it still writes.
      const address = `${'ab'[round % 2]}:1`;
      await server.run(
        `UPDATE "${schema}".members SET until = clock_timestamp() WHERE address = '${address}'`,
      );
      const { shipments } = replicas[round % 3 === 0 ? 1 : 0]!;
      const [cut] = await Promise.all([shipments.cutIndex(), b.shipments.cut()]);
      expect(cut).toMatchObject({ chain: 'chain' });
      const seen = await rowsOf(cut!.snapshot);
      await cut!.snapshot[Symbol.asyncDispose]();
      const upTo = new Map(rows);
      const after: number[] = [];
      // What the other has cut meanwhile is behind this cut, or in it.
      const waiting = await shipments.waiting();
      for (const first of waiting) {
        for (const { position, writes } of (await shipments.read(first))!.batches) {
          after.push(position);
          if (position > cut!.position) continue;
          for (const write of writes) {
            if (write.key[0] === keys.store.commit.code) continue;
            if (write.type === 'del') upTo.delete(text(write.key));
            else upTo.set(text(write.key), text(decodeRow(write.key, write.value)));
          }
        }
      }
      expect(seen).toEqual(upTo);
      await take(shipments, rows, positions);
      // Both write on before the next cut.
      const counted = total();
      await expect.poll(total, { timeout: 30_000 }).toBeGreaterThan(counted + namespaces.length);
    }
    isOver = true;
    await Promise.all(workers);
    await a.shipments.cut();
    await take(a.shipments, rows, positions);
    expect(positions).toEqual(positions.map((_, at) => at + 2));
    expect(positions.length).toBeGreaterThan(100);
    expect(rows).toEqual(await rowsOf(a.index));
    const takeOvers = replicas.map(({ index }) => index.stats.replica!.takeOvers);
    expect(Math.min(...takeOvers)).toBeGreaterThan(3);
    for (const [ns, counted] of counts) expect(counted, ns).toBeGreaterThan(5);
    expect(await a.shipments.state()).toMatchObject({ chain: 'chain', oldest: undefined, isRooted: false });
  });

  test('are not made by a replica that ships nothing', async () => {
    const { open, schema } = store();
    const { index, shipments } = await open('a', { isShipped: false });
    expect(shipments).toBeUndefined();
    await count(index, 'x');
    expect(await server.run(`SELECT count(*)::int AS n FROM "${schema}".shipments`)).toEqual([{ n: 0 }]);
  });

  test('end their chain when commits were written past them', async () => {
    const { open } = store();
    const a = await open('a');
    await count(a.index, 'x');
    await a.shipments.begin('first', 0);
    await count(a.index, 'x');
    expect(await a.shipments.cut()).toMatchObject({ chain: 'first', position: 3 });
    await a.index.close();
    const silent = await open('silent', { isShipped: false });
    await count(silent.index, 'x');
    await silent.index.close();
    const c = await open('c');
    // Its ring is another one: nothing that waits shows the gap.
    expect(await c.shipments.cut()).toBeUndefined();
    expect(await c.shipments.state()).toMatchObject({ chain: undefined, oldest: undefined });
    await c.shipments.begin('second', 0);
    await count(c.index, 'x');
    expect(await c.shipments.cut()).toMatchObject({ chain: 'second', position: 5 });
  });

  test('end their chain when a batch of the same ring is missing', async () => {
    const { open, schema } = store();
    const a = await open('a');
    await a.shipments.begin('first', 10);
    await count(a.index, 'x');
    await count(a.index, 'x');
    expect(await a.shipments.cut()).toMatchObject({ position: 13 });
    await count(a.index, 'x');
    await server.run(`DELETE FROM "${schema}".shipments WHERE seq = 3`);
    await count(a.index, 'x');
    expect(await a.shipments.cut()).toBeUndefined();
  });

  test('keep their positions until they are shipped, whoever cuts, and are dropped with their chain', async () => {
    const { open } = store();
    const [a, b] = [await open('a'), await open('b')];
    await a.shipments.begin('first', 0);
    await b.shipments.begin('second', 0);
    expect(await a.shipments.state()).toMatchObject({ chain: 'first', isRooted: false });
    await a.shipments.root('second');
    expect(await a.shipments.state()).toMatchObject({ isRooted: false });
    await a.shipments.root('first');
    expect(await b.shipments.state()).toMatchObject({ isRooted: true, segments: 0 });
    const { isHere } = await a.index.owners.ownerOf('x');
    const owner = isHere ? a : b;
    await count(owner.index, 'x');
    await a.shipments.cut();
    const before = await b.shipments.read(2);
    expect(before).toMatchObject({ chain: 'first', isRooted: true });
    await count(owner.index, 'x');
    await b.shipments.cut();
    expect(await a.shipments.read(2)).toEqual(before);
    expect(await a.shipments.waiting()).toEqual([2, 3]);
    expect(await a.shipments.state()).toMatchObject({ segments: 2 });
    await a.shipments.end('second');
    expect(await a.shipments.waiting()).toEqual([2, 3]);
    await a.shipments.end('first');
    expect(await a.shipments.waiting()).toEqual([]);
    expect(await a.shipments.cut()).toBeUndefined();
    expect(await a.shipments.read(2)).toBeUndefined();
    // One that looks only now reads of which chain the next segment is, and gets none of those before.
    await b.shipments.begin('third', 0);
    await count(owner.index, 'x');
    await b.shipments.cut();
    expect(await a.shipments.waiting()).toEqual([5]);
    expect(await a.shipments.read(5)).toMatchObject({ chain: 'third', isRooted: false });
  });

  test('are ended by a process that has the store for itself, whose commits go on above their positions', async () => {
    const { open, openAlone } = store();
    const a = await open('a');
    await a.shipments.begin('chain', 40);
    await count(a.index, 'x');
    await a.shipments.cut();
    await count(a.index, 'x');
    await a.index.close();
    const alone = await openAlone();
    expect((await newestCommit(alone)).seq).toBe(43);
    // What was left behind by a replica can be given no position any more.
    await expect(a.shipments.cut()).rejects.toThrow('another process has the store for itself');
    await alone.close();
    const b = await open('b');
    expect(await b.shipments.state()).toMatchObject({ chain: undefined, oldest: undefined });
    await b.shipments.begin('next', 0);
    await count(b.index, 'x');
    expect(await b.shipments.cut()).toMatchObject({ chain: 'next', position: 45 });
    expect((await newestOfRings(b.index)).seq).toBe(45);
  });

  test('are shipped by one process at a time, unless it hangs', async () => {
    const { open } = store();
    const [a, b] = [await open('a'), await open('b')];
    const order: string[] = [];
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const first = a.shipments.alone(async () => {
      begun.resolve();
      await release.promise;
      order.push('first');
    });
    await begun.promise;
    const second = b.shipments.alone(async () => order.push('second'));
    release.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    const never = Promise.withResolvers<void>();
    const hung = Promise.withResolvers<void>();
    const hangs = a.shipments.alone(async () => {
      hung.resolve();
      await never.promise;
    });
    await hung.promise;
    await b.shipments.alone(async () => order.push('past it'));
    never.resolve();
    await hangs;
    expect(order).toEqual(['first', 'second', 'past it']);
  });
});
