/** What happens when things happen at once, or when what was read is no longer so. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { Failure } from '../../../src/domain/errors.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { MemoryRows } from '../../../src/index/memory/rows.ts';
import { Upload } from '../../../src/store/artifacts/upload.ts';
import { someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { openTestStore, startOfTime } from '../../support/service.ts';
import { sessionNamed, specOf, target, tester } from '../../support/specs.ts';

describe('pushes at once', () => {
  it('of one name give each version a number of its own', async () => {
    await using opened = await openTestStore();
    const spec = specOf({ session: 's', name: 'a' });
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        opened.store.uploads.create(tester, spec, Buffer.from(`content ${at}`)),
      ),
    );
    const versions = results.map(({ artifact }) => artifact.version).sort((a, b) => a - b);
    expect(versions).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it('of one request id make one artifact', async () => {
    await using opened = await openTestStore();
    const spec = specOf({ session: 's', name: 'a', requestId: 'r' });
    const bytes = someBytes(50_000);
    const results = await Promise.all(
      Array.from({ length: 10 }, () => opened.store.uploads.create(tester, spec, bytes)),
    );
    expect(new Set(results.map(({ artifact }) => artifact.id)).size).toBe(1);
    expect(results.filter(({ receipt }) => !receipt.replayed)).toHaveLength(1);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it('of one request id succeed all, also if the session is sealed while the second looks at the first', async () => {
    let whenLooked: (() => Promise<unknown>) | undefined;
    const observed = (index: Index): Index =>
      Object.create(index, {
        cached: {
          value: {
            getMany: async (...wanted: Parameters<Index['getMany']>) => {
              const values = await index.cached.getMany(...wanted);
              const then = whenLooked;
              whenLooked = undefined;
              await then?.();
              return values;
            },
          },
        },
      });
    await using opened = await openTestStore({ inlineBytesMax: 0 }, async (clock) =>
      observed(await openMemoryIndex({ clock })),
    );
    const { uploads, seals } = opened.store;
    const spec = specOf({ session: 's', name: 'a', requestId: 'r' });
    const bytes = someBytes(100);
    let first: string | undefined;
    whenLooked = async () => {
      first = (await uploads.create(tester, spec, bytes)).artifact.id;
      await seals.seal(tester, spec.session, 'succeeded');
    };
    const second = await uploads.create(tester, spec, bytes);
    expect(first).toBeDefined();
    expect(second).toMatchObject({ artifact: { id: first }, receipt: { replayed: true } });
  });

  it('of the same new content keep one copy and condemn the others', async () => {
    await using opened = await openTestStore();
    const bytes = someBytes(50_000);
    await Promise.all(
      Array.from({ length: 5 }, (_, at) =>
        opened.store.uploads.create(tester, specOf({ session: 's', name: `n${at}` }), bytes),
      ),
    );
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
    const live = await count(opened.index, keys.blobs.record.range());
    const condemned = await count(opened.index, keys.blobs.condemned.range());
    const names = await Array.fromAsync(allNames(opened));
    expect(live).toBe(1);
    expect(names).toHaveLength(live + condemned);
    expect(opened.blobs.stagedCount).toBe(0);
  });
});

describe('an upload', () => {
  it('whose session is sealed meanwhile is refused, and its bytes are condemned', async () => {
    await using opened = await openTestStore();
    const { uploads, sessions: opener, seals } = opened.store;
    await opener.open(tester, sessionNamed('s'));
    const upload = await uploads.begin(tester, specOf({ session: 's', name: 'a' }));
    if (!(upload instanceof Upload)) throw new Error('a replay');
    await upload.write(someBytes(50_000));
    await seals.seal(tester, sessionNamed('s').id, 'failed');
    await expect(upload.finish({ sizeBytes: 50_000, sha256: undefined })).rejects.toMatchObject({
      reason: 'SESSION_SEALED',
    });
    await upload[Symbol.asyncDispose]();
    expect(opened.blobs.stagedCount).toBe(0);
    expect(await count(opened.index, keys.blobs.condemned.range())).toBe(1);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it('that is disposed leaves nothing', async () => {
    await using opened = await openTestStore();
    const upload = await opened.store.uploads.begin(tester, specOf({ session: 's', name: 'a' }));
    if (!(upload instanceof Upload)) throw new Error('a replay');
    await upload.write(someBytes(50_000));
    expect(opened.blobs.stagedCount).toBe(1);
    await upload[Symbol.asyncDispose]();
    expect(opened.blobs.stagedCount).toBe(0);
    expect(await Array.fromAsync(allNames(opened))).toEqual([]);
  });

  it('publishes its bytes when those that were stored have vanished', async () => {
    const bytes = someBytes(50_000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const inner = await openMemoryIndex({ clock: () => startOfTime });
    // Reads outside transactions see a blob that a collector has removed since.
    const stale = new Proxy(inner, {
      get(target, property) {
        if (property !== 'get') return bound(target, property);
        return async (key: Uint8Array) => {
          const isBlob = Buffer.compare(key, keys.blobs.record.key('default', sha256 as never)) === 0;
          return isBlob ? keys.blobs.record.encode({ name: 'gone', size: 50_000, refs: 1 }) : inner.get(key);
        };
      },
    });
    await using opened = await openTestStore({ index: stale });
    await opened.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), bytes);
    expect(await inconsistencies(inner, opened.blobs)).toEqual([]);
    expect(await Array.fromAsync(allNames(opened))).toHaveLength(1);
  });
});

describe('a seal', () => {
  it('that was interrupted is finished at the next start, with the same manifest', async () => {
    const rows = new MemoryRows();
    const blobs = openMemoryBlobs();
    const clock = () => startOfTime;
    let lastBatch = Number.POSITIVE_INFINITY;
    const failAt = (batch: number) => (batch > lastBatch ? 'unwritten' : undefined);
    const index = await openMemoryIndex({ clock, rows, failAt });
    const store = await openCheckedStore({ index, blobs });
    for (let at = 0; at < 5; at++)
      await store.uploads.create(tester, specOf({ session: 's', name: `n${at}` }), Buffer.from(`c${at}`));
    // The fence is written, what follows is not.
    lastBatch = index.stats.batches + 1;
    const sealing = store.seals.seal(tester, sessionNamed('s').id, 'succeeded');
    await expect(sealing).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    lastBatch = Number.POSITIVE_INFINITY;
    const late = specOf({ session: 's', name: 'late' });
    await expect(store.uploads.create(tester, late, Buffer.from('x'))).rejects.toMatchObject({
      reason: 'SESSION_SEALED',
    });
    await expect(store.artifacts.delete(tester, target('s', 'n0'))).rejects.toMatchObject({
      reason: 'SEAL_PENDING',
    });
    await index.close();

    const again = await openMemoryIndex({ clock, rows });
    await using reopened = await openCheckedStore({ index: again, blobs });
    expect(reopened.recovered.pendingSeals).toBe(1);
    const session = await reopened.sessions.get(tester, sessionNamed('s').id);
    expect(session).toMatchObject({ state: 'sealed', outcome: 'succeeded', manifest: { lineCount: 5 } });
    expect(await inconsistencies(again, blobs)).toEqual([]);
  });

  it('asked for many times at once is one seal', async () => {
    await using opened = await openTestStore();
    await opened.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('x'));
    const results = await Promise.all(
      Array.from({ length: 10 }, () => opened.store.seals.seal(tester, sessionNamed('s').id, 'succeeded')),
    );
    expect(new Set(results.map(({ session }) => session.manifest?.sha256)).size).toBe(1);
    expect(results.filter(({ alreadySealed }) => !alreadySealed)).toHaveLength(1);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });
});

describe('a failed commit', () => {
  it('is answered with an unknown outcome, and the retry finds out', async () => {
    let failing: 'written' | 'unwritten' | undefined;
    const index = await openMemoryIndex({ clock: () => startOfTime, failAt: () => failing });
    await using opened = await openTestStore({ index });
    // The first file has the index marked, which is a commit of its own.
    await opened.store.uploads.create(tester, specOf({ session: 's', name: 'first' }), someBytes(50_000, 1));
    for (const outcome of ['written', 'unwritten'] as const) {
      const push = () =>
        opened.store.uploads.create(
          tester,
          specOf({ session: 's', name: outcome, requestId: outcome }),
          someBytes(50_000, 7),
        );
      failing = outcome;
      await expect(push()).rejects.toSatisfy(
        (error) => error instanceof Failure && error.reason === 'STORE_UNAVAILABLE',
      );
      failing = undefined;
      expect((await push()).receipt.replayed).toBe(outcome === 'written');
      expect((await push()).receipt.replayed).toBe(true);
    }
    expect(await inconsistencies(index, opened.blobs)).toEqual([]);
  });
});

async function count(index: Index, range: { gte: Uint8Array; lt: Uint8Array }): Promise<number> {
  let total = 0;
  for await (const block of index.scan(range)) total += block.length;
  return total;
}

async function* allNames({ index, blobs }: { index: Index; blobs: ReturnType<typeof openMemoryBlobs> }) {
  for await (const block of index.scan({ gte: Uint8Array.of(0x03), lt: Uint8Array.of(0x04) }))
    for (const [, value] of block) yield* blobs.list(JSON.parse(Buffer.from(value).toString()).internalId);
}

function bound(target: Index, property: string | symbol): unknown {
  const value = Reflect.get(target, property, target);
  return typeof value === 'function' ? value.bind(target) : value;
}
