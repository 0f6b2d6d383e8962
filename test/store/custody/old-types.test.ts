/** The import of an export that release 0.1 has written, which listed content types with their parameters. */
import { Buffer } from 'node:buffer';
import { expect, it, onTestFinished } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { decodeRow } from '../../../src/index/engine/stored-row.ts';
import { keys } from '../../../src/index/keys.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import type { Entry } from '../../../src/index/row.ts';
import { type ExportPart, exportRows } from '../../../src/store/custody/export.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';

async function opened(blobs: BlobStore): Promise<StoreHost> {
  const clock = () => startOfTime;
  const host = await StoreHost.open({
    home: new MemoryHome({ clock }),
    clock,
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    onState: () => undefined,
    warn: () => undefined,
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  return host;
}

/** @param types of each artifact, by its id. */
async function* asRelease01(parts: readonly ExportPart[], types: ReadonlyMap<string, string>) {
  const entries = parts.flatMap((part) => (part.kind === 'rows' ? part.rows : []));
  const old = entries.flatMap(({ key, value }): Entry[] => {
    if (Buffer.compare(key, keys.store.setting.key('mediaTypes')) === 0) return [];
    if (key[0] !== keys.latest.byType.code) return [[key, decodeRow(key, value)]];
    const [ns, , id] = keys.latest.byType.parse(key);
    return [[keys.latest.byType.key(ns, types.get(id)!, id), decodeRow(key, value)]];
  });
  old.sort(([a], [b]) => Buffer.compare(a, b));
  async function* blocks() {
    yield old;
  }
  yield parts[0]!;
  yield* exportRows(blocks());
}

it('what it brings is found by type and subtype', async () => {
  const blobs = openMemoryBlobs();
  const from = await opened(blobs);
  const types = new Map<string, string>();
  for (const contentType of ['text/csv', 'text/csv; header=absent', 'text/plain;charset=utf-8']) {
    const spec = specOf({ session: 's', name: contentType, contentType });
    const { artifact } = await from.store.uploads.create(tester, spec, Buffer.from('x'));
    types.set(artifact.id, contentType);
  }
  const to = await opened(blobs);
  await to.importIndex(asRelease01(await Array.fromAsync(from.exportIndex()), types), false);
  const query = { oldestFirst: true, pageSize: 10, pageToken: '', showGone: false, allVersions: false };
  const wanted = { ...query, session: undefined, name: undefined, filter: 'content_type = text/csv' };
  const page = await to.store.listing.artifacts(tester, wanted);
  expect(page.items.map(({ contentType }) => contentType)).toEqual(['text/csv', 'text/csv; header=absent']);
  expect(page.explain()).toMatchObject({ driver: 'content_type = "text/csv"' });
  const events = await Array.fromAsync(to.verify({ checkContents: false, reindex: false }));
  expect(events.filter(({ kind }) => kind === 'finding')).toEqual([]);
});
