/** P17: the pushes of P5 and P6 with the index in PostgreSQL and in LevelDB, in turns. */
import { pushAll, pushFrames, pushOneByOne } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { orMissing } from './peers/missing.ts';
import { clusterIn, Postgres, postgresPromises } from './peers/postgres.ts';

const inFlight = 64;
const headings = [
  {
    id: 'P17',
    what: 'durable push of 4 KiB, 64 in flight: index in PostgreSQL ÷ in LevelDB',
    requirement: { bound: 'at least', value: 0.5, next: 0.7 },
  },
  {
    id: 'P17b',
    what: 'the same, one at a time: p50 with PostgreSQL ÷ with LevelDB',
    requirement: { bound: 'at most', value: 2, next: 1.5 },
  },
] as const;

export const p17: Target = {
  name: 'p17',
  what: 'push with the index in PostgreSQL ÷ in LevelDB: rate at 64 in flight, p50 alone, processor time',
  measure: (context) => orMissing(headings, () => measure(context)),
};

interface Run {
  readonly rate: number;
  readonly cpuPerThousand: number;
  readonly aloneMillis: number;
}

async function measure(context: Context): Promise<Figure[]> {
  const count = context.quick ? 500 : 10_000;
  await using cluster = await Postgres.start(clusterIn(context.directory));
  const indexAt = `postgres://postgres@${cluster.process.address}/postgres`;
  await using database = await startArtifacta(context, { indexAt });
  await using files = await startArtifacta(context);
  await using toDatabase = await RawClient.connect(database.address);
  await using toFiles = await RawClient.connect(files.address);
  const run = async (client: RawClient, server: typeof files): Promise<Run> => {
    const cpuBefore = server.cpuSeconds();
    const seconds = await pushAll(client, pushFrames(count), inFlight);
    const cpuPerThousand = ((server.cpuSeconds() - cpuBefore) / count) * 1_000;
    // The first call of a session reads more.
    const [, ...alone] = await pushOneByOne(client, pushFrames(100));
    return { rate: count / seconds, cpuPerThousand, aloneMillis: median(alone) };
  };
  context.say('warm-up');
  await run(toDatabase, database);
  await run(toFiles, files);
  const cpuOfCluster: number[] = [];
  const rounds = await interleaved(
    context,
    async () => {
      const before = cluster.process.cpuSeconds();
      const result = await run(toDatabase, database);
      cpuOfCluster.push(((cluster.process.cpuSeconds() - before) / count) * 1_000);
      return result;
    },
    () => run(toFiles, files),
  );
  const both = (value: (run: Run) => number) => ({
    ours: rounds.map(({ ours }) => value(ours)),
    control: rounds.map(({ control }) => value(control)),
    ratios: rounds.map(({ ours, control }) => value(ours) / value(control)),
  });
  const [rates, cpu, alone] = [
    both(({ rate }) => rate),
    both(({ cpuPerThousand }) => cpuPerThousand),
    both(({ aloneMillis }) => aloneMillis),
  ];
  const cpuUnit = 'CPU-s/1,000 calls';
  return [
    {
      ...headings[0],
      result: { label: 'PostgreSQL ÷ LevelDB', unit: '', values: rates.ratios },
      ours: { label: 'pushes, PostgreSQL', unit: '/s', values: rates.ours },
      control: { label: 'pushes, LevelDB', unit: '/s', values: rates.control },
      serverCpu: { label: 'service, PostgreSQL', unit: cpuUnit, values: cpu.ours },
      others: [
        { label: 'service, LevelDB', unit: cpuUnit, values: cpu.control },
        { label: 'service, PostgreSQL ÷ LevelDB', unit: '', values: cpu.ratios },
        { label: 'the database', unit: cpuUnit, values: cpuOfCluster },
      ],
      notes: [`${count} pushes a run on one connection, 100 to a session`, postgresPromises],
    },
    {
      ...headings[1],
      result: { label: 'PostgreSQL ÷ LevelDB', unit: '', values: alone.ratios },
      ours: { label: 'push, p50, PostgreSQL', unit: 'ms', values: alone.ours },
      control: { label: 'push, p50, LevelDB', unit: 'ms', values: alone.control },
      others: [],
      notes: ['100 pushes a run into one session, without the first'],
    },
  ];
}
