/** Exports of which one bit is another, and those of versions whose headers had no checksum. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { createRouterTransport } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { type IndexPart, IndexPartSchema } from '../../../gen/artifacta/v1/index_export_pb.ts';
import { exportFormat } from '../../../src/api/admin/export-format.ts';
import { fromPartMessage } from '../../../src/api/admin/index-parts.ts';
import { routes } from '../../../src/api/routes.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { ArtifactaClient } from '../../../src/client/client.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';

async function place() {
  const blobs = openMemoryBlobs();
  // With milliseconds, which a header holds as nanoseconds.
  const clock = () => startOfTime + 123;
  const host = await StoreHost.open({
    home: new MemoryHome({ clock }),
    clock,
    open: (index, isFirst) => openCheckedStore({ index, blobs, removesStale: isFirst }),
    warn: () => {},
  });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const elapsed = () => 0;
  const served = routes({ store: () => host.store, host, version: '1.2.3', onCall: () => {}, elapsed });
  const client = new ArtifactaClient({ transport: createRouterTransport(served), close: async () => {} });
  return { host, client };
}

async function* streamOf(parts: readonly Uint8Array[]) {
  yield* parts;
}

/** An export as its messages, framed: the first is the header, the last the footer. */
async function exported(): Promise<Uint8Array[]> {
  const { host, client } = await place();
  await host.store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('small'));
  return await Array.fromAsync(client.admin.exportIndex());
}

/** What the framed message is with each of its bits another, once each. */
function* flips(framed: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < framed.length * 8; bit++)
    yield framed.with(bit >> 3, framed[bit >> 3]! ^ (1 << (bit & 7)));
}

it('a bit of the header that is another is found, and told with what to do', async () => {
  const [header, ...rest] = await exported();
  const { client } = await place();
  for (const altered of flips(header!)) {
    const failure = await client.admin.importIndex(streamOf([altered, ...rest])).catch((error) => error);
    expect(failure.reason, `taken: ${Buffer.from(altered).toString('hex')}`).toMatch(
      // A bit of a tag may make the checksum a part of another field, and other bytes the format.
      /^(DIGEST_MISMATCH|UPLOAD_INCOMPLETE|NOT_IMPLEMENTED)$/,
    );
    expect(failure.message).toMatch(/copy it again from its source, or import another$/);
  }
  // Not one of them has left anything behind.
  await client.admin.importIndex(streamOf([header!, ...rest]));
});

it('a header of another format, whose checksum is gone, is refused with both causes', async () => {
  const [, ...rest] = await exported();
  const { client } = await place();
  const header = create(IndexPartSchema, {
    part: { case: 'header', value: { formatVersion: 9, storeId: 's', commitNumber: 1n } },
  });
  const altered = sizeDelimitedEncode(IndexPartSchema, header);
  await expect(client.admin.importIndex(streamOf([altered, ...rest]))).rejects.toMatchObject({
    reason: 'NOT_IMPLEMENTED',
    message: expect.stringMatching(
      /import it with that version\. .* copy it again from its source, or import another$/,
    ),
  });
});

it('a bit of the footer that is another is found', async () => {
  const parts = await exported();
  const { client } = await place();
  for (const altered of flips(parts.at(-1)!))
    await expect(
      client.admin.importIndex(streamOf([...parts.slice(0, -1), altered])),
      Buffer.from(altered).toString('hex'),
    ).rejects.toThrow();
});

it('an export without these checksums is taken, as earlier versions wrote them', async () => {
  const strip = (part: IndexPart) => {
    if (part.part.case === 'header') part.part.value.checksum = undefined;
    if (part.part.case === 'footer') part.part.value.headerChecksum = undefined;
    return sizeDelimitedEncode(IndexPartSchema, part);
  };
  const parts = sizeDelimitedDecodeStream(IndexPartSchema, streamOf(await exported()));
  const stripped = (await Array.fromAsync(parts)).map(strip);
  const { client } = await place();
  expect((await client.admin.importIndex(streamOf(stripped))).rows).toBeGreaterThan(0);
});

it('the exports of a service have them, and one whose header was altered is none of its own', () => {
  const { encoder, header } = exportFormat('1.2.3');
  const encode = encoder();
  const of = { formatVersion: 1, storeId: 'x', commit: 7, time: startOfTime };
  const first = encode({ kind: 'header', header: of });
  const last = encode({ kind: 'footer', rows: 0, sha256: '0'.repeat(64) });
  expect(header(first)).toEqual(of);
  const at = Buffer.from(first).indexOf('x');
  expect(header(first.with(at, first[at]! ^ 1))).toBeUndefined();
  const footer = fromBinary(IndexPartSchema, last.subarray(1));
  expect(footer.part.value).toMatchObject({ headerChecksum: expect.any(Number) });
  // A footer alone can be read: that is how the end of a file is found.
  expect(fromPartMessage(footer)).toMatchObject({ kind: 'footer', rows: 0 });
});
