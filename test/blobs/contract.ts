/** What every blob store must do; `src/blobs/blob-store.ts` states it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BlobStore, blockBytes } from '../../src/blobs/blob-store.ts';
import { all, chunksOf, collect, content, crcsOf, expectSame, publish, readChecked } from './support.ts';

interface OpenedStore extends AsyncDisposable {
  readonly blobs: BlobStore;
}

const ns = 'ns1';
const name = `${ns}/0a/upload-1`;
const dataLoss = { reason: 'DATA_LOSS' };
const nameTaken = { reason: 'INTERNAL', message: expect.stringContaining('exists already') };

export function blobContract(title: string, open: () => Promise<OpenedStore>): void {
  describe(`${title}: the blob contract`, () => {
    let opened: OpenedStore;
    let blobs: BlobStore;
    beforeEach(async () => {
      opened = await open();
      blobs = opened.blobs;
      await blobs.prepareNamespace(ns);
    });
    afterEach(() => opened[Symbol.asyncDispose]());

    namesAreWrittenOnce(() => blobs);
    stagedIsInvisible(() => blobs);
    discardRemoves(() => blobs);
    writesAreTakenWhole(() => blobs);
    readsAndDeletes(() => blobs);
    listing(() => blobs);
    anyChunkingAnyRange(() => blobs);
  });
}

function namesAreWrittenOnce(store: () => BlobStore): void {
  it('refuses to commit to a name that exists, and changes nothing', async () => {
    const first = content(300_000, 1);
    await publish(store(), name, first);
    const staged = await store().stage(name);
    await staged.write(content(400_000, 2));
    await expect(staged.commit()).rejects.toMatchObject(nameTaken);
    await staged.discard();
    expectSame(await collect(store().read(name, 0, 1_000_000)), first);
    expect(await all(store().list(ns))).toEqual([name]);
    expect(store().stagedCount).toBe(0);
  });

  it('refuses to stage a name that is being staged, and lets the first go on', async () => {
    await using staged = await store().stage(name);
    await staged.write(content(10));
    await expect(store().stage(name)).rejects.toMatchObject(nameTaken);
    expect(store()).toMatchObject({ stagedCount: 1, stagedBytes: 10 });
    await staged.commit();
    expect(store()).toMatchObject({ stagedCount: 0, stagedBytes: 0 });
    expectSame(await collect(store().read(name, 0, 10)), content(10));
  });

  it('takes no name outside the grammar', async () => {
    const long = 'x'.repeat(65);
    const wrong = [
      '',
      ns,
      `${ns}/0a`,
      `${ns}/0a/`,
      `${ns}/0a/u/v`,
      `/0a/u`,
      `../0a/u`,
      `${ns}/../u`,
      `${ns}/0a/..`,
    ];
    wrong.push(
      `${ns}/0A/u`,
      `${ns}/0a0/u`,
      `${ns}/0a/.u`,
      `${ns}/0a/U`,
      `${ns}/0a/u\0`,
      `${ns}/0a/u\n`,
      `n.s/0a/u`,
    );
    wrong.push(`${ns}/0a/${long}`, `${long}/0a/u`, `${ns}\\0a\\u`, `/${name}`, `${name}/`, `${ns}/0a/-u`);
    for (const bad of wrong) {
      await expect(store().stage(bad), bad).rejects.toThrow(RangeError);
      await expect(store().stat(bad), bad).rejects.toThrow(RangeError);
      await expect(store().delete(bad), bad).rejects.toThrow(RangeError);
      expect(() => store().read(bad, 0, 1), bad).toThrow(RangeError);
    }
    for (const bad of ['', '..', '.', 'a/b', 'a.b', 'A', long]) {
      await expect(store().prepareNamespace(bad), bad).rejects.toThrow(RangeError);
      await expect(all(store().list(bad)), bad).rejects.toThrow(RangeError);
    }
    expect(store().stagedCount).toBe(0);
  });

  it('commits only into a namespace that was prepared, which may happen any number of times', async () => {
    const staged = await store().stage('ns2/00/u');
    await expect(staged.commit()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    await staged.discard();
    await Promise.all([store().prepareNamespace('ns2'), store().prepareNamespace('ns2')]);
    await store().prepareNamespace('ns2');
    await publish(store(), 'ns2/00/u2', content(5));
    expect(await all(store().list('ns2'))).toEqual(['ns2/00/u2']);
    expect(await all(store().list('ns2', '00'))).toEqual(['ns2/00/u2']);
    expect(await all(store().list('ns2', '0a'))).toEqual([]);
    await expect(all(store().list('ns2', '..'))).rejects.toThrow(RangeError);
  });
}

function stagedIsInvisible(store: () => BlobStore): void {
  it('shows nothing before commit has resolved, and everything after', async () => {
    const bytes = content(2 * blockBytes + 5);
    await using staged = await store().stage(name);
    for (const chunk of chunksOf(bytes, 700_000)) await staged.write(chunk);
    expect(await store().stat(name)).toBeUndefined();
    await expect(collect(store().read(name, 0, 1))).rejects.toMatchObject(dataLoss);
    expect(await all(store().list(ns))).toEqual([]);
    await staged.commit();
    expect(await store().stat(name)).toMatchObject({ sizeBytes: bytes.length });
    expectSame(await collect(store().read(name, 0, bytes.length)), bytes);
    expect(await all(store().list(ns))).toEqual([name]);
  });

  it('keeps a blob of no bytes', async () => {
    await publish(store(), name, content(0));
    expect(await store().stat(name)).toMatchObject({ sizeBytes: 0 });
    expect(await all(store().read(name, 0, 0))).toEqual([]);
    expect(await all(store().read(name, 0, 10))).toEqual([]);
  });

  it('dates a blob with the time it was written', async () => {
    const before = Date.now();
    await publish(store(), name, content(10));
    const { modifyTimeMs } = (await store().stat(name))!;
    expect(Number.isSafeInteger(modifyTimeMs)).toBe(true);
    // A file system may stamp with a clock that ticks every few milliseconds.
    expect(modifyTimeMs).toBeGreaterThanOrEqual(before - 50);
    expect(modifyTimeMs).toBeLessThanOrEqual(Date.now());
  });
}

function discardRemoves(store: () => BlobStore): void {
  it('discards, as often as asked, and frees the name', async () => {
    const staged = await store().stage(name);
    await staged.write(content(600_000));
    expect(store().stagedCount).toBe(1);
    await Promise.all([staged.discard(), staged.discard()]);
    await staged.discard();
    expect(store().stagedCount).toBe(0);
    expect(await store().stat(name)).toBeUndefined();
    await expect(staged.write(content(1))).rejects.toThrow(/discarded/);
    await expect(staged.commit()).rejects.toThrow(/discarded/);
    await publish(store(), name, content(3));
  });

  it('discards when its scope ends', async () => {
    {
      await using staged = await store().stage(name);
      await staged.write(content(10));
    }
    expect(store().stagedCount).toBe(0);
    expect(await store().stat(name)).toBeUndefined();
  });

  it('does nothing after commit', async () => {
    const staged = await store().stage(name);
    await staged.write(content(10));
    await staged.commit();
    await staged.discard();
    await staged[Symbol.asyncDispose]();
    expect(store().stagedCount).toBe(0);
    expectSame(await collect(store().read(name, 0, 10)), content(10));
    await expect(staged.write(content(1))).rejects.toThrow(/committed/);
    await expect(staged.commit()).rejects.toThrow(/committed/);
  });

  it('waits for a commit under way, and then does nothing', async () => {
    const staged = await store().stage(name);
    await staged.write(content(300_000));
    const committed = staged.commit();
    await staged.discard();
    await committed;
    expectSame(await collect(store().read(name, 0, 300_000)), content(300_000));
    expect(store().stagedCount).toBe(0);
  });

  it('waits for a write under way', async () => {
    const staged = await store().stage(name);
    const written = staged.write(content(5_000_000));
    await staged.discard();
    await written;
    expect(store().stagedCount).toBe(0);
    expect(await all(store().list(ns))).toEqual([]);
  });

  it('has nothing stale without a crash, and refuses to look once blobs are staged', async () => {
    expect(await store().removeStale()).toBe(0);
    await using staged = await store().stage(name);
    await expect(store().removeStale()).rejects.toThrow(/staged/);
    await staged.commit();
    expect(await store().removeStale()).toBe(0);
    expect(await all(store().list(ns))).toEqual([name]);
  });
}

function writesAreTakenWhole(store: () => BlobStore): void {
  it.each([1000, 65_536, 262_143, 262_144, 400_000, 1_048_576])(
    'leaves the buffer to the caller after each write of %i bytes',
    async (size) => {
      const bytes = content(3_000_000);
      await using staged = await store().stage(name);
      const buffer = new Uint8Array(size);
      for (const chunk of chunksOf(bytes, size)) {
        buffer.set(chunk);
        await staged.write(buffer.subarray(0, chunk.length));
        buffer.fill(0);
      }
      expect(staged.bytesWritten).toBe(bytes.length);
      await staged.commit();
      expectSame(await collect(store().read(name, 0, bytes.length)), bytes);
    },
  );

  it('takes a blob of many mebibytes', async () => {
    const bytes = content(20 * blockBytes + 77);
    await publish(store(), name, bytes, 700_001);
    expect(await store().stat(name)).toMatchObject({ sizeBytes: bytes.length });
    expectSame(await collect(store().read(name, 0, bytes.length)), bytes);
    const at = 9 * blockBytes - 5;
    expectSame(await collect(store().read(name, at, 12)), bytes.subarray(at, at + 12));
  });

  it('keeps many uploads apart', async () => {
    const uploads = Array.from({ length: 24 }, (_, n) => ({
      name: `${ns}/0a/u${n}`,
      bytes: content(900_000 + n, n),
    }));
    await Promise.all(uploads.map((one, n) => publish(store(), one.name, one.bytes, 50_000 + n, 300_000, 7)));
    for (const one of uploads) {
      expectSame(await collect(store().read(one.name, 0, 1_000_000)), one.bytes);
    }
  });
}

function readsAndDeletes(store: () => BlobStore): void {
  it('reads ranges in pieces of at most a block, which are the reader’s to keep', async () => {
    const bytes = content(3 * blockBytes + 17);
    await publish(store(), name, bytes);
    const pieces = await all(store().read(name, 5, 3 * blockBytes));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(blockBytes);
    expectSame(Buffer.concat(pieces), bytes.subarray(5, 5 + 3 * blockBytes));
    for (const piece of pieces) piece.fill(0);
    expectSame(await collect(store().read(name, 0, bytes.length)), bytes);
  });

  it('ends early where the blob ends', async () => {
    const bytes = content(blockBytes + 10);
    await publish(store(), name, bytes);
    expectSame(await collect(store().read(name, blockBytes + 4, 100)), bytes.subarray(blockBytes + 4));
    expect(await all(store().read(name, bytes.length, 100))).toEqual([]);
    expect(await all(store().read(name, bytes.length + 1, 100))).toEqual([]);
    expect(await all(store().read(name, 0, 0))).toEqual([]);
  });

  it('takes only whole, positive byte ranges', () => {
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
      [Number.POSITIVE_INFINITY, 1],
    ]) {
      expect(() => store().read(name, offset!, length!)).toThrow(RangeError);
    }
  });

  it('stops reading between two pieces with the reason of the signal', async () => {
    await publish(store(), name, content(3 * blockBytes));
    const reason = new Error('enough');
    const controller = new AbortController();
    const pieces = store()
      .read(name, 0, 3 * blockBytes, controller.signal)
      [Symbol.asyncIterator]();
    expect((await pieces.next()).done).toBe(false);
    controller.abort(reason);
    await expect(pieces.next()).rejects.toBe(reason);
    expect((await pieces.next()).done).toBe(true);
    await expect(collect(store().read(name, 0, 1, controller.signal))).rejects.toBe(reason);
  });

  it('deletes, and takes the deletion of nothing for done', async () => {
    await publish(store(), name, content(10));
    await store().delete(name);
    await store().delete(name);
    await store().delete('never-prepared/00/u');
    expect(await store().stat(name)).toBeUndefined();
    expect(await store().stat('never-prepared/00/u')).toBeUndefined();
    expect(await all(store().list(ns))).toEqual([]);
    await expect(collect(store().read(name, 0, 10))).rejects.toMatchObject(dataLoss);
  });
}

function listing(store: () => BlobStore): void {
  it('lists the committed names of one namespace, each once', async () => {
    await store().prepareNamespace('ns10'); // begins like the other
    const names = Array.from(
      { length: 40 },
      (_, n) => `${ns}/${(n * 13).toString(16).padStart(3, '0').slice(1)}/u${n}`,
    );
    await Promise.all([...names, 'ns10/00/other'].map((one) => publish(store(), one, content(1))));
    await using staged = await store().stage(`${ns}/00/staged`);
    expect((await all(store().list(ns))).sort()).toEqual([...names].sort());
    expect(await all(store().list('ns10'))).toEqual(['ns10/00/other']);
    expect(await all(store().list('never-prepared'))).toEqual([]);
    await staged.discard();
  });
}

function anyChunkingAnyRange(store: () => BlobStore): void {
  const edge = fc.constantFrom(
    0,
    1,
    65_536,
    262_143,
    262_144,
    262_145,
    blockBytes - 1,
    blockBytes,
    blockBytes + 1,
  );
  const chunkSize = fc.oneof(edge, fc.nat(2_000), fc.nat(900_000));
  const chunkSizes = fc.array(chunkSize, { maxLength: 7 });
  const fraction = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));

  it('gives back any slice of anything written in any chunks, checked', async () => {
    let uploads = 0;
    await fc.assert(
      fc.asyncProperty(
        chunkSizes,
        fc.array(fc.tuple(fraction, fraction), { minLength: 1, maxLength: 4 }),
        async (sizes, ranges) => {
          const upload = `${ns}/ff/p${uploads++}`;
          const bytes = content(
            sizes.reduce((sum, size) => sum + size, 0),
            uploads % 256,
          );
          await using staged = await store().stage(upload);
          let at = 0;
          for (const size of sizes) {
            await staged.write(bytes.subarray(at, at + size));
            at += size;
          }
          await staged.commit();
          for (const [from, share] of ranges) {
            const offset = Math.floor(from * bytes.length);
            const length = Math.floor(share * (bytes.length - offset));
            const wanted = { sizeBytes: bytes.length, offset, length };
            const read = await collect(readChecked(store(), upload, crcsOf(bytes), wanted));
            expectSame(read, bytes.subarray(offset, offset + length));
          }
          await store().delete(upload);
        },
      ),
      { numRuns: 60 },
    );
    expect(await all(store().list(ns))).toEqual([]);
  });
}
