/** What several processes ship of one index: whoever does it, and whatever happens to the one that does. */
import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { exportFormat } from '../../../../src/api/admin/export-format.ts';
import { openMemoryBlobs } from '../../../../src/blobs/memory.ts';
import { parseNamespace } from '../../../../src/domain/names.ts';
import { afterRealTime } from '../../../../src/domain/timer.ts';
import type { Index } from '../../../../src/index/door.ts';
import { commitRange, keys } from '../../../../src/index/keys.ts';
import { ReplicaHome } from '../../../../src/index/postgres/replicas/home.ts';
import { ExportReader } from '../../../../src/store/custody/export.ts';
import { Exports } from '../../../../src/store/custody/exports.ts';
import { StoreHost } from '../../../../src/store/custody/host.ts';
import { hasExportOf, rebuilt, type Shipped } from '../../../../src/store/custody/rebuilt.ts';
import { ReplicaShipping } from '../../../../src/store/custody/replicas/replica-shipping.ts';
import { encodeSegment, segmentName, segmentOf } from '../../../../src/store/custody/segments.ts';
import { storeIdIn } from '../../../../src/store/custody/store-id.ts';
import { openStore } from '../../../../src/store/open.ts';
import type { Step } from '../../../../src/store/rows/steps.ts';
import type { FakeGcs } from '../../../support/gcs/server.ts';
import { PostgresServer, postgresPrograms } from '../../../support/postgres.ts';
import { principalOf, specOf } from '../../../support/specs.ts';
import { batch, openShipped } from '../shipped-rig.ts';

describe.skipIf('missing' in postgresPrograms())('the shipping of replicas', { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let schema: string;
  let fake: FakeGcs;
  let shipped: Shipped;
  const format = exportFormat('test');
  const blobs = openMemoryBlobs();

  beforeAll(async () => {
    server = await PostgresServer.start(['fsync=off']);
  }, 60_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    schema = server.newSchema();
    ({ fake, shipped } = await openShipped());
  });

  interface Replica {
    readonly index: Index;
    readonly host: StoreHost;
    readonly shipping: ReplicaShipping;
    readonly exports: Exports;
    readonly warnings: string[];
    /** Called at each step. */
    onStep: (step: Step) => void | Promise<void>;
    push(ns: string, name: string): Promise<unknown>;
    /** Ends it without a word: it ships nothing any more. */
    silence(): void;
  }

  /** @param gatherMs long: only what a call waits for is shipped. */
  async function open(name: string, gatherMs = 600_000): Promise<Replica> {
    const warnings: string[] = [];
    const parts = { index: undefined as Index | undefined, isSilent: false };
    const hosted = Promise.withResolvers<StoreHost>();
    const replica = { onStep: (_step: Step): void | Promise<void> => undefined };
    const shipping: ReplicaShipping = new ReplicaShipping({
      files: shipped.segments,
      after: (ms, task) => afterRealTime(ms, () => parts.isSilent || task()),
      warn: (message) => warnings.push(message),
      mintChain: () => `${name}${Math.random().toString(16).slice(2)}`,
      onGap: async () => {
        await hosted.promise;
        const { commit, createTime } = await exports.exportNow();
        return { seq: commit, time: createTime };
      },
      hasExportOf: (chain) => hasExportOf(shipped.exports, format, chain),
      gatherMs,
      onStep: (step) => replica.onStep(step),
    });
    const host = await StoreHost.open({
      home: new ReplicaHome({
        ...{ url: server.url, schema, address: `${name}:1`, isShipped: true, leaseSeconds: 2 },
        onLanded: (commit, writes) => shipping.note(commit, writes),
      }),
      open: async (index) => {
        parts.index = index;
        const store = await openStore({ index, blobs, inlineBytesMax: 4_096, removesStale: false });
        const beginning = { isReplaced: false, isUnused: false, index };
        await shipping.begin(await storeIdIn(index), { seq: 0, time: 0 }, beginning);
        return store;
      },
      warn: () => undefined,
    });
    const exports = new Exports({
      ...{ host, files: shipped.exports, segments: shipped.segments, format, isShared: true },
      cut: () => shipping.cutIndex(),
      onExported: (chain) => shipping.exported(chain),
    });
    hosted.resolve(host);
    onTestFinished(async () => {
      fake.isDown = false;
      await host[Symbol.asyncDispose]();
      await shipping.close();
    });
    const push = (ns: string, artifact: string) =>
      host.store.uploads.create(
        principalOf({ namespace: ns }),
        specOf({ session: 's', name: artifact }),
        Buffer.from(artifact),
      );
    const silence = () => {
      parts.isSilent = true;
    };
    return Object.assign(replica, { index: parts.index!, host, shipping, exports, warnings, push, silence });
  }

  /** Two replicas, and a namespace of each. */
  async function openTwo(gatherMs?: number) {
    const [a, b] = [await open('a', gatherMs), await open('b', gatherMs)];
    const ofs: string[] = [];
    for (const replica of [a, b])
      for (let at = 0; ; at++) {
        const ns = `ns${at}`;
        if (!(await replica.index.owners.ownerOf(ns)).isHere) continue;
        await replica.host.store.namespaces.create(parseNamespace('namespace', ns), {
          description: '',
          quota: undefined,
        });
        ofs.push(ns);
        break;
      }
    const [ofA, ofB] = ofs as [string, string];
    return { a, b, ofA, ofB };
  }

  const whenShipped = ({ shipping }: Replica) => shipping.whenShipped(AbortSignal.timeout(30_000));
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const segments = async () => (await shipped.segments.list()).map(({ name }) => name);

  async function rowsOf(index: Index): Promise<string[]> {
    const rows: string[] = [];
    for (const range of [
      { gte: Uint8Array.of(0), lt: commitRange.gte },
      { gte: commitRange.lt, lt: Uint8Array.of(0xff) },
    ])
      for await (const block of index.scan(range))
        for (const row of block) rows.push(row.map(text).join(' '));
    return rows;
  }

  /** The rows that the place gives back, and what was said of it. */
  async function restored(): Promise<{ readonly rows: string[]; readonly said: string }> {
    const rows: string[] = [];
    let said = '';
    const reader = new ExportReader();
    const onFound = (message: string) => {
      said = message;
    };
    for await (const part of rebuilt(shipped, { format, onFound }))
      rows.push(...reader.take(part).map((row) => row.map(text).join(' ')));
    reader.end();
    return { rows, said };
  }

  it('ends when what both have written can be restored, whichever is asked', async () => {
    const { a, b, ofA, ofB } = await openTwo();
    for (let at = 0; at < 5; at++) {
      await a.push(ofA, `a${at}`);
      await b.push(ofB, `b${at}`);
      await whenShipped(at % 2 === 0 ? a : b);
      expect((await restored()).rows).toEqual(await rowsOf(a.index));
    }
    // All segments after the first export are of one chain, which no gap ends.
    expect((await restored()).said).toMatch(/up to commit \d+ of [^;]*$/);
    expect((await shipped.exports.list()).length).toBe(1);
    const [restorable, now] = [a.shipping.restorableTime, a.index.now()];
    expect(restorable).toBeGreaterThan(now - 95_000);
    expect(restorable).toBeLessThan(now - 85_000);
    expect([...a.warnings, ...b.warnings]).toEqual([]);
  });

  it('is done by the others when one is silent, in the usual time', async () => {
    const { a, b, ofA } = await openTwo(300);
    await a.push(ofA, 'before');
    await whenShipped(a);
    a.silence();
    await a.push(ofA, 'after');
    await expect.poll(async () => (await restored()).rows, { timeout: 5_000 }).toEqual(await rowsOf(b.index));
    await expect.poll(() => b.shipping.lagMs).toBe(0);
  });

  it('goes on where one was killed between a segment and the removal of its batches', async () => {
    const { a, b, ofA, ofB } = await openTwo();
    await whenShipped(a);
    const reached = Promise.withResolvers<void>();
    a.onStep = (step) => {
      if (step !== 'segment.published') return;
      reached.resolve();
      throw new Error('killed');
    };
    await a.push(ofA, 'one');
    await b.push(ofB, 'two');
    a.shipping.whenShipped(AbortSignal.timeout(1_000)).catch(() => undefined);
    await reached.promise;
    a.silence();
    const before = await segments();
    await a.push(ofA, 'three');
    await b.push(ofB, 'four');
    await whenShipped(b);
    // The segment that was there stays as it was, and one has what came after it.
    expect((await segments()).length).toBe(before.length + 1);
    expect(await restored()).toMatchObject({
      rows: await rowsOf(b.index),
      said: expect.not.stringContaining(';'),
    });
    expect(b.warnings).toEqual([]);
  });

  it('is not disturbed by one that writes late what others have shipped', async () => {
    const { a, b, ofA, ofB } = await openTwo();
    await whenShipped(a);
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    a.onStep = async (step) => {
      if (step !== 'segment.begun') return;
      begun.resolve();
      await release.promise;
    };
    const count = (await segments()).length;
    await a.push(ofA, 'one');
    const late = whenShipped(a);
    await begun.promise;
    for (const name of ['two', 'three']) {
      await b.push(ofB, name);
      await whenShipped(b);
    }
    const segment = (await segments())[count]!;
    // Meanwhile it was trimmed, too.
    await shipped.segments.remove(segment);
    await b.exports.exportNow();
    await b.push(ofB, 'four');
    await whenShipped(b);
    release.resolve();
    await late;
    expect(await segments()).toContain(segment);
    expect(await restored()).toMatchObject({
      rows: await rowsOf(b.index),
      said: expect.not.stringContaining(';'),
    });
    expect([...a.warnings, ...b.warnings]).toEqual([]);
  });

  it('waits for a place that does not answer, and says so once', async () => {
    const { a, b, ofA } = await openTwo();
    await whenShipped(a);
    fake.isDown = true;
    await a.push(ofA, 'one');
    await expect(a.shipping.whenShipped(AbortSignal.timeout(3_000))).rejects.toThrow('timeout');
    expect(a.warnings).toEqual([expect.stringContaining('changes of the index cannot be shipped: ')]);
    expect(a.shipping.lagMs).toBeGreaterThan(0);
    fake.isDown = false;
    await whenShipped(b);
    expect((await restored()).rows).toEqual(await rowsOf(a.index));
  });

  it('drops what waits when it is too much, and then needs an export', async () => {
    const { a, b, ofA } = await openTwo();
    await whenShipped(a);
    fake.isDown = true;
    const large = Buffer.alloc(7 * 1024 * 1024, 'x').toString();
    for (let at = 0; at < 10; at++)
      await a.index.transact({
        ns: ofA,
        reads: [],
        *decide(tx) {
          tx.put(keys.sessions.name, [ofA, `large${at}`], large as never);
        },
      });
    await expect
      .poll(() => a.warnings, { timeout: 20_000 })
      .toContainEqual(
        'too many changes of the index wait to be shipped: they are dropped, and an export is needed',
      );
    const waiting = async () =>
      Number((await server.run(`SELECT count(*)::int AS n FROM "${schema}".shipments`))[0]!.n);
    await expect.poll(waiting).toBe(0);
    expect((await a.index.shipments!.state()).isRooted).toBe(false);
    await a.index.transact({
      ns: ofA,
      reads: [],
      *decide(tx) {
        for (let at = 0; at < 10; at++) tx.del(keys.sessions.name, ofA, `large${at}`);
      },
    });
    fake.isDown = false;
    await whenShipped(b);
    expect(await restored()).toMatchObject({
      rows: await rowsOf(a.index),
      said: expect.not.stringContaining(';'),
    });
  });

  it('ends when a service on a copy of the store ships, too, until it is started again', async () => {
    const { a, b, ofA } = await openTwo();
    await whenShipped(a);
    await whenShipped(b);
    const storeId = await storeIdIn(a.index);
    const { position } = (await a.index.shipments!.cut())!;
    const foreign = encodeSegment({ storeId, chain: 'other', isRooted: true }, [batch(position + 1)]);
    await shipped.segments.write(
      segmentName(position + 1, storeId),
      storeId,
      (async function* () {
        yield foreign;
      })(),
    );
    await a.push(ofA, 'one');
    const words = 'two services run on copies of one store';
    await expect(whenShipped(a)).rejects.toThrow(words);
    await expect(whenShipped(b)).rejects.toThrow(words);
    await expect(whenShipped(b)).rejects.toThrow(words);
    const c = await open('c');
    await whenShipped(c);
    expect(segmentOf((await segments()).at(-1)!).first).toBeGreaterThanOrEqual(position + 1);
    expect((await restored()).rows).toEqual(await rowsOf(c.index));
  });

  it('begins anew above the place when the database was restored to an earlier state', async () => {
    const { a, ofA } = await openTwo();
    await whenShipped(a);
    await a.push(ofA, 'kept');
    const tables = ['rows', 'shipments', 'numbered', 'shipping'];
    const copies = tables.map((t) => `CREATE TABLE "${schema}"."old ${t}" AS SELECT * FROM "${schema}".${t}`);
    await server.run(copies.join(';'));
    await whenShipped(a);
    for (let at = 0; at < 3; at++) {
      await a.push(ofA, `lost${at}`);
      await whenShipped(a);
    }
    const highest = await a.shipping.highestCommit();
    a.silence();
    await server.run(
      tables
        .map(
          (t) =>
            `TRUNCATE "${schema}".${t}; INSERT INTO "${schema}".${t} OVERRIDING SYSTEM VALUE SELECT * FROM "${schema}"."old ${t}"`,
        )
        .join(';'),
    );
    const c = await open('c');
    await whenShipped(c);
    expect((await c.index.shipments!.cut())!.position).toBeGreaterThanOrEqual(highest);
    expect((await restored()).rows).toEqual(await rowsOf(c.index));
    expect(c.warnings).toEqual([]);
  });

  it('begins anew with an export when the place is another one', async () => {
    const { a, ofA } = await openTwo();
    await whenShipped(a);
    await a.push(ofA, 'one');
    await whenShipped(a);
    ({ fake, shipped } = await openShipped());
    const c = await open('c');
    await whenShipped(c);
    expect((await restored()).rows).toEqual(await rowsOf(c.index));
  });

  it('writes nothing to the place before the first use', async () => {
    const a = await open('a', 50);
    await new Promise<void>((resolve) => void afterRealTime(500, resolve));
    expect([await shipped.exports.list(), await segments()]).toEqual([[], []]);
    await a.push('default', 'x');
    await expect.poll(async () => (await shipped.exports.list()).length, { timeout: 10_000 }).toBe(1);
    await whenShipped(a);
    expect((await restored()).rows).toEqual(await rowsOf(a.index));
  });
});
