/** Contents that arrive in small pieces and outgrow the index on the way. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { keys } from '../../../src/index/keys.ts';
import { Upload } from '../../../src/store/artifacts/upload.ts';
import { sha256, someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { beginning, kinds } from '../../support/restart.ts';
import type { TestStore } from '../../support/service.ts';
import { digestOf, specOf, tester } from '../../support/specs.ts';

const inlineMax = limits.inlineContentBytesMaxDefault;

async function uploaded({ store }: TestStore, name: string, bytes: Uint8Array, chunkBytes: number) {
  const begun = await store.uploads.begin(tester, specOf({ session: 's', name }));
  if (!(begun instanceof Upload)) throw new Error('a replay');
  await using upload = begun;
  // One buffer for all chunks, as a transport may do it: what was written must have been taken.
  const buffer = new Uint8Array(chunkBytes);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes);
    buffer.set(chunk);
    await upload.write(buffer.subarray(0, chunk.length));
    buffer.fill(0xee);
  }
  return await upload.finish({ sizeBytes: bytes.length, sha256: digestOf(bytes).sha256 });
}

async function downloaded({ store }: TestStore, id: Parameters<typeof store.artifacts.get>[1]) {
  const { bytes } = await store.downloads.artifact(tester, id, { offset: 0, limit: undefined });
  return Buffer.concat(await Array.fromAsync(bytes));
}

describe.each(kinds)('%s: an upload in small chunks', (kind) => {
  it.each([
    [1, inlineMax - 1],
    [1, inlineMax],
    [1, inlineMax + 1],
    [1_000, inlineMax],
    // Crosses the limit while the memory that holds what came before is larger than that.
    [3_000, inlineMax + 1],
    [3_000, inlineMax],
    [1_000, inlineMax + 1],
    [1_000, 2 * inlineMax],
    [inlineMax - 1, inlineMax - 1],
    [inlineMax - 1, inlineMax],
    [inlineMax - 1, inlineMax + 1],
    [inlineMax - 1, 3 * inlineMax],
    [inlineMax, inlineMax],
    [inlineMax, inlineMax + 1],
    // The blocks that are checked on their own are of 1 MiB: chunks that lie across their borders.
    [1_000, 1024 * 1024 + 1],
    [inlineMax - 1, 2 * 1024 * 1024 + 1],
  ])('of %i bytes, %i in all, is what was sent', async (chunkBytes, size) => {
    await using remains = await beginning(kind);
    await using opened = await remains.open();
    const bytes = someBytes(size, size);
    const { artifact } = await uploaded(opened, 'a', bytes, chunkBytes);
    expect(artifact).toMatchObject({ sizeBytes: size, sha256: sha256(bytes) });
    // A download is checked against the checksums that were taken while the bytes arrived.
    expect(sha256(await downloaded(opened, { id: artifact.id }))).toBe(sha256(bytes));
    const record = keys.blobs.record.decode(
      (await opened.index.get(keys.blobs.record.key('default', artifact.sha256)))!,
    );
    expect(record.name !== undefined).toBe(size > inlineMax);
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });

  it('is the same content as in one piece', async () => {
    await using remains = await beginning(kind);
    await using opened = await remains.open();
    for (const size of [inlineMax, inlineMax + 1]) {
      const bytes = someBytes(size);
      await uploaded(opened, `n${size}`, bytes, 1_000);
      const whole = await opened.store.uploads.create(
        tester,
        specOf({ session: 's', name: `n${size}` }),
        bytes,
      );
      expect(whole.receipt).toMatchObject({ deduplicated: true, bytesSaved: size });
    }
    expect(await inconsistencies(opened.index, opened.blobs)).toEqual([]);
  });
});

it('empty chunks say nothing', async () => {
  await using remains = await beginning('memory');
  await using opened = await remains.open();
  const begun = await opened.store.uploads.begin(tester, specOf({ session: 's', name: 'a' }));
  if (!(begun instanceof Upload)) throw new Error('a replay');
  await using upload = begun;
  for (const text of ['', 'a', '', 'b', '']) await upload.write(Buffer.from(text));
  const { artifact } = await upload.finish({ sizeBytes: 2, sha256: undefined });
  expect(artifact.sha256).toBe(sha256(Buffer.from('ab')));
});
