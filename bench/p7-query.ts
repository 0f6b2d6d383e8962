/** P7: a query must cost what it finds, not what the store holds. */
import { askSteadily, checkSteadily, pageSize, steadyFilters, type Touched } from './harness/lists.ts';
import type { Plot, Point } from './harness/plot.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { sizeName } from './stores/cache.ts';

/** Of one store: a value for each run. */
interface Measured {
  readonly size: number;
  readonly p50: number[];
  readonly p99: number[];
  readonly touched: readonly Touched[];
}

export const p7: Target = {
  name: 'p7',
  what: 'two equalities and a time range, newest 100: p50 in a large store ÷ in a small one',
  needsStores: true,
  async measure(context) {
    const { sizes } = context;
    if (sizes.length < 2) {
      context.say('left out: it compares stores of several sizes');
      return [];
    }
    const { stores, echo } = await measureAll(context);
    const [smallest, ...larger] = stores;
    return larger.map((store, at) => ({
      ...figureOf(smallest!, store, echo),
      ...(at === larger.length - 1 ? { plots: plotsOf(stores) } : {}),
    }));
  },
};

async function measureAll(context: Context): Promise<{ stores: Measured[]; echo: number[] }> {
  const count = context.quick ? 40 : 400;
  await using closing = new AsyncDisposableStack();
  const connectTo = async (server: { address: string }) =>
    closing.use(await RawClient.connect(server.address));
  const echoServer = closing.use(await startControl('echo'));
  const toEcho = await connectTo(echoServer);
  const echo: number[] = [];
  const stores: (Measured & { client: RawClient })[] = [];
  for (const size of context.sizes) {
    const { dataDir } = await context.store(size);
    const client = await connectTo(closing.use(await startArtifacta(context, { dataDir })));
    context.say(`warm-up with ${sizeName(size)}`);
    const touched = await checkSteadily(client);
    await askSteadily(client, count);
    stores.push({ size, client, touched, p50: [], p99: [] });
  }
  await askSteadily(toEcho, count);
  for (let run = 1; run <= context.runs; run++) {
    context.say(`run ${run} of ${context.runs}`);
    // Forwards and backwards in turn, so that what drifts weighs on all of them.
    for (const { client, p50, p99 } of run % 2 === 1 ? stores : stores.toReversed()) {
      const millis = await askSteadily(client, count);
      p50.push(median(millis));
      p99.push(quantile(millis, 0.99));
    }
    echo.push(median(await askSteadily(toEcho, count)));
  }
  return { stores, echo };
}

function figureOf(small: Measured, large: Measured, echo: readonly number[]): Figure {
  const millis = (label: string, values: readonly number[]) => ({ label, unit: 'ms', values });
  const keys = ({ size, touched }: Measured) => {
    const most = touched.map((one) => one.keys + one.records);
    return `${sizeName(size)}: ${Math.min(...most)} to ${Math.max(...most)} keys and records a query, driven by ${touched[0]!.driver}`;
  };
  return {
    id: `P7 ${sizeName(large.size)}`,
    what: `two equalities and a time range, newest ${pageSize}, equal hits: p50 with ${sizeName(large.size)} artifacts ÷ with ${sizeName(small.size)}`,
    result: { label: 'large ÷ small', unit: '', values: large.p50.map((p50, at) => p50 / small.p50[at]!) },
    requirement: { bound: 'at most', value: 1.5, next: 1.2 },
    ours: millis(`p50, ${sizeName(large.size)}`, large.p50),
    control: millis(`p50, ${sizeName(small.size)}`, small.p50),
    others: [
      millis(`p99, ${sizeName(large.size)}`, large.p99),
      millis(`p99, ${sizeName(small.size)}`, small.p99),
      millis('E: empty handler, p50', echo),
    ],
    notes: [
      keys(small),
      keys(large),
      `by gRPC, one call after another, answers decoded; ${steadyFilters.length} filters in turn, everything in caches; stores compacted`,
    ],
  };
}

function plotsOf(stores: readonly Measured[]): Plot[] {
  const x = 'artifacts in the store';
  const line = (label: string, values: (store: Measured) => readonly number[]) => ({
    label,
    points: stores.map((store): Point => {
      const all = values(store);
      return { x: store.size, y: median(all), low: Math.min(...all), high: Math.max(...all) };
    }),
  });
  return [
    {
      name: 'p7-latency',
      title: `agent AND type AND 7 days, newest ${pageSize}: latency`,
      x,
      y: 'ms',
      lines: [
        line('p50 (median of the runs, least to greatest)', ({ p50 }) => p50),
        line('p99', ({ p99 }) => p99),
      ],
    },
    {
      name: 'p7-keys',
      title: `agent AND type AND 7 days, newest ${pageSize}: what is touched`,
      x,
      y: 'keys, records',
      lines: [
        line('keys and probes', ({ touched }) => touched.map(({ keys }) => keys)),
        line('records', ({ touched }) => touched.map(({ records }) => records)),
      ],
    },
  ];
}
