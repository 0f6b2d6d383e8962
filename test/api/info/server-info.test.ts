/** What the service says that it is: complete, true, and nothing that is not for everybody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { type ServerInfo, ServerLimitsSchema } from '../../../gen/artifacta/v1/server_info_pb.ts';
import { methodNames, routes } from '../../../src/api/routes.ts';
import { limits } from '../../../src/domain/limits.ts';
import { refusal } from '../../support/calls.ts';
import { openTestStore } from '../../support/service.ts';

type RoutesOptions = Partial<Parameters<typeof routes>[0]>;

async function served(options: RoutesOptions = {}) {
  const opened = await openTestStore({
    artifactBytesMax: options.settings?.artifactBytesMax ?? 5 * 1024 ** 3,
  });
  const all = routes({ store: () => opened.store, onCall: () => undefined, elapsed: () => 0, ...options });
  return createRouterTransport(all);
}

async function info(options: RoutesOptions = {}): Promise<ServerInfo> {
  const { serverInfo } = await createClient(InfoService, await served(options)).getServerInfo({});
  return serverInfo!;
}

const everything: RoutesOptions = {
  version: '1.2.3',
  publicUrl: 'https://artifacts.example.org',
  directUploads: { bytesMin: 1_000_000 },
  settings: { artifactBytesMax: 3_000_000, opensSessions: true, isAuthenticationRequired: true },
};

it('names its version, all of its methods and the settings that matter to clients', async () => {
  expect(await info(everything)).toMatchObject({
    version: '1.2.3',
    methods: [...methodNames].sort(),
    features: ['direct-uploads', 'seal-durability', 'session-prefixes', 'sessions-by-push', 'share-urls'],
    authenticationRequired: true,
    limits: {
      maxArtifactBytes: 3_000_000n,
      minDirectUploadBytes: 1_000_000n,
      maxInlineBytes: limits.inlineRequestBytesMax,
    },
  });
  const least = await info({ settings: { opensSessions: false, artifactBytesMax: 10 } });
  expect(least).toMatchObject({
    version: '',
    features: ['seal-durability', 'session-prefixes'],
    authenticationRequired: false,
  });
  expect(least.limits).toMatchObject({
    maxArtifactBytes: 10n,
    maxInlineBytes: 10,
    minDirectUploadBytes: 0n,
  });
});

it('has every limit that the protocol names', async () => {
  const found = (await info(everything)).limits!;
  for (const { localName } of ServerLimitsSchema.fields) {
    const value = found[localName as keyof typeof found] as
      | number
      | bigint
      | Parameters<typeof durationMs>[0];
    expect([localName, typeof value === 'object' ? durationMs(value) > 0 : Number(value) > 0]).toEqual([
      localName,
      true,
    ]);
  }
});

it('names features as the protocol lists them', async () => {
  const path = join(import.meta.dirname, '../../../proto/artifacta/v1/server_info.proto');
  const listed = [...readFileSync(path, 'utf8').matchAll(/^ {2}\/\/ - `([a-z0-9-]{1,64})`:/gm)].map(
    ([, name]) => name,
  );
  expect((await info(everything)).features).toEqual(listed);
});

it('holds no address, path or namespace', async () => {
  const text = JSON.stringify(await info(everything), (_key, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  expect(text).not.toContain('example.org');
  expect(text).not.toContain(':/');
});

describe('a limit that it names', () => {
  it('is that of the store', async () => {
    const { artifacts, limits: told } = await withArtifacts(10);
    const push = (bytes: number) =>
      artifacts.createArtifact({
        spec: { session: 's', name: 'a' },
        content: { case: 'data', value: new Uint8Array(bytes) },
      });
    await push(Number(told.maxArtifactBytes));
    expect(await refusal(push(Number(told.maxArtifactBytes) + 1))).toMatchObject({
      reason: 'ARTIFACT_TOO_LARGE',
    });
  });

  it('holds for lists and batches', async () => {
    const { artifacts, limits: told } = await withArtifacts(10);
    const artifact = { by: { case: 'id', value: 'art_00000000000000000000000000' } } as const;
    const batch = (count: number) =>
      artifacts.batchGetArtifacts({ artifacts: Array.from({ length: count }, () => artifact) });
    expect((await batch(told.maxBatchGet)).results).toHaveLength(told.maxBatchGet);
    expect(await refusal(batch(told.maxBatchGet + 1))).toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });
});

async function withArtifacts(artifactBytesMax: number) {
  const transport = await served({ settings: { artifactBytesMax } });
  const { serverInfo } = await createClient(InfoService, transport).getServerInfo({});
  return { artifacts: createClient(ArtifactService, transport), limits: serverInfo!.limits! };
}
