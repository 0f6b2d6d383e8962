/** P15: the query of P7b against PostgreSQL over the wire, repeated and as many different people would ask it. */
import { execFileSync } from 'node:child_process';
import { MiB } from './harness/content.ts';
import { RawClient } from './harness/raw-client.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import {
  type Asked,
  type Asker,
  askingOurs,
  askingPostgres,
  askTurn,
  cpuTimes,
  idOf,
  latencies,
  steadyQueries,
  zipfQueries,
} from './peers/asking.ts';
import { type Heading, ifHere, orMissing, PeerMissing } from './peers/missing.ts';
import { postgresOf } from './peers/postgres-store.ts';
import { type Query, schemas } from './peers/schemas.ts';
import { type KeptStore, sizeName } from './stores/cache.ts';

/** In larger stores the answer is the same, and loading them again takes long. */
const sizeMax = 1_000_000;

const contestants = ['ours', 'eav', 'composite', 'jsonb'] as const;
type Contestant = (typeof contestants)[number];
type Turns = Readonly<Record<Contestant, readonly Asked[]>>;

const headings: readonly Heading[] = [
  {
    id: 'P15',
    what: 'two equalities and a time range, newest 100, repeated: p50 ÷ PostgreSQL with an EAV schema over the wire',
    requirement: { bound: 'at most', value: 1, next: 0.5 },
  },
  {
    id: 'P15 processor',
    what: 'the same queries: processor time a query ÷ PostgreSQL EAV',
    requirement: { bound: 'at most', value: 1.5, next: 1 },
  },
  {
    id: 'P15 Zipf',
    what: 'such queries for keys, values, types and weeks that differ (Zipf): p50 ÷ PostgreSQL EAV',
  },
  { id: 'P15 Zipf processor', what: 'the same queries: processor time a query ÷ PostgreSQL EAV' },
];

export const p15: Target = {
  name: 'p15',
  what: 'the query of P7b ÷ PostgreSQL over the wire, p50 and processor time; repeated, and by a law of Zipf',
  needsStores: true,
  minutesMax: 45,
  async prepare(context) {
    const { store } = await storeOf(context);
    const cluster = await ifHere(() => postgresOf(store, context.say));
    if (!(cluster instanceof PeerMissing)) await cluster[Symbol.asyncDispose]();
  },
  measure: (context) => orMissing(headings, () => measure(context)),
};

interface System {
  readonly server: { cpuSeconds(): number };
  readonly ask: Asker;
}

async function storeOf({ sizes, store }: Context): Promise<{ size: number; store: KeptStore }> {
  const size = sizes.findLast((one) => one <= sizeMax) ?? sizes[0]!;
  return { size, store: await store(size) };
}

async function measure(context: Context): Promise<Figure[]> {
  const { size, store } = await storeOf(context);
  await using cluster = await postgresOf(store, context.say);
  await using connection = await cluster.connect();
  await using server = await startArtifacta(context, { dataDir: store.dataDir });
  await using client = await RawClient.connect(server.address);
  const systems = new Map<Contestant, System>([['ours', { server, ask: askingOurs(client) }]]);
  for (const schema of schemas) {
    const ask = askingPostgres((statement) => connection.pg.query(statement), schema);
    systems.set(schema.name, { server: cluster.process, ask });
  }
  context.say('warm-up');
  const zipf = zipfQueries();
  await checkSame(systems, [...steadyQueries, ...zipfQueriesFrom(zipf, context.quick ? 10 : 100)]);
  const repeated = repeatedQueries(context.quick ? 40 : 400);
  for (const { server, ask } of systems.values()) await askTurn(server, ask, repeated);
  const asked = await turnsOf(context, systems, () => repeated);
  // Each system gets the same queries, and no run those of another.
  const draws = Array.from({ length: context.runs }, () => zipfQueriesFrom(zipf, context.quick ? 60 : 3_000));
  const seen = new Set<string>();
  const drawn = await turnsOf(context, systems, (run) => draws[run - 1]!, seen);
  const name = sizeName(size);
  return [
    ...figuresOf(headings[0]!, headings[1]!, asked, [
      `${name} artifacts; ${repeated.length} queries a run`,
      ...notes,
    ]),
    ...figuresOf(headings[2]!, headings[3]!, drawn, [
      `${name} artifacts; ${draws[0]!.length} queries a run, none of them in another run`,
      workingSet(store, seen.size),
      ...notes,
    ]),
  ];
}

/** A generator that is taken from must not be closed by that. */
function zipfQueriesFrom(queries: Iterator<Query, never>, count: number): Query[] {
  return Array.from({ length: count }, () => queries.next().value);
}

function repeatedQueries(count: number): Query[] {
  return Array.from({ length: count }, (_, at) => steadyQueries[at % steadyQueries.length]!);
}

async function turnsOf(
  context: Context,
  systems: ReadonlyMap<Contestant, System>,
  queriesOf: (run: number) => readonly Query[],
  seen?: Set<string>,
): Promise<Turns> {
  const of = (name: Contestant) => async (run: number) => {
    const { server, ask } = systems.get(name)!;
    return await askTurn(server, ask, queriesOf(run), (ids) => {
      if (name === 'ours') for (const id of ids) seen?.add(id);
    });
  };
  return await inTurns(context, {
    ours: of('ours'),
    eav: of('eav'),
    composite: of('composite'),
    jsonb: of('jsonb'),
  });
}

/** @throws Error unless all find the same. */
async function checkSame(systems: ReadonlyMap<Contestant, System>, queries: readonly Query[]): Promise<void> {
  for (const query of queries) {
    const expected = (await systems.get('ours')!.ask(query)).join();
    for (const { name } of schemas) {
      const found = (await systems.get(name)!.ask(query)).map(idOf).join();
      if (found !== expected)
        throw new Error(`PostgreSQL ${name} finds others than ours: ${JSON.stringify(query)}`);
    }
  }
}

/** How much of both systems the queries went through, against what their own caches hold. */
function workingSet({ dataDir, census }: KeptStore, records: number): string {
  const bytes = Number(execFileSync('du', ['-sb', dataDir], { encoding: 'latin1' }).split('\t')[0]);
  const share = records / census.artifacts;
  const touched = ((bytes * share) / MiB).toFixed();
  return `working set: ${records} different records were found, ${(share * 100).toFixed()} % of the store, about ${touched} MiB of our ${(bytes / MiB).toFixed()}; caches: LevelDB 64 MiB of blocks, PostgreSQL 128 MB of shared buffers; the system's page cache holds both stores whole if the machine has the memory`;
}

const notes = [
  'one query after another on one connection each, answers decoded; both answer the same ids, which is checked; a query is a prepared statement in PostgreSQL',
  'both stores are durable and only read; ours checks a CRC of each record that it reads, PostgreSQL has checksums of pages off, its default',
];

function figuresOf(latency: Heading, processor: Heading, turns: Turns, all: readonly string[]): Figure[] {
  const ratio = (name: Contestant, of: (turn: Asked) => number) =>
    turns.ours.map((turn, at) => of(turn) / of(turns[name][at]!));
  const p50 = (turn: Asked) => latencies('', [turn]).values[0]!;
  const others = schemas
    .slice(1)
    .flatMap(({ name, what }) => [
      latencies(`PostgreSQL ${name} (${what})`, turns[name]),
      { label: `ours ÷ PostgreSQL ${name}, p50`, unit: '', values: ratio(name, p50) },
    ]);
  const cpuOthers = schemas
    .slice(1)
    .flatMap(({ name }) => [
      cpuTimes(`PostgreSQL ${name}`, turns[name]),
      { label: `ours ÷ PostgreSQL ${name}`, unit: '', values: ratio(name, ({ cpuMs }) => cpuMs) },
    ]);
  const both = {
    ours: latencies('query', turns.ours),
    control: latencies('PostgreSQL EAV', turns.eav),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes('PostgreSQL EAV', turns.eav),
  };
  return [
    {
      ...latency,
      ...both,
      result: { label: 'ours ÷ PostgreSQL EAV, p50', unit: '', values: ratio('eav', p50) },
      others: [
        latencies('query', turns.ours, 0.99),
        latencies('PostgreSQL EAV', turns.eav, 0.99),
        ...others,
        {
          label: 'records found a query',
          unit: '',
          values: turns.ours.map(({ found, millis }) => found / millis.length),
        },
      ],
      notes: all,
    },
    {
      ...processor,
      ...both,
      result: { label: 'ours ÷ PostgreSQL EAV', unit: '', values: ratio('eav', ({ cpuMs }) => cpuMs) },
      others: cpuOthers,
      notes: [],
    },
  ];
}
