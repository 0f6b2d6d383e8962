/** With authentication on nobody gets in without showing who they are, and nobody learns of others' things. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { Scope } from '../../gen/artifacta/v1/api_key_pb.ts';
import { authenticationOver } from '../../src/api/credentials.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { methodNames, routes } from '../../src/api/routes.ts';
import { withCredentials } from '../../src/client/wire/headers.ts';
import { parseNamespace } from '../../src/domain/names.ts';
import { collect } from '../../src/server/grpc/grpc.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { byId, byName, create as push, refusal, text, uploadMessages } from '../support/calls.ts';
import { clientsOf, openTestStore, type TestStore } from '../support/service.ts';
import { tester } from '../support/specs.ts';
import { openTransport, startTestServer, type TestTransport } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

let opened: TestStore;
let server: RunningServer<string>;
let grpc: TestTransport;
let socket: TestTransport;
let directory: string;
let listeners: readonly (readonly [string, Transport])[];
let url: string;
const calls: CallRecord[] = [];

const other = parseNamespace('namespace', 'other');
/** By what they are for. */
const tokens = new Map<string, string>();

beforeAll(async () => {
  opened = await openTestStore();
  const { store, clock } = opened;
  await store.namespaces.ensure(other);
  const elapsed = () => calls.length * 1_000;
  const { authenticate } = authenticationOver(
    () => store,
    { isRequired: true, elapsed },
    () => clock.now,
  );
  directory = await mkdtemp(join(tmpdir(), 'artifacta-auth-'));
  const all = routes({
    store: () => store,
    onCall: (call) => calls.push(call),
    elapsed,
    authenticate,
    now: () => clock.now,
  });
  server = await startTestServer(all, {
    http: { host: '127.0.0.1', port: 0 },
    socket: join(directory, 'run', 'sock'),
    checkHost: false,
  });
  url = `http://${server.addresses.http}`;
  grpc = openTransport(server.addresses.grpc);
  socket = openTransport(`unix:${server.addresses.socket}`);
  listeners = [
    ['gRPC', grpc.transport],
    ['Connect', openHttpTransport('Connect', url)],
    ['Connect with JSON', openHttpTransport('Connect with JSON', url)],
    ['gRPC-Web', openHttpTransport('gRPC-Web', url)],
  ];
  for (const [name, key] of [
    ['mine', { namespace: tester.namespace, operator: false }],
    ['others', { namespace: other, operator: false }],
    ['operators', { namespace: tester.namespace, operator: true }],
  ] as const) {
    const scopes = ['read', 'write', 'share'] as const;
    const made = await store.apiKeys.create({ ...key, scopes, description: name, expireTime: undefined });
    tokens.set(name, made.secret);
  }
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  socket[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function as(who: string, transport: Transport): Transport {
  return withCredentials(transport, { token: tokens.get(who)! });
}

type AnyClient = Record<string, (request: unknown) => unknown>;

/** Calls a method with an empty request, and says how that ends. */
async function attempt(method: DescMethod, transport: Transport): Promise<string> {
  const client = createClient(method.parent as DescService, transport) as unknown as AnyClient;
  const call = client[method.localName]!;
  const run = async () => {
    if (method.methodKind === 'unary') return await call({});
    async function* nothing() {}
    if (method.methodKind === 'client_streaming') return await call(nothing());
    for await (const _ of call({}) as AsyncIterable<unknown>);
    return undefined;
  };
  try {
    await run();
    return 'OK';
  } catch (error) {
    return (await refusal(Promise.reject(error))).reason;
  }
}

function served(): DescMethod[] {
  const { store } = opened;
  const { methods } = collect(routes({ store: () => store, onCall: () => undefined, elapsed: () => 0 }));
  return methods.map(({ method }) => method);
}

describe('without credentials', () => {
  it('no method answers, by any protocol of the network', async () => {
    const methods = served();
    expect(methods.map((method) => `${method.parent.typeName}/${method.name}`).sort()).toEqual(
      [...methodNames].sort(),
    );
    for (const [service, transport] of listeners)
      for (const method of methods)
        expect([service, method.name, await attempt(method, transport)]).toEqual([
          service,
          method.name,
          'UNAUTHENTICATED',
        ]);
  });

  it.each([
    ['PUT', '/v1/sessions/s/artifacts/a'],
    ['GET', '/v1/artifacts/art_00000000000000000000000000/content'],
    ['HEAD', '/v1/artifacts/art_00000000000000000000000000/content'],
  ])('%s %s does not answer', async (method, path) => {
    const answer = await fetch(url + path, { method, ...(method === 'PUT' ? { body: 'x' } : {}) });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    await answer.body?.cancel();
  });

  it('the local socket serves whoever may enter its directory, and a token there is not widened', async () => {
    const methods = served();
    const status = methods.find(({ name }) => name === 'ListNamespaces')!;
    expect(await attempt(status, socket.transport)).toBe('OK');
    expect(await attempt(status, as('mine', socket.transport))).toBe('PERMISSION_DENIED');
  });
});

describe('a key over the network', () => {
  it('opens what its scopes and namespace allow, and an operator’s everything, by every protocol', async () => {
    const methods = served();
    const listKeys = methods.find(({ name }) => name === 'ListApiKeys')!;
    const listSessions = methods.find(({ name }) => name === 'ListSessions')!;
    for (const [service, transport] of listeners) {
      expect([service, await attempt(listSessions, as('mine', transport))]).toEqual([service, 'OK']);
      expect([service, await attempt(listKeys, as('mine', transport))]).toEqual([
        service,
        'PERMISSION_DENIED',
      ]);
      expect([service, await attempt(listKeys, as('operators', transport))]).toEqual([service, 'OK']);
    }
  });

  it.each([
    ['malformed', 'ark_x'],
    ['wrong', `ark_${'a'.repeat(16)}_${'A'.repeat(43)}`],
    ['a child token of nobody', 'arc_a.b.c'],
  ])('that is %s opens nothing, by any protocol', async (_what, token) => {
    const [method] = served();
    for (const [service, transport] of listeners)
      expect([service, await attempt(method!, withCredentials(transport, { token }))]).toEqual([
        service,
        'UNAUTHENTICATED',
      ]);
  });

  it('is told the same, byte for byte, of what another namespace has and of what nobody has', async () => {
    const there = { ...opened, ...clientsOf(as('others', grpc.transport)), transport: grpc.transport, calls };
    const { artifact } = await push(there, { session: 'theirs', name: 'secret' }, 'some bytes');
    await there.sessions.sealSession({ session: 'theirs', outcome: 1 });
    const hidden = { id: artifact!.id, session: 'theirs', name: 'secret', sha256: artifact!.sha256 };
    const absent = {
      id: 'art_00000000000000000000000000',
      session: 'absent',
      name: 'nothing',
      sha256: 'f'.repeat(64),
    };
    for (const [service, transport] of listeners) {
      const mine = as('mine', transport);
      const answers = async (about: typeof hidden) =>
        (await tellAbout(mine, about)).map((told) =>
          told
            .replaceAll(about.id, 'ID')
            .replaceAll(about.sha256, 'SHA')
            .replaceAll(about.session, 'SESSION')
            .replaceAll(about.name, 'NAME'),
        );
      const told = await answers(hidden);
      expect(told.every((answer) => answer.startsWith('refused') || answer.includes('deleted'))).toBe(true);
      expect([service, told]).toEqual([service, await answers(absent)]);
    }
    const kept = await there.artifacts.getArtifact({ artifact: byId(hidden.id) });
    expect(kept.artifact?.sha256).toBe(hidden.sha256);
  });

  it('is told the same over plain HTTP, status, headers and body', async () => {
    const there = { ...opened, ...clientsOf(as('others', grpc.transport)), transport: grpc.transport, calls };
    const { artifact } = await push(there, { session: 'plain', name: 'secret' }, 'plain bytes');
    const ask = async (id: string, method: string, headers: Record<string, string> = {}) => {
      const authorization = `Bearer ${tokens.get('mine')}`;
      const answer = await fetch(`${url}/v1/artifacts/${id}/content`, {
        method,
        headers: { authorization, ...headers },
      });
      const shown = [...answer.headers].filter(([name]) => name !== 'date');
      // The details are there twice: as text, and encoded.
      const body = (await answer.text()).replace(/"value":"[A-Za-z0-9+/]*"/g, '');
      return JSON.stringify([answer.status, shown, body]).replaceAll(id, 'ID');
    };
    const etag = `"${artifact!.sha256}"`;
    for (const method of ['GET', 'HEAD'])
      for (const headers of [
        {},
        { range: 'bytes=0-1' },
        { 'if-none-match': etag },
        { 'if-match': etag },
      ] as Record<string, string>[])
        expect(await ask(artifact!.id, method, headers)).toBe(
          await ask('art_00000000000000000000000000', method, headers),
        );
  });

  it('that was revoked ends a watch within a second, by every protocol, and that of a token of it', {
    timeout: 10_000,
  }, async () => {
    const { apiKeys } = opened.store;
    const made = await apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: ['write', 'read'],
      operator: false,
      expireTime: undefined,
    });
    const owner = withCredentials(listeners[0]![1], { token: made.secret });
    await clientsOf(owner).artifacts.createArtifact({
      spec: { session: 'watched', name: 'a' },
      content: { case: 'data', value: text('a') },
    });
    const { token } = await createClient(AdminService, owner).mintToken({ scopes: [Scope.READ] });
    const ends: Promise<string>[] = [];
    for (const credential of [made.secret, token])
      for (const [service, transport] of listeners) {
        const { sessions } = clientsOf(withCredentials(transport, { token: credential }));
        const events = sessions.watchSession({ session: 'watched' })[Symbol.asyncIterator]();
        await events.next();
        ends.push(refusal(events.next()).then(({ reason }) => `${service} ${reason}`));
      }
    await apiKeys.revoke(made.key.id);
    const expected = listeners.map(([service]) => `${service} UNAUTHENTICATED`);
    expect(await Promise.all(ends)).toEqual([...expected, ...expected]);
  });

  it('that was revoked ends at once, also for an upload under way', async () => {
    const { apiKeys } = opened.store;
    const { key, secret } = await apiKeys.create({
      namespace: tester.namespace,
      description: '',
      scopes: ['write', 'read'],
      operator: false,
      expireTime: undefined,
    });
    const gate = Promise.withResolvers<void>();
    for (const [service, transport] of listeners.slice(0, 1)) {
      const { artifacts } = clientsOf(withCredentials(transport, { token: secret }));
      let isWaiting = false;
      async function* slowly() {
        for await (const message of uploadMessages({ session: 'r', name: 'a' }, text('abc'), 1)) {
          if (message.part?.case === 'finish') {
            isWaiting = true;
            await gate.promise;
          }
          yield message;
        }
      }
      const upload = refusal(artifacts.uploadArtifact(slowly()));
      await expect.poll(() => isWaiting).toBe(true);
      await apiKeys.revoke(key.id);
      gate.resolve();
      expect([service, (await upload).reason]).toEqual([service, 'UNAUTHENTICATED']);
      expect((await refusal(artifacts.getArtifact({ artifact: byName('r', 'a') }))).reason).toBe(
        'UNAUTHENTICATED',
      );
    }
  });
});

/** Everything that can be asked about something by its names, as it is told. */
async function tellAbout(
  transport: Transport,
  { id, session, name, sha256 }: { id: string; session: string; name: string; sha256: string },
): Promise<string[]> {
  const { artifacts, sessions } = clientsOf(transport);
  const tell = async (work: Promise<object>) =>
    work.then(
      (answer) =>
        JSON.stringify(answer, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      async (error) => `refused ${JSON.stringify(await refusal(Promise.reject(error)))}`,
    );
  const drain = async (stream: AsyncIterable<object>) => {
    for await (const message of stream) return message;
    return {};
  };
  const spec = { session: 'mine', name: 'copy' };
  const refs = [byId(id), byName(session, name), byName(session, name, 1n)];
  return await Promise.all([
    ...refs.flatMap((artifact) => [
      tell(artifacts.getArtifact({ artifact })),
      tell(artifacts.updateArtifact({ artifact, changes: { hold: true } })),
      tell(artifacts.deleteArtifact({ artifact })),
      tell(drain(artifacts.downloadArtifact({ artifact }))),
      tell(artifacts.listLineage({ artifact, direction: 2 })),
    ]),
    tell(artifacts.listArtifacts({ session })),
    tell(artifacts.createArtifact({ spec, content: { case: 'digest', value: { sha256, sizeBytes: 10n } } })),
    tell(
      artifacts.createArtifact({
        spec: { ...spec, inputs: [id] },
        content: { case: 'data', value: text('x') },
      }),
    ),
    tell(sessions.getSession({ session })),
    tell(sessions.compareSessions({ baseSession: session, session })),
    tell(sessions.updateSession({ session, changes: { labels: { a: 'b' } } })),
    tell(sessions.sealSession({ session, outcome: 1 })),
    tell(drain(sessions.downloadManifest({ session }))),
    tell(createClient(AdminService, transport).getUsage({ namespace: session })),
  ]);
}
