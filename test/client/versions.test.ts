/** A service that is older or newer than this client is told as that, on every way, and asked only after a failure. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { createRouterTransport, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AdminService, MintTokenRequest } from '../../gen/artifacta/v1/admin_service_pb.ts';
import {
  Durability,
  type SealSessionRequest,
  type SessionService,
} from '../../gen/artifacta/v1/session_service_pb.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { CallRecord } from '../../src/api/guard.ts';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { clientVersion } from '../../src/client/version.ts';
import type { Routes } from '../../src/server/grpc/grpc.ts';
import type { Store } from '../../src/store/open.ts';
import { startTestServer } from '../server/grpc/listeners.ts';
import { infoOf, otherRoutes } from '../support/other-services.ts';
import { openTestStore, type TestStore } from '../support/service.ts';

interface Opened {
  readonly client: ArtifactaClient;
  /** How messages name the service. */
  readonly named: string;
}

async function overMemory(routes: Routes): Promise<Opened> {
  return { client: await connect(createRouterTransport(routes)), named: 'the service' };
}

const overNetwork =
  (way: 'grpc' | 'http' | 'unix') =>
  async (routes: Routes): Promise<Opened> => {
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-versions-'));
    const socket = join(directory, 'run', 'sock');
    const server = await startTestServer(routes, { http: { host: '127.0.0.1', port: 0 }, socket });
    const { grpc, http } = server.addresses;
    const url = { grpc: `grpc://${grpc}`, http: `http://${http}`, unix: `unix:${socket}` }[way];
    const client = await connect(url, { retry: { attemptsMax: 1 } });
    onTestFinished(async () => {
      await client.close();
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    });
    return { client, named: `the service at ${url}` };
  };

const ways = {
  'over gRPC': overNetwork('grpc'),
  'over a Unix socket': overNetwork('unix'),
  'over HTTP': overNetwork('http'),
};

async function failure(work: Promise<unknown>): Promise<ArtifactaError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ArtifactaError);
  return error as ArtifactaError;
}

const lost = ['CompareSessions', 'UploadArtifact', 'DownloadArtifact'];

/** One call of each kind of method: unary, a stream to the service, a stream from it. */
const calls: Readonly<Record<string, (client: ArtifactaClient) => Promise<unknown>>> = {
  'SessionService/CompareSessions': (client) => Array.fromAsync(client.sessions.compare('a', 'b')),
  'ArtifactService/UploadArtifact': (client) =>
    client.push(
      (async function* () {
        yield new Uint8Array(1_500_000);
        yield new Uint8Array(1_500_000);
      })(),
      { session: 's', name: 'a' },
    ),
  'ArtifactService/DownloadArtifact': async (client) =>
    (await client.open({ session: 's', name: 'a' })).bytes(),
};

async function withStore(work: (opened: TestStore) => Promise<void>): Promise<void> {
  await using opened = await openTestStore();
  await work(opened);
}

/** The routes of a service that does not know the newest fields of MintToken and SealSession. */
function ignoringFields(store: Store): Routes {
  const present = otherRoutes(store, {});
  return (router) => {
    const service = (described: DescService, implementation: Partial<ServiceImpl<DescService>>) => {
      const { mintToken } = implementation as unknown as ServiceImpl<typeof AdminService>;
      const { sealSession } = implementation as unknown as ServiceImpl<typeof SessionService>;
      const older = {
        mintToken: (request: MintTokenRequest, context: HandlerContext) =>
          mintToken({ ...request, sessionPrefixes: [] }, context),
        sealSession: async (request: SealSessionRequest, context: HandlerContext) => ({
          ...(await sealSession({ ...request, durability: Durability.UNSPECIFIED }, context)),
          durability: Durability.UNSPECIFIED,
        }),
      };
      const names = Object.keys(older).filter((name) => Object.hasOwn(implementation, name));
      const replaced: object = Object.fromEntries(
        names.map((name) => [name, older[name as keyof typeof older]]),
      );
      return router.service(described, { ...implementation, ...replaced });
    };
    present({ service } as typeof router);
  };
}

it('the client has the version of the package', () => {
  expect(clientVersion).toBe(packageJson.version);
});

describe.each(Object.entries(ways))('%s', (_way, open) => {
  it('an older service that says its version is named with it', () =>
    withStore(async ({ store }) => {
      const info = await infoOf(store, { version: '0.0.9', without: lost });
      const { client, named } = await open(otherRoutes(store, { info, without: lost }));
      for (const [method, call] of Object.entries(calls))
        expect(await failure(call(client))).toMatchObject({
          code: 'UNIMPLEMENTED',
          reason: 'NOT_IMPLEMENTED',
          message: `${named} is version 0.0.9, older than this client, ${clientVersion}; it has no ${method}: upgrade the service`,
        });
    }));

  it('an older service that cannot say its version is named as that', () =>
    withStore(async ({ store }) => {
      const { client, named } = await open(otherRoutes(store, { without: lost }));
      const older = `${named} does not say its version, so it is older than this client, ${clientVersion}`;
      for (const [method, call] of Object.entries(calls))
        expect((await failure(call(client))).message).toBe(
          `${older}; it has no ${method}: upgrade the service`,
        );
      expect(await failure(client.serverInfo())).toMatchObject({
        code: 'UNIMPLEMENTED',
        reason: 'NOT_IMPLEMENTED',
        message: `${older}; it has no InfoService/GetServerInfo: upgrade the service`,
      });
    }));

  it('an older service that would ignore session prefixes makes no token that is good for more', () =>
    withStore(async ({ store }) => {
      const { client } = await open(ignoringFields(store));
      const wanted = { scopes: ['read'], sessionPrefixes: ['run_42.'] } as const;
      expect(await failure(client.access.mintToken(wanted))).toMatchObject({
        code: 'UNIMPLEMENTED',
        message: expect.stringMatching(/^session_prefixes: .*upgrade the service, or name the sessions$/),
      });
      const { grant } = await client.access.mintToken({ ...wanted, sessions: ['run_42'] });
      expect(grant).toMatchObject({ sessions: ['run_42'], sessionPrefixes: [] });
    }));

  it('an older service that would ignore the durability of a seal is named as that', () =>
    withStore(async ({ store }) => {
      const { client } = await open(ignoringFields(store));
      await client.session('run_42');
      expect(
        await failure(client.sessions.seal('run_42', 'succeeded', { durability: 'shipped' })),
      ).toMatchObject({
        code: 'UNIMPLEMENTED',
        message: expect.stringMatching(/^durability: run_42 is sealed, but this service is older/),
      });
      expect((await client.sessions.get('run_42')).state).toBe('sealed');
    }));

  it('a newer service that has dropped a method is named as that', () =>
    withStore(async ({ store }) => {
      const info = await infoOf(store, { version: '999.0.0', without: lost });
      const { client, named } = await open(otherRoutes(store, { info, without: lost }));
      expect((await failure(client.open('art_00000000000000000000000000'))).message).toBe(
        `${named} is version 999.0.0, newer than this client, ${clientVersion}; it no longer has ArtifactService/DownloadArtifact: upgrade this client`,
      );
    }));

  it('what a newer service adds is kept or ignored', () =>
    withStore(async ({ store }) => {
      const features = ['sessions-by-push', 'time-travel'];
      const info = await infoOf(store, { version: '999.0.0', features, without: [] });
      const data = new BinaryWriter().string('later').finish();
      const later = [{ no: 4_000, wireType: 2, data }];
      Object.assign(info, { $unknown: later, methods: [...info.methods, 'artifacta.v2.Later/Do'] });
      info.limits!.$unknown = later;
      info.limits!.maxInputs = 0;
      info.limits!.maxLease = undefined;
      const { client } = await open(otherRoutes(store, { info }));
      const told = await client.serverInfo();
      expect(told).toMatchObject({ version: '999.0.0', features, authenticationRequired: false });
      expect(told.methods).toContain('artifacta.v2.Later/Do');
      expect(told.limits).toMatchObject({ maxPageSize: 1_000, maxInputs: undefined, maxLeaseMs: undefined });
      expect(told.limits.requestIdRetentionMs).toBe(24 * 3_600_000);
    }));

  it('a refused field is told with the version of an older service, and of no other', () =>
    withStore(async ({ store }) => {
      const refused = async (version: string) => {
        const info = await infoOf(store, { version, without: [] });
        const { client, named } = await open(otherRoutes(store, { info }));
        return { named, error: await failure(client.sessions.get('a b')) };
      };
      const same = await refused(clientVersion);
      const older = await refused('0.0.9');
      expect(older.error).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'INVALID_ARGUMENT',
        violations: same.error.violations,
        message: `${same.error.message}; ${older.named} is version 0.0.9, older than this client, ${clientVersion}, and may not know all that was sent`,
      });
      expect(same.error.message).not.toContain('version');
      for (const version of ['999.0.0', 'a private build', ''])
        expect((await refused(version)).error.message).toBe(same.error.message);
    }));

  it('is asked for its version only after a failure that a version may explain', () =>
    withStore(async ({ store }) => {
      const told: CallRecord[] = [];
      const info = await infoOf(store, { version: clientVersion, without: lost });
      const { client } = await open(otherRoutes(store, { info, without: ['CompareSessions'], calls: told }));
      await client.push('x', { session: 's', name: 'a' });
      await (await client.open({ session: 's', name: 'a' })).bytes();
      expect((await failure(client.get({ session: 's', name: 'b' }))).code).toBe('NOT_FOUND');
      const asked = () => told.filter(({ method }) => method.endsWith('/GetServerInfo')).length;
      expect(asked()).toBe(0);
      expect((await failure(calls['SessionService/CompareSessions']!(client))).message).toMatch(
        /^the service( at \S+)? has no SessionService\/CompareSessions$/,
      );
      expect(asked()).toBe(1);
    }));
});

it.each([
  ['0.0.99', true],
  [`${clientVersion}-rc.1`, true],
  [`${clientVersion}+build.7`, false],
  ['10.0.0', false],
])('version %s is older than this client: %s', (version, isOlder) =>
  withStore(async ({ store }) => {
    const info = await infoOf(store, { version, without: [] });
    const { client } = await overMemory(otherRoutes(store, { info }));
    expect((await failure(client.sessions.get('a b'))).message.includes('older')).toBe(isOlder);
  }),
);
