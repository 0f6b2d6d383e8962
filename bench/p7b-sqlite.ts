/** P7b: the query of P7, against SQLite doing the same in process and a call that does nothing. */
import { SqliteStore } from './controls/sqlite.ts';
import { askSteadily, checkSteadily, list, pageSize, steadyFilters } from './harness/lists.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Figure, Target } from './harness/target.ts';
import { sizeName } from './stores/cache.ts';
import { anchorMs, recentMs, steadyAgents, steadyType } from './stores/shape.ts';

/** In larger stores the answer is the same, and the control takes long to build. */
const sizeMax = 1_000_000;

export const p7b: Target = {
  name: 'p7b',
  what: 'the query of P7 through gRPC, decoded ÷ (p50 of E + p50 of SQLite doing the same in process)',
  needsStores: true,
  async measure(context) {
    const size = context.sizes.findLast((one) => one <= sizeMax) ?? context.sizes[0]!;
    const count = context.quick ? 40 : 400;
    const store = await context.store(size);
    using sqlite = SqliteStore.of(store, context.say);
    await using ours = await startArtifacta(context, { dataDir: store.dataDir });
    await using echo = await startControl('echo');
    await using toOurs = await RawClient.connect(ours.address);
    await using toEcho = await RawClient.connect(echo.address);
    context.say('warm-up');
    await checkSteadily(toOurs);
    await checkSame(toOurs, sqlite);
    const query = async () => {
      const cpuBefore = ours.cpuSeconds();
      const millis = await askSteadily(toOurs, count);
      return { millis, cpu: ((ours.cpuSeconds() - cpuBefore) / count) * 1_000 };
    };
    const controls = async () => ({
      echo: await askSteadily(toEcho, count),
      sqlite: askSqlite(sqlite, count),
    });
    await query();
    await controls();
    const rounds = await interleaved(context, query, controls);
    return [figureOf(size, rounds)];
  },
};

type Rounds = readonly {
  readonly ours: { readonly millis: readonly number[]; readonly cpu: number };
  readonly control: { readonly echo: readonly number[]; readonly sqlite: readonly number[] };
}[];

function figureOf(size: number, rounds: Rounds): Figure {
  const floors = rounds.map(({ control }) => median(control.echo) + median(control.sqlite));
  const millis = (label: string, of: (round: Rounds[number]) => number) => ({
    label,
    unit: 'ms',
    values: rounds.map(of),
  });
  return {
    id: 'P7b',
    what: `${p7b.what}; ${sizeName(size)} artifacts`,
    result: {
      label: 'ours ÷ (E + SQLite)',
      unit: '',
      values: rounds.map((round, at) => median(round.ours.millis) / floors[at]!),
    },
    requirement: { bound: 'at most', value: 3, next: 1.5 },
    ours: millis('query, p50', ({ ours }) => median(ours.millis)),
    control: { label: 'E + SQLite, p50 each', unit: 'ms', values: floors },
    serverCpu: { label: 'ours', unit: 'CPU-ms/call', values: rounds.map(({ ours }) => ours.cpu) },
    others: [
      millis('query, p99', ({ ours }) => quantile(ours.millis, 0.99)),
      millis('E: empty handler, p50', ({ control }) => median(control.echo)),
      millis('SQLite, p50', ({ control }) => median(control.sqlite)),
      millis('SQLite, p99', ({ control }) => quantile(control.sqlite, 0.99)),
    ],
    notes: [
      'SQLite: the same artifacts as JSON, an index over exactly these conditions, no process boundary; both parse the records that they find, and both answer the same ids',
    ],
  };
}

/** Agent, type and time, as the filters of `lists.ts` have them. */
function newest(sqlite: SqliteStore, at: number) {
  const agent = steadyAgents[at % steadyAgents.length]!;
  return sqlite.newest(agent, steadyType, anchorMs - recentMs, pageSize);
}

function askSqlite(sqlite: SqliteStore, count: number): number[] {
  return Array.from({ length: count }, (_, at) => {
    const startedMs = performance.now();
    newest(sqlite, at);
    return performance.now() - startedMs;
  });
}

/** @throws Error unless both find the same. */
async function checkSame(client: RawClient, sqlite: SqliteStore): Promise<void> {
  for (const [at, filter] of steadyFilters.entries()) {
    const { page } = await list(client, { filter, pageSize });
    const ours = page.artifacts.map(({ id }) => id).join();
    if (
      ours !==
      newest(sqlite, at)
        .map(({ id }) => id)
        .join()
    )
      throw new Error(`${filter}: SQLite finds others than we do`);
  }
}
