/** Spans of calls, as a collector receives them. */
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { type CallRecord, guard } from '../../src/api/guard.ts';
import { routes } from '../../src/api/routes.ts';
import { openTelemetry } from '../../src/telemetry/telemetry.ts';
import { openTracing, type Tracing } from '../../src/telemetry/tracing.ts';
import { openTransport, startTestServer } from '../server/grpc/listeners.ts';
import { byName, refusal, someBytes, uploadMessages } from '../support/calls.ts';
import { clientsOf, openTestStore } from '../support/service.ts';
import { startReceiver } from './otlp-receiver.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentSpanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentSpanId}-01`;

function traced(url: string) {
  const warnings: string[] = [];
  const tracing = openTracing({
    url: `${url}/v1/traces`,
    version: '1.2.3',
    warn: (message) => warnings.push(message),
  });
  return { tracing, warnings };
}

/** A gRPC listener over a store whose calls are traced. */
async function openService(tracing: Tracing) {
  const calls: CallRecord[] = [];
  const opened = await openTestStore();
  const server = await startTestServer(
    routes({
      store: () => opened.store,
      onStart: (call) => tracing.begin(call),
      onCall: (record) => calls.push(record),
      elapsed: () => performance.now(),
    }),
  );
  const opening = openTransport(server.addresses.grpc);
  onTestFinished(async () => {
    opening[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  });
  return { ...clientsOf(opening.transport), calls };
}

const method = (name: string) => `artifacta.v1.ArtifactService/${name}`;
const attributes = (name: string) => ({
  'rpc.system': 'grpc',
  'rpc.service': 'artifacta.v1.ArtifactService',
  'rpc.method': name,
  'artifacta.transport': 'network',
});

describe('spans', () => {
  it('of every kind of call are children of their callers’', async () => {
    const receiver = await startReceiver();
    const { tracing, warnings } = traced(receiver.url);
    const { artifacts, calls } = await openService(tracing);
    const options = { headers: { traceparent, tracestate: 'vendor=x' } };
    const spec = { session: 'private-session', name: 'private-name' };
    await artifacts.uploadArtifact(uploadMessages(spec, someBytes(100_000)), options);
    const artifact = byName(spec.session, spec.name);
    await artifacts.getArtifact({ artifact }, options);
    await Array.fromAsync(artifacts.downloadArtifact({ artifact }, options));
    await tracing[Symbol.asyncDispose]();
    expect(receiver.requests.map(({ path, headers }) => [path, headers['content-type']])).toEqual([
      ['/v1/traces', 'application/x-protobuf'],
    ]);
    const spans = receiver.spans();
    const common = { traceId, parentSpanId, traceState: 'vendor=x', kind: 2, statusCode: 0 };
    expect(spans).toMatchObject(
      ['UploadArtifact', 'GetArtifact', 'DownloadArtifact'].map((name) => ({
        ...common,
        name: method(name),
      })),
    );
    for (const span of spans) expect(span.attributes).toEqual(attributes(span.name.split('/')[1]!));
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3);
    expect(calls.map((call) => call.traceId)).toEqual([traceId, traceId, traceId]);
    const bytes = receiver.requests[0]!.body;
    expect(bytes.includes('service.name')).toBe(true);
    for (const word of ['private', 'default']) expect(bytes.includes(word)).toBe(false);
    expect(warnings).toEqual([]);
  });

  it('say why a call failed, and whether that is ours to look into', async () => {
    const receiver = await startReceiver();
    const { tracing } = traced(receiver.url);
    const handlers = {
      listArtifacts: async () => {
        throw new Error('private');
      },
    };
    const transport = createRouterTransport((router) => {
      const report = { onStart: tracing.begin, onCall: () => undefined, elapsed: () => 0 };
      router.service(
        ArtifactService,
        guard(ArtifactService, () => handlers, report),
      );
    });
    const artifacts = createClient(ArtifactService, transport);
    await refusal(artifacts.listArtifacts({}));
    await refusal(artifacts.getArtifact({}));
    await tracing[Symbol.asyncDispose]();
    expect(receiver.spans()).toMatchObject([
      { attributes: { 'error.type': 'INTERNAL', 'artifacta.transport': 'memory' }, statusCode: 2 },
      { attributes: { 'error.type': 'NOT_IMPLEMENTED' }, statusCode: 0 },
    ]);
    expect(receiver.requests[0]!.body.includes('private')).toBe(false);
  });

  it.each(['', 'nonsense', `00-${'0'.repeat(32)}-${parentSpanId}-01`, `ff-${traceId}-${parentSpanId}-01`])(
    'begin a trace when the caller’s is %j',
    async (header) => {
      const receiver = await startReceiver();
      const { tracing } = traced(receiver.url);
      const { artifacts, calls } = await openService(tracing);
      await refusal(artifacts.getArtifact({}, { headers: { traceparent: header } }));
      await tracing[Symbol.asyncDispose]();
      const [span] = receiver.spans();
      expect(span).toMatchObject({ parentSpanId: '', traceId: calls[0]!.traceId });
      expect(span!.traceId).not.toBe(traceId);
    },
  );

  it('are not sent when the caller’s trace is not sampled; the log has its id all the same', async () => {
    const receiver = await startReceiver();
    const { tracing } = traced(receiver.url);
    const { artifacts, calls } = await openService(tracing);
    const headers = { traceparent: `00-${traceId}-${parentSpanId}-00` };
    await refusal(artifacts.getArtifact({}, { headers }));
    await tracing[Symbol.asyncDispose]();
    expect(receiver.requests).toEqual([]);
    expect(calls).toMatchObject([{ traceId }]);
  });

  it.each([401, 500])(
    'that a collector answers with %i are told of once, and hold up nothing',
    async (status) => {
      const receiver = await startReceiver(status);
      const { tracing, warnings } = traced(receiver.url);
      const { artifacts } = await openService(tracing);
      await refusal(artifacts.getArtifact({}));
      await refusal(artifacts.getArtifact({}));
      await tracing[Symbol.asyncDispose]();
      expect(warnings).toEqual([`spans cannot be sent and are lost: ${status}`]);
    },
  );
});

it('a collector that is away does not hold up the end', async () => {
  const receiver = await startReceiver(503);
  const { tracing } = traced(receiver.url);
  tracing.begin({ method: 'a/b', transport: 'network', protocol: 'grpc', headers: new Headers() }).end('OK');
  await tracing[Symbol.asyncDispose]();
  expect(receiver.requests.length).toBeGreaterThan(0);
});

describe('what a call causes', () => {
  it('is known to belong to it, in handlers of every kind', async () => {
    const { tracing } = traced('http://127.0.0.1:9');
    onTestFinished(() => tracing[Symbol.asyncDispose]());
    const seen: (string | undefined)[] = [];
    const note = () => seen.push(tracing.activeTraceId());
    const transport = createRouterTransport((router) => {
      const handlers = {
        getArtifact: async () => {
          await Promise.resolve();
          note();
          return {};
        },
        uploadArtifact: async (requests: AsyncIterable<unknown>) => {
          for await (const _ of requests) note();
          return {};
        },
        downloadArtifact: async function* () {
          note();
          yield {};
          await Promise.resolve();
          note();
          yield {};
        },
      };
      const report = { onStart: tracing.begin, onCall: () => undefined, elapsed: () => 0 };
      router.service(
        ArtifactService,
        guard(ArtifactService, () => handlers, report),
      );
    });
    const artifacts = createClient(ArtifactService, transport);
    const options = { headers: { traceparent: `00-${traceId}-${parentSpanId}-00` } };
    await artifacts.getArtifact({}, options);
    await artifacts.uploadArtifact(uploadMessages({ session: 's', name: 'n' }, someBytes(10)), options);
    await Array.fromAsync(artifacts.downloadArtifact({}, options));
    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(new Set(seen)).toEqual(new Set([traceId]));
    expect(tracing.activeTraceId()).toBeUndefined();
  });
});

it('nothing is traced unless a collector is named', async () => {
  const options = {
    version: '',
    logLevel: 'silent',
    logForm: 'json' as const,
    hasMetrics: false,
    methods: [],
    isReady: () => true,
    messageBytes: () => ({ received: 0, sent: 0 }),
    sending: () => ({
      bytes: 0,
      answerCount: 0,
      waitingCount: 0,
      openCount: 0,
      endedCount: 0,
      refusedCount: 0,
    }),
    receiving: () => ({ bytes: 0, stoppedCount: 0, endedCount: 0 }),
    figures: async () => undefined,
  };
  const call = {
    method: method('GetArtifact'),
    transport: 'network',
    protocol: 'grpc',
    headers: new Headers(),
  };
  await using none = openTelemetry({ ...options, otlpTracesUrl: undefined });
  await none.loaded;
  expect(none.onStart(call)).toBeUndefined();
  const receiver = await startReceiver();
  await using some = openTelemetry({ ...options, otlpTracesUrl: `${receiver.url}/v1/traces` });
  await some.loaded;
  expect(some.onStart(call)?.traceId).toMatch(/^[0-9a-f]{32}$/);
});
