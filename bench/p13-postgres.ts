/** P13: what a push costs the processor, against PostgreSQL with the same information in it. */
import { RawClient } from './harness/raw-client.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { type Heading, orMissing } from './peers/missing.ts';
import { clusterIn, Postgres, postgresPromises } from './peers/postgres.ts';
import {
  cpuTimes,
  ourPromises,
  ours,
  postgres,
  pushTurn,
  rates,
  type Taker,
  type Turn,
} from './peers/pushing.ts';
import { schemas } from './peers/schemas.ts';

const lanes = [
  { inFlight: 64, id: 'P13', at: '64 in flight', requirement: { value: 1.2, next: 1 } },
  { inFlight: 1, id: 'P13 alone', at: 'alone', requirement: { value: 3, next: 2 } },
] as const;

const contestants = ['ours', 'eav', 'composite', 'jsonb'] as const;
type Turns = Readonly<Record<(typeof contestants)[number], readonly Turn[]>>;

const headings: readonly Heading[] = lanes.map(({ id, at, requirement }) => ({
  id,
  what: `processor time of a push of 4 KiB with 6 metadata keys, ${at} ÷ PostgreSQL's for the same information (EAV)`,
  requirement: { bound: 'at most', ...requirement },
}));

export const p13: Target = {
  name: 'p13',
  what: 'processor time of a push ÷ PostgreSQL with an EAV schema, 64 in flight and alone',
  measure: (context) => orMissing(headings, () => measure(context)),
};

async function measure(context: Context): Promise<Figure[]> {
  await using cluster = await Postgres.start(clusterIn(context.directory));
  await using pool = await cluster.pool(lanes[0].inFlight);
  await using server = await startArtifacta(context);
  await using client = await RawClient.connect(server.address);
  const takers = new Map<string, Taker>([['ours', ours(server, client)]]);
  for (const schema of schemas) {
    await pool.pg.query(`${schema.tables} ${schema.indexes}`);
    takers.set(
      schema.name,
      postgres(cluster.process, (statement) => pool.pg.query(statement), schema),
    );
  }
  const figures: Figure[] = [];
  for (const [at, { inFlight }] of lanes.entries()) {
    const count = (context.quick ? 500 : 20_000) / (inFlight === 1 ? 5 : 1);
    const turn = (name: string, share: number) =>
      pushTurn(takers.get(name)!, { count: count * share, inFlight });
    context.say(`warm-up, ${inFlight} in flight`);
    for (const name of contestants) await turn(name, 0.2);
    const of = (name: string) => () => turn(name, 1);
    const turns = await inTurns(context, {
      ours: of('ours'),
      eav: of('eav'),
      composite: of('composite'),
      jsonb: of('jsonb'),
    });
    figures.push(figureOf(headings[at]!, count, turns));
  }
  return figures;
}

function figureOf(heading: Heading, count: number, turns: Turns): Figure {
  const others = schemas.slice(1).flatMap(({ name, what }) => [
    cpuTimes(`PostgreSQL ${name} (${what})`, turns[name]),
    {
      label: `ours ÷ PostgreSQL ${name}`,
      unit: '',
      values: turns.ours.map(({ cpuMs }, at) => cpuMs / turns[name][at]!.cpuMs),
    },
    rates(`PostgreSQL ${name}`, turns[name]),
  ]);
  return {
    ...heading,
    result: {
      label: 'ours ÷ PostgreSQL EAV',
      unit: '',
      values: turns.ours.map(({ cpuMs }, at) => cpuMs / turns.eav[at]!.cpuMs),
    },
    ours: rates('pushes', turns.ours),
    control: rates('PostgreSQL EAV', turns.eav),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes('PostgreSQL EAV', turns.eav),
    others,
    notes: [
      `${count} pushes a run; PostgreSQL: one prepared statement and one transaction a push, a connection for each in flight; processor time of all of its processes`,
      `EAV: ${schemas[0].what}; the content in a column of the row, not compressed, in all schemas`,
      ourPromises,
      postgresPromises,
    ],
  };
}
