/** Tokens for what session ids begin with, over every protocol: minted, shown, held to, and refused. */
import { createClient, type Transport } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { Scope } from '../../gen/artifacta/v1/api_key_pb.ts';
import { authenticationOver } from '../../src/api/credentials.ts';
import { routes } from '../../src/api/routes.ts';
import { withCredentials } from '../../src/client/wire/headers.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { refusal, text } from '../support/calls.ts';
import { clientsOf, openTestStore, type TestStore } from '../support/service.ts';
import { tester } from '../support/specs.ts';
import { openTransport, startTestServer, type TestTransport } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

let opened: TestStore;
let server: RunningServer<string>;
let grpc: TestTransport;
let secret: string;
const transports = new Map<string, Transport>();
const protocols = ['gRPC', 'Connect', 'Connect with JSON', 'gRPC-Web'] as const;
const scopes = [Scope.READ, Scope.WRITE];

beforeAll(async () => {
  opened = await openTestStore();
  const { store, clock } = opened;
  const now = () => clock.now;
  let calls = 0;
  const elapsed = () => calls * 1_000;
  const { authenticate } = authenticationOver(() => store, { isRequired: true, elapsed }, now);
  const onCall = () => {
    calls++;
  };
  server = await startTestServer(routes({ store: () => store, onCall, elapsed, authenticate, now }), {
    http: { host: '127.0.0.1', port: 0 },
    checkHost: false,
  });
  grpc = openTransport(server.addresses.grpc);
  transports.set('gRPC', grpc.transport);
  for (const protocol of protocols.slice(1) as ['Connect', 'Connect with JSON', 'gRPC-Web'])
    transports.set(protocol, openHttpTransport(protocol, `http://${server.addresses.http}`));
  const made = await store.apiKeys.create({
    namespace: tester.namespace,
    description: '',
    scopes: ['read', 'write'],
    operator: false,
    expireTime: undefined,
  });
  secret = made.secret;
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
});

const adminOf = (transport: Transport, token: string) =>
  createClient(AdminService, withCredentials(transport, { token }));

describe.each(protocols)('over %s', (protocol) => {
  const transportOf = () => transports.get(protocol)!;
  const root = `run_${protocols.indexOf(protocol)}`;

  it('a token with a prefix is told what it may do, and may do that', async () => {
    const { token, grant } = await adminOf(transportOf(), secret).mintToken({
      scopes,
      sessions: [root],
      sessionPrefixes: [`${root}.`],
    });
    expect(grant).toMatchObject({ sessions: [root], sessionPrefixes: [`${root}.`] });
    const { artifacts, sessions } = clientsOf(withCredentials(transportOf(), { token }));
    const everything = clientsOf(withCredentials(transportOf(), { token: secret }));
    const push = (clients: typeof everything, session: string) =>
      clients.artifacts.createArtifact({
        spec: { session, name: 'a' },
        content: { case: 'data', value: text(session) },
      });
    await push(everything, `${root}1`);
    for (const session of [root, `${root}.1`, `${root}.1.7`]) {
      await sessions.openSession({ session, metadata: { parent: root } });
      await push({ ...everything, artifacts }, session);
    }
    const outside = await refusal(push({ ...everything, artifacts }, `${root}1`));
    expect(outside).toMatchObject({ reason: 'PERMISSION_DENIED', fields: ['spec.session'] });
    const listed = await sessions.listSessions({});
    expect(listed.sessions.map(({ id }) => id)).toEqual([`${root}.1.7`, `${root}.1`, root]);
    const found = await artifacts.listArtifacts({ filter: 'name = "a"' });
    expect(found.artifacts.map(({ session }) => session)).toEqual([`${root}.1.7`, `${root}.1`, root]);
    expect(await refusal(sessions.getSession({ session: `${root}1` }))).toMatchObject({
      reason: 'SESSION_NOT_FOUND',
    });
  });

  it('it may mint no wider one, and a narrower one', async () => {
    const all = adminOf(transportOf(), secret);
    const { token } = await all.mintToken({ scopes, sessionPrefixes: [`${root}.`] });
    const limited = adminOf(transportOf(), token);
    const { grant } = await limited.mintToken({
      scopes,
      sessions: [`${root}.1`],
      sessionPrefixes: [`${root}.1.`],
    });
    expect(grant).toMatchObject({ sessions: [`${root}.1`], sessionPrefixes: [`${root}.1.`] });
    const asMinter = await limited.mintToken({ scopes });
    expect(asMinter.grant).toMatchObject({ sessions: [], sessionPrefixes: [`${root}.`] });
    for (const [field, wider] of [
      ['sessions', { sessions: [root] }],
      ['session_prefixes', { sessionPrefixes: [`${root}1.`] }],
    ] as [string, { sessions?: string[]; sessionPrefixes?: string[] }][])
      expect(await refusal(limited.mintToken({ scopes, ...wider }))).toMatchObject({
        reason: 'PERMISSION_DENIED',
        fields: [field],
      });
  });

  it.each([
    ['session_prefixes[0]', ['run_42'], 'must end with "." or ":", for example "run_42."'],
    ['session_prefixes[1]', ['a.', ''], 'must end with "." or ":", for example "run_42."'],
    ['session_prefixes[0]', ['a/b.'], 'must have only letters, digits and . _ : -'],
    [
      'session_prefixes',
      Array.from({ length: 17 }, (_, at) => `a${at}.`),
      'must have at most 16 values, not 17',
    ],
  ])('%s %j is refused', async (field, sessionPrefixes, description) => {
    const minting = adminOf(transportOf(), secret).mintToken({ scopes, sessionPrefixes });
    expect(await refusal(minting)).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: [field],
      message: `${field}: ${description}`,
    });
  });
});
