/** Who may call at the address for replicas, and that what is said there counts nowhere else. */
import { Buffer } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ReplicasService } from '../../../gen/artifacta/internal/v1/replicas_service_pb.ts';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import {
  GetSessionRequestSchema,
  OpenSessionRequestSchema,
  SessionService,
} from '../../../gen/artifacta/v1/session_service_pb.ts';
import { ReplicaSecret } from '../../../src/api/passing/proofs.ts';
import { openTransport, startTestServer } from '../../server/grpc/listeners.ts';
import { openHttpTransport } from '../../server/http/listeners.ts';
import { refusal } from '../../support/calls.ts';
import { openReplicaSet, testSecret } from '../../support/replica-servers.ts';
import { testRoutes } from '../../support/service.ts';
import { tester } from '../../support/specs.ts';

const opening = 'artifacta.v1.SessionService/OpenSession';

const nothing = new Uint8Array(0);
/** The bytes of the request that most of these tests make. */
const openingRun = toBinary(OpenSessionRequestSchema, create(OpenSessionRequestSchema, { session: 'run' }));

interface ProofOptions {
  readonly method?: string;
  readonly secret?: Uint8Array;
  readonly time?: number;
  /** The bytes of the request. */
  readonly message?: Uint8Array;
}

/** The headers of a call from a replica, on behalf of an operator. */
function proof(address: string, options: ProofOptions = {}): Headers {
  const { secret = testSecret, method = opening, time = Date.now(), message = openingRun } = options;
  const headers = new Headers();
  const replica = new ReplicaSecret(secret);
  replica.prove(headers, tester, time);
  replica.seal(headers, { method, address }, message);
  return headers;
}

async function one() {
  const set = await openReplicaSet();
  onTestFinished(() => set[Symbol.asyncDispose]());
  const replica = await set.add();
  const { transport, [Symbol.dispose]: close } = openTransport(replica.address);
  onTestFinished(close);
  return { set, replica, transport, address: replica.address };
}

const sessionsOf = (transport: Transport) => createClient(SessionService, transport);

describe('the address for replicas', () => {
  it('takes a call with a proof, and proves its answer', async () => {
    const { replica, transport, address } = await one();
    const headers = new Headers();
    const secret = new ReplicaSecret(testSecret);
    const progressIn = secret.prove(headers, tester, Date.now());
    secret.seal(headers, { method: opening, address }, openingRun);
    let trailers = new Headers();
    const onTrailer = (found: Headers) => {
      trailers = found;
    };
    await sessionsOf(transport).openSession({ session: 'run' }, { headers, onTrailer });
    expect(progressIn(trailers)).toBe('begun');
    expect(progressIn(new Headers())).toBeUndefined();
    const other = secret.prove(new Headers(), tester, Date.now());
    expect(other(trailers)).toBeUndefined();
    expect(replica.passed).toMatchObject([{ subject: 'local', outcome: 'OK', transport: 'replica' }]);
  });

  it('has a secret whose mark says only whether it is that of another one', () => {
    const { mark } = new ReplicaSecret(testSecret);
    expect(new ReplicaSecret(new Uint8Array(testSecret)).mark).toBe(mark);
    expect(new ReplicaSecret(new Uint8Array(32)).mark).not.toBe(mark);
    expect(mark).not.toContain(Buffer.from(testSecret).toString('base64url'));
  });

  it.each<[string, (address: string) => Headers]>([
    ['without a proof', () => new Headers()],
    ['with a token alone', () => new Headers({ authorization: 'Bearer ark_x' })],
    ['with the proof of another secret', (to) => proof(to, { secret: new Uint8Array(32) })],
    [
      'with the proof of another method',
      (to) => proof(to, { method: 'artifacta.v1.SessionService/SealSession' }),
    ],
    ['with the proof of another request', (to) => proof(to, { message: nothing })],
    [
      'with a proof that was not ended',
      () => {
        const headers = new Headers();
        new ReplicaSecret(testSecret).prove(headers, tester, Date.now());
        return headers;
      },
    ],
    ['with a proof for another address', () => proof('127.0.0.1:1')],
    ['with a proof of long ago', (to) => proof(to, { time: Date.now() - 61_000 })],
    ['with a proof of the future', (to) => proof(to, { time: Date.now() + 120_000 })],
    [
      'with another principal than was proven',
      (to) => {
        const headers = proof(to);
        headers.set('artifacta-principal', proof('x').get('artifacta-principal')!.replace(/^./, 'x'));
        return headers;
      },
    ],
  ])('refuses a call %s', async (_what, headersFor) => {
    const { replica, transport, address } = await one();
    const refused = await refusal(
      sessionsOf(transport).openSession({ session: 'run' }, { headers: headersFor(address) }),
    );
    expect(refused).toMatchObject({ code: 'Unauthenticated', reason: 'UNAUTHENTICATED' });
    expect(replica.passed).toMatchObject([{ subject: '', outcome: 'UNAUTHENTICATED' }]);
    expect((await refusal(replica.sessions.getSession({ session: 'run' }))).reason).toBe('SESSION_NOT_FOUND');
  });

  it('takes decisions alone', async () => {
    const { transport, address } = await one();
    const asking = (name: string, message: Uint8Array) => ({
      headers: proof(address, { method: `artifacta.v1.${name}`, message }),
    });
    const { getSession, watchSession } = sessionsOf(transport);
    const getRun = toBinary(GetSessionRequestSchema, create(GetSessionRequestSchema, { session: 'run' }));
    const read = await refusal(getSession({ session: 'run' }, asking('SessionService/GetSession', getRun)));
    expect(read).toMatchObject({ reason: 'NOT_IMPLEMENTED' });
    expect(read.message).toBe('replicas do not pass GetSession on to each other');
    const watching = async () => {
      for await (const _ of watchSession({ session: 'run' }, asking('SessionService/WatchSession', nothing)));
    };
    // The bytes of a stream are not looked at.
    expect((await refusal(watching)).reason).toBe('UNAUTHENTICATED');
    const { acceptLoss } = createClient(AdminService, transport);
    const accepting = acceptLoss({}, asking('AdminService/AcceptLoss', nothing));
    expect((await refusal(accepting)).reason).toBe('NOT_IMPLEMENTED');
  });

  it('says who decides if it does not', async () => {
    const { set, transport, address } = await one();
    const owner = await set.add();
    set.assignments.assign('default', owner.address);
    const call = sessionsOf(transport).openSession({ session: 'run' }, { headers: proof(address) });
    expect(await refusal(call)).toMatchObject({
      code: 'Unavailable',
      reason: 'NOT_OWNER',
      metadata: { owner: owner.address },
    });
    expect(owner.passed).toEqual([]);
  });

  it('has no reflection and no health', async () => {
    const { transport } = await one();
    const { getServerInfo } = createClient(InfoService, transport);
    expect((await refusal(getServerInfo({}))).reason).toBe('UNAUTHENTICATED');
  });
});

describe('the headers of replicas', () => {
  it('mean nothing at any other listener', async () => {
    const { replica, address } = await one();
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-replicas-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const socket = join(directory, 'run', 'sock');
    const onSocket = await startTestServer(testRoutes(replica.store, []), { socket });
    onTestFinished(() => onSocket[Symbol.asyncDispose]());
    const overSocket = openTransport(`unix:${socket}`);
    onTestFinished(() => overSocket[Symbol.dispose]());
    const http = `http://${replica.server.addresses.http}`;
    const network: [string, Transport][] = [
      ['gRPC', replica.transport],
      ['Connect', openHttpTransport('Connect', http)],
      ['JSON', openHttpTransport('Connect with JSON', http)],
      ['gRPC-Web', openHttpTransport('gRPC-Web', http)],
    ];
    for (const [name, transport] of network) {
      const method = 'artifacta.v1.AdminService/ListNamespaces';
      for (const to of [address, replica.server.addresses.grpc, replica.server.addresses.http!]) {
        const { listNamespaces } = createClient(AdminService, transport);
        const refused = await refusal(
          listNamespaces({}, { headers: proof(to, { method, message: nothing }) }),
        );
        // A guest is no operator, whatever the headers say.
        expect([name, refused.reason]).toEqual([name, 'PERMISSION_DENIED']);
      }
      const { commitContent } = createClient(ReplicasService, transport);
      const commit = 'artifacta.internal.v1.ReplicasService/CommitContent';
      const headers = proof(address, { method: commit, message: nothing });
      await expect(commitContent({}, { headers })).rejects.toMatchObject({ rawMessage: expect.anything() });
      expect(await listedSessions(replica)).toBe(0);
    }
    const { commitContent } = createClient(ReplicasService, overSocket.transport);
    expect((await refusal(commitContent({}, { headers: proof(address, { message: nothing }) }))).reason).toBe(
      'NOT_IMPLEMENTED',
    );
    expect(replica.passed).toEqual([]);
  });
});

async function listedSessions({ sessions }: Awaited<ReturnType<typeof one>>['replica']): Promise<number> {
  return (await sessions.listSessions({})).sessions.length;
}
