/** What a start does before it serves, and what it finds again. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import { formatVersion } from '../../src/store/format.ts';
import { sha256, someBytes } from '../support/calls.ts';
import { inconsistencies } from '../support/naive.ts';
import { beginning, kinds } from '../support/restart.ts';
import { openCheckedStore } from '../support/row-owners.ts';
import { writeRows } from '../support/rows.ts';
import { digestOf, queryOf, sessionNamed, specOf, target, tester } from '../support/specs.ts';

async function internalIdOf(index: Index): Promise<string> {
  const value = await index.get(keys.store.namespace.key('default'));
  return keys.store.namespace.decode(value!).internalId;
}

describe.each(kinds)('%s: a start', (kind) => {
  it('makes the default namespace, so that the first push finds its directories', async () => {
    await using remains = await beginning(kind);
    await using opened = await remains.open();
    const { store, index, blobs } = opened;
    await store.uploads.create(tester, specOf({ session: 's', name: 'a' }), someBytes(50_000));
    const [name] = await Array.fromAsync(blobs.list(await internalIdOf(index)));
    expect(name).toMatch(/^[0-9a-f]{16}\/[0-9a-f]{2}\/[0-9a-f]{32}$/);
    expect(store.recovered).toEqual({ stagingFiles: 0, pendingSeals: 0 });
  });

  it('finds everything again', async () => {
    await using remains = await beginning(kind);
    const before = await remains.open();
    const { uploads, sessions, seals } = before.store;
    const contents = [someBytes(100), someBytes(3 * 1024 * 1024)];
    await sessions.open(tester, sessionNamed('s', { m: '1' }));
    for (const [at, bytes] of contents.entries())
      await uploads.create(
        tester,
        specOf({ session: 's', name: `n${at}`, requestId: `r${at}`, labels: { l: `${at}` } }),
        bytes,
      );
    await uploads.create(tester, specOf({ session: 'open', name: 'a', ttlMs: 1_000 }), Buffer.from('x'));
    await seals.seal(tester, sessionNamed('s').id, 'succeeded');
    const read = async ({ store }: typeof before) => ({
      artifacts: (await store.listing.artifacts(tester, queryOf('s'))).items,
      sessions: (
        await store.listing.sessions(tester, { oldestFirst: true, filter: '', pageSize: 10, pageToken: '' })
      ).items,
      contents: await Promise.all(
        contents.map(async (_, at) => {
          const range = { offset: 0, limit: undefined };
          const { bytes } = await store.downloads.artifact(tester, target('s', `n${at}`), range);
          return sha256(Buffer.concat(await Array.fromAsync(bytes)));
        }),
      ),
      manifest: Buffer.concat(
        await Array.fromAsync((await store.downloads.manifest(tester, sessionNamed('s').id)).bytes),
      ).toString(),
    });
    const was = await read(before);
    expect(was.contents).toEqual(contents.map(sha256));
    const id = await internalIdOf(before.index);
    await before[Symbol.asyncDispose]();

    await using after = await remains.open();
    expect(await read(after)).toEqual(was);
    expect(await internalIdOf(after.index)).toBe(id);
    expect(after.store.recovered).toEqual({ stagingFiles: 0, pendingSeals: 0 });
    for (const [at, bytes] of contents.entries()) {
      const spec = specOf({ session: 's', name: `n${at}`, requestId: `r${at}`, labels: { l: `${at}` } });
      expect((await after.store.uploads.create(tester, spec, bytes)).receipt.replayed).toBe(true);
    }
    const again = specOf({ session: 'open', name: 'b' });
    const { receipt } = await after.store.uploads.createByDigest(tester, again, digestOf(contents[1]!));
    expect(receipt.bytesSaved).toBe(contents[1]!.length);
    remains.clock.now += 1_000;
    await expect(after.store.artifacts.get(tester, target('open', 'a'))).rejects.toMatchObject({
      reason: 'ARTIFACT_EXPIRED',
    });
    expect(await inconsistencies(after.index, after.blobs)).toEqual([]);
  });

  it.each([0, formatVersion + 1, '1', null])(
    'refuses a store of the format %j, and changes nothing',
    async (format) => {
      await using remains = await beginning(kind);
      const before = await remains.open();
      await writeRows(before.index, [keys.store.setting.put(['format'], format)]);
      await before[Symbol.asyncDispose]();
      const staging = remains.directory && join(remains.directory, 'tmp', 'abc.00.def');
      if (staging !== undefined) await writeFile(staging, 'of the newer version');
      await expect(remains.open()).rejects.toMatchObject({
        reason: 'NOT_IMPLEMENTED',
        message: expect.stringContaining(`format ${format}; this version reads 1 and ${formatVersion}`),
      });
      if (staging !== undefined) expect(await readdir(join(staging, '..'))).toEqual(['abc.00.def']);
      const { index } = await remains.parts();
      await using _ = index;
      const kept = await index.get(keys.store.setting.key('format'));
      expect(keys.store.setting.decode(kept!)).toBe(format);
    },
  );

  it('keeps a key for page tokens that is its own', async () => {
    const keyOf = async (index: Index) =>
      keys.store.setting.decode((await index.get(keys.store.setting.key('pageTokenKey')))!);
    await using remains = await beginning(kind);
    const first = await remains.open();
    const key = await keyOf(first.index);
    expect(Buffer.from(String(key), 'base64url')).toHaveLength(32);
    await first[Symbol.asyncDispose]();
    await using again = await remains.open();
    expect(await keyOf(again.index)).toBe(key);
    await using another = await (await beginning('memory')).open();
    expect(await keyOf(another.index)).not.toBe(key);
  });

  it('takes no more than 1 MiB for the index', async () => {
    await using remains = await beginning(kind);
    const max = limits.inlineRequestBytesMax;
    const { index, blobs } = await remains.parts();
    await expect(openCheckedStore({ index, blobs, inlineBytesMax: max + 1 })).rejects.toThrow(RangeError);
    // It has refused before it wrote anything.
    expect(await index.get(keys.store.setting.key('format'))).toBeUndefined();
    await index.close();
    await using opened = await remains.open({ inlineBytesMax: max });
    const { uploads } = opened.store;
    await uploads.create(tester, specOf({ session: 's', name: 'inline' }), someBytes(max));
    const files = async () => Array.fromAsync(opened.blobs.list(await internalIdOf(opened.index)));
    expect(await files()).toEqual([]);
    await uploads.create(tester, specOf({ session: 's', name: 'file' }), someBytes(max + 1));
    expect(await files()).toHaveLength(1);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it('reads what was stored under another limit for the index', async () => {
    await using remains = await beginning(kind);
    const bytes = someBytes(1_000);
    for (const inlineBytesMax of [2_000, 0, 1_000]) {
      await using opened = await remains.open({ inlineBytesMax });
      const name = `n${inlineBytesMax}`;
      await opened.store.uploads.create(tester, specOf({ session: 's', name }), bytes);
      await opened.store.uploads.create(
        tester,
        specOf({ session: 's', name }),
        someBytes(999, inlineBytesMax),
      );
      expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
    }
  });
});

describe('on disk a start', () => {
  it('makes every directory of the default namespace, also those that are missing', async () => {
    await using remains = await beginning('disk');
    const directoryOf = async (index: Index) => join(remains.directory!, 'blobs', await internalIdOf(index));
    const first = await remains.open();
    const directory = await directoryOf(first.index);
    expect(await readdir(directory)).toHaveLength(256);
    await first[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
    await using second = await remains.open();
    expect(await readdir(await directoryOf(second.index))).toHaveLength(256);
    await second.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), someBytes(50_000));
  });

  it('removes what uploads left staged', async () => {
    await using remains = await beginning('disk');
    const first = await remains.open();
    const staged = await first.blobs.stage(`${await internalIdOf(first.index)}/ab/abcdef`);
    await staged.write(someBytes(100));
    await first[Symbol.asyncDispose]();
    const directory = join(remains.directory!, 'tmp');
    expect(await readdir(directory)).toHaveLength(1);
    await using second = await remains.open();
    expect(second.store.recovered.stagingFiles).toBe(1);
    expect(await readdir(directory)).toEqual([]);
    await staged.discard();
  });

  it('leaves it to the reader to find that a file is missing', async () => {
    await using remains = await beginning('disk');
    const first = await remains.open();
    await first.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), someBytes(50_000));
    const [name] = await Array.fromAsync(first.blobs.list(await internalIdOf(first.index)));
    await first[Symbol.asyncDispose]();
    await rm(join(remains.directory!, 'blobs', name!));
    await using second = await remains.open();
    const { bytes } = await second.store.downloads.artifact(tester, target('s', 'a'), {
      offset: 0,
      limit: undefined,
    });
    await expect(Array.fromAsync(bytes)).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  });
});
