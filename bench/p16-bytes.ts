/** P16: what an artifact takes on the disk beside its content. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { inLanes, type Push, pushes } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Series, Target } from './harness/target.ts';
import { ifHere, PeerMissing } from './peers/missing.ts';
import { clusterIn, Postgres, postgresPromises } from './peers/postgres.ts';
import { ourPromises, ours, postgres, type Taker } from './peers/pushing.ts';
import { schemas } from './peers/schemas.ts';
import { compactStore } from './stores/load.ts';

const inFlight = 64;
/** Pushes that are made at once. */
const batch = 4_000;

export const p16: Target = {
  name: 'p16',
  minutesMax: 45,
  what: 'bytes on disk for an artifact with six metadata keys, without its content',
  async measure(context) {
    const count = context.quick ? 2_000 : 100_000;
    const runs: Taken[] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}: ${count} pushes`);
      runs.push(await taken(context, count));
    }
    context.say(`${count} inserts into PostgreSQL`);
    const peer = await ifHere(() => takenByPostgres(context, count));
    return [figureOf(count, runs, peer)];
  },
};

/** Bytes, and processor seconds. */
interface Taken {
  readonly asItIs: number;
  readonly closed: number;
  readonly compacted: number;
  readonly cpu: number;
}

async function taken(context: Context, count: number): Promise<Taken> {
  const dataDir = mkdtempSync(join(context.directory, 'data-'));
  const content = randomBytes(4096);
  const shared = { value: content, sha256: createHash('sha256').update(content).digest('hex') };
  let before = 0;
  let asItIs = 0;
  let cpu = 0;
  {
    await using server = await startArtifacta(context, { dataDir });
    await using client = await RawClient.connect(server.address);
    const taker = ours(server, client);
    // The content, and what a store has without artifacts.
    await pushSome(taker, shared, 1);
    before = bytesOf(dataDir);
    const cpuBefore = server.cpuSeconds();
    await pushSome(taker, shared, count);
    cpu = server.cpuSeconds() - cpuBefore;
    asItIs = bytesOf(dataDir) - before;
  }
  const closed = bytesOf(dataDir) - before;
  await compactStore(dataDir);
  return { asItIs, closed, compacted: bytesOf(dataDir) - before, cpu };
}

async function pushSome(taker: Taker, shared: Pick<Push, 'value' | 'sha256'>, count: number): Promise<void> {
  const all = pushes(count);
  for (let left = count; left > 0; left -= batch) {
    const calls = Array.from({ length: Math.min(batch, left) }, () =>
      taker.prepare({ ...all.next().value!, ...shared }),
    );
    await inLanes(calls, inFlight, (call) => call());
  }
}

interface TakenByPostgres {
  readonly bytes: number;
  readonly cpu: number;
}

/** The same without any content. */
async function takenByPostgres(context: Context, count: number): Promise<TakenByPostgres> {
  const [schema] = schemas;
  await using cluster = await Postgres.start(clusterIn(context.directory));
  await using pool = await cluster.pool(inFlight);
  await pool.pg.query(`${schema.tables} ${schema.indexes}`);
  const taker = postgres(cluster.process, (statement) => pool.pg.query(statement), schema);
  const cpuBefore = cluster.process.cpuSeconds();
  const value = Buffer.alloc(0);
  await pushSome(taker, { value, sha256: createHash('sha256').update(value).digest('hex') }, count);
  const cpu = cluster.process.cpuSeconds() - cpuBefore;
  const { rows } = await pool.pg.query<{ bytes: string }>(
    "SELECT pg_total_relation_size('eav.artifact') + pg_total_relation_size('eav.metadata') AS bytes",
  );
  return { bytes: Number(rows[0]!.bytes), cpu };
}

/** As the file system allocates them. */
function bytesOf(directory: string): number {
  return Number(execFileSync('du', ['-sB1', directory], { encoding: 'latin1' }).split('\t')[0]);
}

function figureOf(count: number, runs: readonly Taken[], peer: TakenByPostgres | PeerMissing): Figure {
  const kibibytes = (label: string, values: readonly number[]): Series => ({
    label,
    unit: 'KiB',
    values: values.map((bytes) => bytes / 1024 / count),
  });
  const millis = (label: string, values: readonly number[]): Series => ({
    label,
    unit: 'CPU-ms/push',
    values: values.map((seconds) => (seconds / count) * 1_000),
  });
  const result = kibibytes(
    'closed',
    runs.map(({ closed }) => closed),
  );
  const isHere = !(peer instanceof PeerMissing);
  return {
    id: 'P16',
    what: p16.what,
    result,
    requirement: { bound: 'at most', value: 1.2, next: 0.8 },
    ours: result,
    ...(isHere ? { control: kibibytes('PostgreSQL EAV', [peer.bytes]) } : {}),
    serverCpu: millis(
      'ours',
      runs.map(({ cpu }) => cpu),
    ),
    ...(isHere ? { controlCpu: millis('PostgreSQL EAV', [peer.cpu]) } : {}),
    others: [
      kibibytes(
        'right after the last push',
        runs.map(({ asItIs }) => asItIs),
      ),
      kibibytes(
        'compacted whole',
        runs.map(({ compacted }) => compacted),
      ),
    ],
    notes: [
      `${count} artifacts, 100 to a session, all with the same 4 KiB, which are stored once and not counted; what the file system has allocated for the data directory when the service has ended − the same with one artifact; request ids, logs and sessions are in it`,
      isHere
        ? 'PostgreSQL: tables, indexes and TOAST without its log, contents empty'
        : `missing: ${peer.message}`,
      ourPromises,
      postgresPromises,
    ],
  };
}
