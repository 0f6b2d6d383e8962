/** P14: how long the slowest pushes take over minutes, against PostgreSQL's inserts in the same minutes. */
import { RawClient } from './harness/raw-client.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import { quantile } from './harness/statistics.ts';
import type { Context, Figure, Series, Target } from './harness/target.ts';
import { type Heading, orMissing } from './peers/missing.ts';
import { clusterIn, Postgres, postgresPromises } from './peers/postgres.ts';
import { cpuTimes, ourPromises, ours, postgres, pushFor, rates, type Turn } from './peers/pushing.ts';
import { schemas } from './peers/schemas.ts';

const inFlight = 64;

const heading: Heading = {
  id: 'P14',
  what: "p99 of pushes of 4 KiB with 6 metadata keys, 64 in flight ÷ p99 of PostgreSQL's inserts (EAV), in turns of one minute",
  requirement: { bound: 'at most', value: 1.3, next: 1 },
};

export const p14: Target = {
  name: 'p14',
  what: heading.what,
  measure: (context) => orMissing([heading], async () => [await measure(context)]),
};

async function measure(context: Context): Promise<Figure> {
  const seconds = context.quick ? 1.5 : 60;
  const [schema] = schemas;
  await using cluster = await Postgres.start(clusterIn(context.directory));
  await using pool = await cluster.pool(inFlight);
  await pool.pg.query(`${schema.tables} ${schema.indexes}`);
  await using server = await startArtifacta(context);
  await using client = await RawClient.connect(server.address);
  const query = (statement: ReturnType<typeof schema.insert>) => pool.pg.query(statement);
  const takers = {
    ours: ours(server, client),
    postgres: postgres(cluster.process, query, schema),
  };
  context.say('warm-up');
  for (const taker of Object.values(takers)) await pushFor(taker, { seconds: seconds / 6, inFlight });
  const turns = await inTurns(context, {
    ours: () => pushFor(takers.ours, { seconds, inFlight }),
    postgres: () => pushFor(takers.postgres, { seconds, inFlight }),
  });
  return figureOf(seconds, turns.ours, turns.postgres);
}

function figureOf(seconds: number, our: readonly Turn[], theirs: readonly Turn[]): Figure {
  const latency = (label: string, turns: readonly Turn[], share: number): Series => ({
    label,
    unit: 'ms',
    values: turns.map(({ millis }) => quantile(millis, share)),
  });
  const ratio = (share: number) =>
    our.map(({ millis }, at) => quantile(millis, share) / quantile(theirs[at]!.millis, share));
  return {
    ...heading,
    result: { label: 'ours ÷ PostgreSQL, p99', unit: '', values: ratio(0.99) },
    ours: latency('push, p99', our, 0.99),
    control: latency('insert, p99', theirs, 0.99),
    serverCpu: cpuTimes('ours', our),
    controlCpu: cpuTimes('PostgreSQL', theirs),
    others: [
      ...[0.5, 0.9, 0.999].flatMap((share) => [
        latency(`push, p${share * 100}`, our, share),
        latency(`PostgreSQL insert, p${share * 100}`, theirs, share),
      ]),
      { label: 'ours ÷ PostgreSQL, p50', unit: '', values: ratio(0.5) },
      rates('pushes', our),
      rates('PostgreSQL inserts', theirs),
    ],
    notes: [
      `turns of ${seconds} s; each keeps 64 in flight, as fast as it can, so that the one with the higher rate also has more to merge and to write back`,
      ourPromises,
      postgresPromises,
    ],
  };
}
