/** Exports whose messages a service would not take any more: those of earlier versions have many rows in one. */
import { create } from '@bufbuild/protobuf';
import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire';
import { createRouterTransport } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { type IndexPart, IndexPartSchema } from '../../gen/artifacta/v1/index_export_pb.ts';
import { ArtifactaClient } from '../../src/client/client.ts';
import { limits } from '../../src/domain/limits.ts';
import { exportRows } from '../../src/store/custody/export.ts';

const row = (at: number) => ({ key: Buffer.from([at >> 8, at & 255]), value: Buffer.alloc(at % 3) });
const rows = (count: number) => Array.from({ length: count }, (_, at) => row(at));

it('are divided, and nothing else of them is changed', async () => {
  const parts = [0, 1, 1_000, 1_001, 2_500].map((count) =>
    create(IndexPartSchema, { part: { case: 'rows', value: { rows: rows(count) } } }),
  );
  const header = create(IndexPartSchema, { part: { case: 'header', value: { storeId: 'x' } } });
  const taken: (IndexPart | undefined)[] = [];
  const transport = createRouterTransport((router) =>
    router.rpc(AdminService.method.importIndex, async (requests) => {
      for await (const { part } of requests) taken.push(part);
      return { rowCount: 4_502n, status: {} };
    }),
  );
  const client = new ArtifactaClient({ transport, close: async () => undefined });
  async function* file() {
    for (const part of [header, ...parts]) yield sizeDelimitedEncode(IndexPartSchema, part);
  }
  await client.admin.importIndex(file());
  const sizes = taken.map((part) =>
    part?.part.case === 'rows' ? part.part.value.rows.length : part?.part.case,
  );
  expect(sizes).toEqual(['header', 0, 1, 1_000, 1_000, 1, 1_000, 1_000, 500]);
  const last = taken.slice(-3).flatMap((part) => (part?.part.case === 'rows' ? part.part.value.rows : []));
  expect(last.map(({ key, value }) => [...key, value.length])).toEqual(
    rows(2_500).map(({ key, value }) => [...key, value.length]),
  );
});

it('have at most 1,000 rows in one message today', async () => {
  async function* blocks() {
    for (let at = 0; at < 5; at++) yield rows(700).map(({ key, value }): [Buffer, Buffer] => [key, value]);
  }
  const parts = await Array.fromAsync(exportRows(blocks()));
  const sizes = parts.map((part) => (part.kind === 'rows' ? part.rows.length : part.kind));
  expect(sizes).toEqual([limits.exportPartRowsMax, 1_000, 1_000, 500, 'footer']);
});
