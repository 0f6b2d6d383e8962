/** ListFieldValues over every protocol: values in pages that are bounded, and requests that are refused. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { FieldOwner, type ListFieldValuesRequestSchema } from '../../gen/artifacta/v1/field_values_pb.ts';
import { routes } from '../../src/api/routes.ts';
import type { RunningServer } from '../../src/server/server.ts';
import { refusal } from '../support/calls.ts';
import { openTestStore, type TestStore } from '../support/service.ts';
import { specOf, tester } from '../support/specs.ts';
import { openTransport, startTestServer, type TestTransport } from './grpc/listeners.ts';
import { openHttpTransport } from './http/listeners.ts';

let opened: TestStore;
let server: RunningServer<string>;
let grpc: TestTransport;
const transports = new Map<string, Transport>();
const protocols = ['gRPC', 'Connect', 'Connect with JSON', 'gRPC-Web'] as const;

beforeAll(async () => {
  opened = await openTestStore();
  const { store } = opened;
  const all = routes({ store: () => store, onCall: () => undefined, elapsed: () => 0 });
  server = await startTestServer(all, { http: { host: '127.0.0.1', port: 0 }, checkHost: false });
  grpc = openTransport(server.addresses.grpc);
  transports.set('gRPC', grpc.transport);
  for (const protocol of protocols.slice(1) as ['Connect', 'Connect with JSON', 'gRPC-Web'])
    transports.set(protocol, openHttpTransport(protocol, `http://${server.addresses.http}`));
  for (let at = 0; at < 120; at++) {
    const step = String(at).padStart(3, '0');
    const spec = specOf({ session: 's', name: `n${step}`, metadata: { step } });
    await store.uploads.create(tester, spec, Buffer.from(step));
  }
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
});

const refused: [string, MessageInitShape<typeof ListFieldValuesRequestSchema>, string][] = [
  ['no field', {}, 'field: is required'],
  ['an unknown field', { field: 'size_bytes' }, 'field: must be name, content_type, session'],
  ['a field of artifacts', { field: 'name', owner: FieldOwner.SESSION }, 'field: must be session, metadata'],
  ['an unknown owner', { field: 'session', owner: 9 as FieldOwner }, 'owner: must be an owner'],
  ['a long prefix', { field: 'session', prefix: 'ä'.repeat(129) }, 'prefix: must have at most 256 bytes'],
  ['a negative number', { field: 'session', maxValues: -1 }, 'max_values: must not be negative'],
];

it.each(protocols)('%s', async (protocol) => {
  const { listFieldValues } = createClient(ArtifactService, transports.get(protocol)!);
  const counts = new Map([
    [0, 20],
    [7, 7],
    [100, 100],
    [1_000, 100],
  ]);
  for (const [maxValues, length] of counts) {
    const { values, truncated, sampled } = await listFieldValues({ field: 'metadata.step', maxValues });
    expect(values).toEqual(Array.from({ length }, (_, at) => String(at).padStart(3, '0')));
    expect({ truncated, sampled }).toEqual({ truncated: true, sampled: false });
  }
  expect(await listFieldValues({ field: 'metadata.step', prefix: '11' })).toMatchObject({
    values: Array.from({ length: 10 }, (_, at) => `11${at}`),
    truncated: false,
  });
  for (const [what, request, reason] of refused) {
    const told = await refusal(listFieldValues(request));
    expect([what, told.reason, told.fields]).toEqual([what, 'INVALID_ARGUMENT', [reason.split(':')[0]]]);
    expect(told.message).toContain(reason);
  }
});
