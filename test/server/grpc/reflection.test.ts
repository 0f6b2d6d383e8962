/** Reflection as the tools use it: `buf curl`, and `grpcurl` where it is installed. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticationOver } from '../../../src/api/credentials.ts';
import { admitWith } from '../../../src/api/guard.ts';
import { routes } from '../../../src/api/routes.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { tester } from '../../support/specs.ts';
import { startTestServer, type TestServer } from './listeners.ts';
import { framed, openRawConnection } from './raw-call.ts';

const run = promisify(execFile);
const buf = join(import.meta.dirname, '../../../node_modules/.bin/buf');

let opened: TestStore;
let server: TestServer;
let home: string;
let token: string;

beforeAll(async () => {
  opened = await openTestStore();
  const { store, clock } = opened;
  const now = () => clock.now;
  const { authenticate } = authenticationOver(() => store, { isRequired: true, elapsed: () => 0 }, now);
  const all = routes({ store: () => store, onCall: () => undefined, elapsed: () => 0, authenticate, now });
  server = await startTestServer(all, { admit: (header, values) => admitWith(authenticate, header, values) });
  const scopes = ['read', 'write'] as const;
  const wanted = {
    namespace: tester.namespace,
    scopes,
    description: '',
    operator: false,
    expireTime: undefined,
  };
  token = (await store.apiKeys.create(wanted)).secret;
  home = await mkdtemp(join(tmpdir(), 'artifacta-reflection-'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function tool(program: string, args: readonly string[]): Promise<Ended> {
  try {
    const env = { PATH: process.env.PATH, HOME: home };
    return { status: 0, ...(await run(program, [...args], { env, cwd: home })) };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { status: Number(code ?? -1), stdout, stderr };
  }
}

const bufCurl = (path: string, ...args: readonly string[]) =>
  tool(buf, [
    'curl',
    '--protocol',
    'grpc',
    '--http2-prior-knowledge',
    ...args,
    `http://${server.addresses.grpc}${path}`,
  ]);
const withToken = () => ['--header', `authorization: Bearer ${token}`, '--reflect-header', '*'];

describe('buf curl', () => {
  it('lists the methods and calls them, with what it learns from the server', async () => {
    const listed = await bufCurl('', '--list-methods', ...withToken());
    expect(listed).toMatchObject({ status: 0 });
    const methods = listed.stdout.trim().split('\n');
    for (const method of [
      'artifacta.v1.ArtifactService/CreateArtifact',
      'artifacta.v1.AdminService/Verify',
      'grpc.health.v1.Health/Check',
    ])
      expect(methods).toContain(method);
    const data = JSON.stringify({
      spec: { session: 's', name: 'a' },
      data: Buffer.from('hello').toString('base64'),
    });
    const made = await bufCurl('/artifacta.v1.ArtifactService/CreateArtifact', '-d', data, ...withToken());
    expect(made).toMatchObject({ status: 0 });
    expect(JSON.parse(made.stdout)).toMatchObject({ artifact: { session: 's', name: 'a', sizeBytes: '5' } });
  });

  it('is refused without credentials', async () => {
    const listed = await bufCurl('', '--list-methods');
    expect(listed.status).not.toBe(0);
    expect(listed.stdout + listed.stderr).toMatch(/not authenticated|unauthenticated/i);
  });

  it('is told of what there is not', async () => {
    const call = await bufCurl('/artifacta.v1.ArtifactService/Nothing', '-d', '{}', ...withToken());
    expect(call.status).not.toBe(0);
    expect(call.stderr).toMatch(/Nothing/);
  });
});

describe('what no service names', () => {
  it.each(['google.rpc.Status', 'google.rpc.ErrorInfo', 'google.rpc.BadRequest', 'google.rpc.RetryInfo'])(
    '%s is served, so that the details of errors are shown',
    async (symbol) => {
      await using connection = await openRawConnection(server.addresses.grpc);
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      const call = connection.call(path, { authorization: `Bearer ${token}` });
      // `file_containing_symbol` is field 4.
      const asked = Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]);
      call.end(framed(asked));
      const answer = Buffer.concat(await Array.fromAsync<Buffer>(call));
      expect(answer.includes(symbol === 'google.rpc.Status' ? 'status.proto' : 'error_details.proto')).toBe(
        true,
      );
    },
  );
});

function findGrpcurl(): string | undefined {
  const places = [
    'grpcurl',
    join(process.env.GOPATH ?? join(process.env.HOME ?? '', 'go'), 'bin', 'grpcurl'),
  ];
  for (const place of places) {
    try {
      execFileSync(place, ['--version'], { stdio: 'ignore' });
      return place;
    } catch {
      // The next one may be there.
    }
  }
  process.stderr.write('skipped: there is no grpcurl\n');
  return undefined;
}

const grpcurl = findGrpcurl();

describe.skipIf(grpcurl === undefined)('grpcurl', () => {
  const call = (...args: readonly string[]) =>
    tool(grpcurl ?? '', ['-plaintext', '-H', `authorization: Bearer ${token}`, ...args]);

  it('lists, describes and calls', async () => {
    const { grpc } = server.addresses;
    const listed = await call(grpc, 'list');
    expect(listed.stdout.trim().split('\n')).toEqual([
      'artifacta.v1.AdminService',
      'artifacta.v1.ArtifactService',
      'artifacta.v1.InfoService',
      'artifacta.v1.MaintenanceService',
      'artifacta.v1.SessionService',
      'grpc.health.v1.Health',
    ]);
    const described = await call(grpc, 'describe', 'artifacta.v1.Artifact');
    expect(described.stdout).toContain('string sha256 =');
    const sessions = await call('-d', '{}', grpc, 'artifacta.v1.SessionService/ListSessions');
    expect(sessions).toMatchObject({ status: 0 });
  });

  it('shows the details of an error', async () => {
    const { grpc } = server.addresses;
    const list = 'artifacta.v1.ArtifactService/ListArtifacts';
    const failed = await call('-d', '{"session": "nosuch"}', grpc, list);
    expect(failed.stderr).toContain('"reason": "SESSION_NOT_FOUND"');
  });
});
