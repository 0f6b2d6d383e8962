/** Figures: what a scrape holds, and that nothing a caller chooses becomes a label. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { methodNames, routes } from '../../src/api/routes.ts';
import { reasons } from '../../src/domain/errors.ts';
import { messageBytes } from '../../src/server/grpc/codec.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { StoreFigures } from '../../src/telemetry/store-metrics.ts';
import { openTransport, startTestServer } from '../server/grpc/listeners.ts';
import { answerOf, openRawConnection } from '../server/grpc/raw-call.ts';
import { byName, download, refusal, someBytes, upload } from '../support/calls.ts';
import { clientsOf, openTestStore } from '../support/service.ts';
import { bucketFigures } from './figures.ts';
import { type Family, parseScrape } from './prometheus.ts';

const figures: StoreFigures = {
  state: 'serving',
  losses: 0,
  pauses: 2,
  isClockSuspect: false,
  space: { freeBytes: 7e12, reserveBytes: 1e9 },
  staged: { contents: 3, sizeBytes: 300 },
  bucket: bucketFigures,
  shippingLagMs: 4_500,
  index: {
    transactions: 10,
    batches: 9,
    rowsWritten: 8,
    bytesWritten: 7,
    reopens: 6,
    waiting: 5,
    replica: { namespaces: 40, takeOvers: 41, lapses: 42 },
  },
};

const sending = {
  bytes: 11,
  answerCount: 12,
  waitingCount: 13,
  openCount: 14,
  endedCount: 15,
  refusedCount: 16,
};

function opened(store: () => Promise<StoreFigures | undefined> = async () => figures) {
  const errors: unknown[] = [];
  const metrics = openMetrics({
    version: '1.2.3',
    methods: methodNames,
    isReady: () => true,
    messageBytes: () => messageBytes,
    sending: () => sending,
    receiving: () => ({ bytes: 21, stoppedCount: 22, endedCount: 23 }),
    store,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => metrics[Symbol.dispose]());
  return { metrics, errors, scrape: async () => parseScrape((await metrics.scrape()).body) };
}

function value(families: Map<string, Family>, name: string, labels: Record<string, string> = {}) {
  const samples = families.get(name)?.samples ?? [];
  return samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
    ?.value;
}

const get = 'artifacta.v1.ArtifactService/GetArtifact';

describe('a scrape', () => {
  it('holds what is known of the store and the process', async () => {
    const { scrape, metrics } = opened();
    expect((await metrics.scrape()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = await scrape();
    expect(value(families, 'artifacta_build_info', { version: '1.2.3' })).toBe(1);
    expect(value(families, 'artifacta_ready')).toBe(1);
    expect(value(families, 'artifacta_store_state', { state: 'serving' })).toBe(1);
    expect(value(families, 'artifacta_store_state', { state: 'recovery' })).toBe(0);
    expect(value(families, 'artifacta_store_free_bytes')).toBe(7e12);
    expect(value(families, 'artifacta_blobs_staged_bytes')).toBe(300);
    expect(value(families, 'artifacta_bucket_requests_total', { operation: 'read' })).toBe(32);
    expect(value(families, 'artifacta_bucket_waiting_uploads')).toBe(38);
    expect(value(families, 'artifacta_shipping_lag_seconds')).toBe(4.5);
    expect(value(families, 'artifacta_index_waiting_transactions')).toBe(5);
    expect(value(families, 'artifacta_index_reopens_total')).toBe(6);
    expect(value(families, 'artifacta_replica_namespaces')).toBe(40);
    expect(value(families, 'artifacta_replica_takeovers_total')).toBe(41);
    expect(value(families, 'artifacta_replica_lapses_total')).toBe(42);
    expect(value(families, 'artifacta_unsent_bytes')).toBe(11);
    expect(value(families, 'artifacta_unsent_answers')).toBe(12);
    expect(value(families, 'artifacta_waiting_answers')).toBe(13);
    expect(value(families, 'artifacta_open_answers')).toBe(14);
    expect(value(families, 'artifacta_ended_answers_total')).toBe(15);
    expect(value(families, 'artifacta_refused_answers_total')).toBe(16);
    expect(value(families, 'artifacta_received_bytes')).toBe(21);
    expect(value(families, 'artifacta_stopped_connections')).toBe(22);
    expect(value(families, 'artifacta_ended_requests_total')).toBe(23);
    expect(value(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(value(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    for (const name of ['p50', 'p99', 'max'])
      expect(value(families, `nodejs_eventloop_lag_${name}_seconds`)).toBeGreaterThanOrEqual(0);
    if (process.platform === 'linux') expect(value(families, 'process_open_fds')).toBeGreaterThan(3);
  });

  it('leaves out what cannot be told, and goes down again with counters that begin anew', async () => {
    let now: StoreFigures | undefined;
    const { scrape, errors } = opened(async () => now);
    expect([...(await scrape()).keys()].filter((name) => /_(store|index|blobs)_/.test(name))).toEqual([]);
    now = figures;
    expect(value(await scrape(), 'artifacta_index_batches_total')).toBe(9);
    now = { ...figures, index: { ...figures.index!, batches: 1 } };
    expect(value(await scrape(), 'artifacta_index_batches_total')).toBe(1);
    now = { state: 'recovery', losses: 1 };
    const families = await scrape();
    expect(value(families, 'artifacta_store_state', { state: 'recovery' })).toBe(1);
    expect(value(families, 'artifacta_store_losses')).toBe(1);
    expect(value(families, 'artifacta_store_free_bytes')).toBeUndefined();
    expect(value(families, 'artifacta_index_batches_total')).toBeUndefined();
    expect(errors).toEqual([]);
  });

  it('holds the rest when the store fails to answer, and says so', async () => {
    const failure = new Error('broken');
    const { scrape, errors } = opened(() => Promise.reject(failure));
    expect(value(await scrape(), 'artifacta_ready')).toBe(1);
    expect(errors).toEqual([failure]);
  });

  it('is made once for all who ask at the same time', async () => {
    let asked = 0;
    const { metrics } = opened(async () => {
      asked++;
      return figures;
    });
    await Promise.all(Array.from({ length: 10 }, () => metrics.scrape()));
    expect(asked).toBe(1);
    await metrics.scrape();
    expect(asked).toBe(2);
  });
});

describe('calls', () => {
  it('are counted and timed, and those under way are known', async () => {
    const { metrics, scrape } = opened();
    const call = { method: get, transport: 'network' };
    metrics.callStarted(call);
    metrics.callStarted(call);
    metrics.callEnded({ ...call, outcome: 'ARTIFACT_NOT_FOUND', durationMs: 7 });
    const families = await scrape();
    const labels = { ...call, outcome: 'ARTIFACT_NOT_FOUND' };
    expect(value(families, 'artifacta_rpc_in_flight', call)).toBe(1);
    expect(value(families, 'artifacta_rpc_calls_total', labels)).toBe(1);
    const durations = families.get('artifacta_rpc_duration_seconds')!.samples;
    const bucket = (le: string) => durations.find((sample) => sample.labels.le === le)?.value;
    expect([bucket('0.005'), bucket('0.01'), bucket('+Inf')]).toEqual([0, 1, 1]);
  });

  it('of methods that there are not are counted together', async () => {
    const { metrics, scrape } = opened();
    for (let at = 0; at < 100; at++) {
      const call = { method: `made.up/${at}"\n`, transport: 'network' };
      metrics.callStarted(call);
      metrics.callEnded({ ...call, outcome: 'NOT_IMPLEMENTED', durationMs: 1 });
    }
    const { samples } = (await scrape()).get('artifacta_rpc_calls_total')!;
    expect(samples).toMatchObject([{ labels: { method: 'other' }, value: 100 }]);
  });

  it('on a real listener leave nothing of what callers say in labels', async () => {
    const { metrics, scrape } = opened();
    await using opening = await openTestStore();
    await using server = await startTestServer(
      routes({
        store: () => opening.store,
        onStart: (call) => void metrics.callStarted(call),
        onCall: (call) => metrics.callEnded(call),
        elapsed: () => performance.now(),
      }),
    );
    using transport = openTransport(server.addresses.grpc);
    const clients = {
      ...clientsOf(transport.transport),
      ...opening,
      transport: transport.transport,
      calls: [],
    };
    await upload(clients, { session: 'private-session', name: 'private-name' }, someBytes(100_000));
    const bytesOf = async (way: string) => value(await scrape(), `artifacta_grpc_${way}_bytes_total`)!;
    const sentBefore = await bytesOf('sent');
    expect(await bytesOf('received')).toBeGreaterThan(100_000);
    await download(clients, { artifact: byName('private-session', 'private-name') });
    expect(await bytesOf('sent')).toBeGreaterThan(sentBefore + 100_000);
    const headers = { 'artifacta-namespace': 'private-namespace' };
    await refusal(clients.sessions.getSession({ session: 'private-session' }, { headers }));
    await using raw = await openRawConnection(server.addresses.grpc);
    for (const path of ['/private.Service/Method', '/artifacta.v1.ArtifactService/private', '/private', '/'])
      expect((await answerOf(raw.call(path))).status).toBe('12');
    const families = await scrape();
    expect((await metrics.scrape()).body).not.toContain('private');
    const rpc = [...families].filter(([name]) => name.startsWith('artifacta_rpc_'));
    expect(rpc.map(([name]) => name).sort()).toEqual([
      'artifacta_rpc_calls_total',
      'artifacta_rpc_duration_seconds',
      'artifacta_rpc_in_flight',
    ]);
    for (const { labels } of rpc.flatMap(([, { samples }]) => samples)) {
      expect(methodNames).toContain(labels.method);
      expect(labels.transport).toBe('network');
      expect(['OK', ...reasons, undefined]).toContain(labels.outcome);
      expect(Object.keys(labels).filter((key) => !/^(method|transport|outcome|le)$/.test(key))).toEqual([]);
    }
    expect(value(families, 'artifacta_rpc_calls_total', { outcome: 'NAMESPACE_NOT_FOUND' })).toBe(1);
    const inFlight = families.get('artifacta_rpc_in_flight')!.samples;
    expect(inFlight.filter((sample) => sample.value !== 0)).toEqual([]);
  });
});

describe('the check of the format', () => {
  it.each([
    ['a 1\n', 'outside its family'],
    ['# HELP a b\n# TYPE a gauge\na 1', 'does not end'],
    ['# HELP a b\n# TYPE a gauge\na 1\na 2\n', 'twice'],
    ['# HELP a b\n# TYPE a gauge\na{b="c} 1\n', 'not a label'],
    ['# HELP a b\n# TYPE a gauge\na one\n', 'not a sample'],
    ['# HELP a b\n# TYPE a counter\na 1\n', 'a counter called a'],
    ['# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n', 'a{}'],
  ])('refuses %j', (text, message) => {
    expect(() => parseScrape(text)).toThrow(message);
  });
});
