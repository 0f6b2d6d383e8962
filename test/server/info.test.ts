/** GetServerInfo and GetCaller answer on every transport, to every caller that is known, and in recovery. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient, type Transport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { Scope } from '../../gen/artifacta/v1/api_key_pb.ts';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { authenticationOver } from '../../src/api/credentials.ts';
import { routes } from '../../src/api/routes.ts';
import { withCredentials } from '../../src/client/wire/headers.ts';
import { IndexDamaged } from '../../src/index/damage.ts';
import { MemoryHome } from '../../src/index/memory/home.ts';
import { inProcess } from '../../src/programs/in-process.ts';
import { StoreHost } from '../../src/store/custody/host.ts';
import type { Store } from '../../src/store/open.ts';
import { refusal } from '../support/calls.ts';
import { openTestStore } from '../support/service.ts';
import { tester } from '../support/specs.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

interface Rig {
  readonly url: string;
  /** By their names: all transports; the last two are local. */
  readonly transports: Readonly<Record<string, Transport>>;
}

async function openRig(open: () => Store, isRequired: boolean): Promise<Rig> {
  const { authenticate } = authenticationOver(open, { isRequired, elapsed: () => 0 });
  const all = routes({
    store: open,
    version: '1.2.3',
    settings: { isAuthenticationRequired: isRequired },
    onCall: () => undefined,
    elapsed: () => 0,
    authenticate,
  });
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-info-'));
  const server = await startTestServer(all, {
    http: { host: '127.0.0.1', port: 0 },
    socket: join(directory, 'run', 'sock'),
  });
  const url = `http://${server.addresses.http}`;
  const grpc = openTransport(server.addresses.grpc);
  const socket = openTransport(`unix:${server.addresses.socket}`);
  onTestFinished(async () => {
    grpc[Symbol.dispose]();
    socket[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });
  const transports = {
    gRPC: grpc.transport,
    Connect: openHttpTransport('Connect', url),
    'Connect with JSON': openHttpTransport('Connect with JSON', url),
    'gRPC-Web': openHttpTransport('gRPC-Web', url),
    'the local socket': socket.transport,
    'this process': inProcess(all),
  };
  return { url, transports };
}

async function versionBy(transport: Transport, header: Record<string, string> = {}): Promise<string> {
  const { serverInfo } = await createClient(InfoService, transport).getServerInfo({}, { headers: header });
  return serverInfo!.version;
}

const callerBy = async (transport: Transport, headers: Record<string, string> = {}) =>
  (await createClient(InfoService, transport).getCaller({}, { headers })).caller!;

const localNames = ['the local socket', 'this process'];

const path = '/artifacta.v1.InfoService/GetServerInfo';

describe('without authentication', () => {
  it('every transport answers, also for a namespace that does not exist', async () => {
    const { store } = await openTestStore();
    const { transports } = await openRig(() => store, false);
    for (const [name, transport] of Object.entries(transports)) {
      expect([name, await versionBy(transport)]).toEqual([name, '1.2.3']);
      expect([name, await versionBy(transport, { 'artifacta-namespace': 'nowhere' })]).toEqual([
        name,
        '1.2.3',
      ]);
    }
  });

  it('a GET answers, as curl sends it', async () => {
    const { store } = await openTestStore();
    const { url } = await openRig(() => store, false);
    const answer = await fetch(`${url}${path}?encoding=json&message=%7B%7D&connect=v1`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      serverInfo: { version: '1.2.3', limits: { maxPageSize: 1000 } },
    });
  });
});

describe('with authentication', () => {
  it('a key of any scope is enough, and a token for one session; no credentials are not', async () => {
    const { store } = await openTestStore();
    const { transports } = await openRig(() => store, true);
    const { secret } = await store.apiKeys.create({
      namespace: tester.namespace,
      scopes: ['share'],
      description: '',
      operator: false,
      expireTime: undefined,
    });
    for (const [name, transport] of Object.entries(transports)) {
      expect([name, await versionBy(withCredentials(transport, { token: secret }))]).toEqual([name, '1.2.3']);
      const { token } = await createClient(
        AdminService,
        withCredentials(transport, { token: secret }),
      ).mintToken({
        scopes: [Scope.SHARE],
        sessions: ['one'],
        namePrefix: 'a/',
      });
      expect([name, await versionBy(withCredentials(transport, { token }))]).toEqual([name, '1.2.3']);
      const without = versionBy(transport);
      if (name === 'the local socket' || name === 'this process')
        expect([name, await without]).toEqual([name, '1.2.3']);
      else expect([name, (await refusal(without)).reason]).toEqual([name, 'UNAUTHENTICATED']);
    }
  });
});

describe('the caller', () => {
  it('without credentials is local, an operator on the machine only, in the namespace that it names', async () => {
    const { store } = await openTestStore();
    const { transports } = await openRig(() => store, false);
    for (const [name, transport] of Object.entries(transports)) {
      expect([name, await callerBy(transport, { 'artifacta-namespace': 'nowhere' })]).toMatchObject([
        name,
        {
          subject: 'local',
          namespace: 'nowhere',
          scopes: [Scope.READ, Scope.SHARE, Scope.WRITE],
          isOperator: localNames.includes(name),
          sessions: [],
          sessionPrefixes: [],
          namePrefix: '',
        },
      ]);
    }
  });

  it('is told every limit of its token, and nothing is told without credentials', async () => {
    const { store, clock } = await openTestStore();
    const { transports } = await openRig(() => store, true);
    const made = await store.apiKeys.create({
      namespace: tester.namespace,
      scopes: ['read', 'write'],
      description: '',
      operator: false,
      expireTime: clock.now + 7_200_000,
    });
    for (const [name, transport] of Object.entries(transports)) {
      const own = withCredentials(transport, { token: made.secret });
      expect([name, await callerBy(own)]).toMatchObject([
        name,
        {
          subject: made.key.id,
          namespace: tester.namespace,
          scopes: [Scope.READ, Scope.WRITE],
          isOperator: false,
          expireTime: timestampFromMs(clock.now + 7_200_000),
        },
      ]);
      const { token, grant } = await createClient(AdminService, own).mintToken({
        scopes: [Scope.WRITE],
        sessions: ['two', 'one'],
        sessionPrefixes: ['one.'],
        namePrefix: 'a/',
        maxPushBytes: 10n,
        ttl: { seconds: 60n },
      });
      const caller = await callerBy(withCredentials(transport, { token }));
      expect([name, caller]).toMatchObject([
        name,
        {
          subject: grant!.id,
          namespace: tester.namespace,
          scopes: [Scope.WRITE],
          sessions: ['one', 'two'],
          sessionPrefixes: ['one.'],
          namePrefix: 'a/',
          maxPushBytes: 10n,
          expireTime: grant!.expireTime,
        },
      ]);
      if (!localNames.includes(name))
        expect([name, (await refusal(callerBy(transport))).reason]).toEqual([name, 'UNAUTHENTICATED']);
    }
  });
});

describe('in recovery', () => {
  it.each([false, true])(
    'every caller that can be known gets an answer (authentication: %s)',
    async (isRequired) => {
      const host = await StoreHost.open({
        home: new MemoryHome(),
        open: async () => {
          throw new IndexDamaged('CURRENT is missing');
        },
        warn: () => undefined,
      });
      onTestFinished(() => host[Symbol.asyncDispose]());
      const { transports } = await openRig(() => host.store, isRequired);
      for (const [name, transport] of Object.entries(transports)) {
        const answer = versionBy(transport);
        if (isRequired && name !== 'the local socket' && name !== 'this process')
          expect([name, (await refusal(answer)).reason]).toEqual([name, 'UNAUTHENTICATED']);
        else {
          expect([name, await answer]).toEqual([name, '1.2.3']);
          expect([name, (await callerBy(transport)).subject]).toEqual([name, 'local']);
        }
        // A key cannot be checked without its row.
        const token = `ark_${'a'.repeat(16)}_${'A'.repeat(43)}`;
        const byKey = versionBy(withCredentials(transport, { token }));
        expect([name, (await refusal(byKey)).reason]).toEqual([name, 'STORE_IN_RECOVERY']);
      }
    },
  );
});
