/** P18: the pushes of P5 into three replicas over one database, each of which owns a namespace, and into one. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freeAddress } from '../scripts/free-port.ts';
import { winnerOf } from '../src/index/postgres/replicas/rendezvous.ts';
import { CoreShare } from './harness/core-share.ts';
import type { ServerProcess } from './harness/processes.ts';
import { pushAll, pushFrames, pushOneByOne } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { launcher, startArtifacta, startControl } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { orMissing } from './peers/missing.ts';
import { clusterIn, Postgres, postgresPromises } from './peers/postgres.ts';

const inFlight = 32;
const replicas = 3;
const coreShare = 0.2;
/** A replica that has lived for so long gets the namespaces that it wins. */
const settledMs = 8_000;
const idleSeconds = 20;
/** Connections of PostgreSQL tell its counters what they did up to 10 s later. */
const toldMs = 15_000;

const headings = [
  {
    id: 'P18',
    what: `durable pushes of 4 KiB into ${replicas} replicas, each with its namespace and a fifth of a core ÷ into one`,
    requirement: { bound: 'at least', value: 2.4 },
  },
  {
    id: 'P18 unlimited',
    what: 'the same without the limit of processor time',
  },
  {
    id: 'P18 idle',
    what: `transactions of the database a second while ${replicas} replicas have nothing to do`,
    requirement: { bound: 'at most', value: 5 },
  },
  {
    id: 'P18 hand-over',
    what: 'the longest of pushes one after another through a replica, while the owner of their namespace stops',
    requirement: { bound: 'at most', value: 500 },
  },
  {
    id: 'P18 take-over',
    what: 'the longest of pushes one after another through a replica, while the owner of their namespace is killed',
    requirement: { bound: 'at most', value: 10_000 },
  },
] as const;

export const p18: Target = {
  name: 'p18',
  what: 'three replicas over one PostgreSQL: pushes a second ÷ one replica, calls of the database when idle',
  measure: (context) => orMissing(headings, () => measure(context)),
};

async function measure(context: Context): Promise<Figure[]> {
  await using cluster = await Postgres.start(clusterIn(context.directory));
  const limited = await compare(context, cluster, coreShare);
  const unlimited = await compare(context, cluster, undefined);
  const lost = await loseOwners(context, cluster);
  const figureOf = (heading: (typeof headings)[number], { several, alone, ratios }: Rates): Figure => ({
    ...heading,
    result: { label: `${replicas} replicas ÷ one`, unit: '', values: ratios },
    ours: { label: `pushes, ${replicas} replicas`, unit: '/s', values: several },
    control: { label: 'pushes, one replica', unit: '/s', values: alone },
    others: [],
    notes: [
      `${inFlight} in flight for each namespace, on a connection to its owner each; contents in the index, the bucket is empty`,
      postgresPromises,
    ],
  });
  return [
    figureOf(headings[0], limited),
    figureOf(headings[1], unlimited),
    {
      ...headings[2],
      result: { label: 'transactions of the database', unit: '/s', values: [limited.idle, unlimited.idle] },
      others: [],
      notes: [`over ${idleSeconds} s each, ${toldMs / 1_000} s after the last push; without autovacuum`],
    },
    {
      ...headings[3],
      result: { label: 'longest push', unit: 'ms', values: lost.stopped },
      others: [],
      notes: ['the owner gets SIGTERM, and has ended before the last push'],
    },
    {
      ...headings[4],
      result: { label: 'longest push', unit: 'ms', values: lost.killed },
      others: [],
      notes: ['the owner gets SIGKILL; its lease lasts 10 s, and was renewed at most 2 s before'],
    },
  ];
}

interface Rates {
  readonly several: readonly number[];
  readonly alone: readonly number[];
  readonly ratios: readonly number[];
  readonly idle: number;
}

async function compare(context: Context, cluster: Postgres, share: number | undefined): Promise<Rates> {
  const count = context.quick ? 200 : 2_000;
  const suffix = share === undefined ? 'free' : 'limited';
  await using several = await start(context, cluster, {
    schema: `several_${suffix}`,
    count: replicas,
    share,
  });
  await using alone = await start(context, cluster, { schema: `alone_${suffix}`, count: 1, share });
  context.say('waiting until the replicas have their namespaces');
  await delay(settledMs);
  const run = async ({ clients }: typeof several): Promise<number> => {
    const seconds = await Promise.all(clients.map((client) => pushAll(client, pushFrames(count), inFlight)));
    return clients.reduce((sum, _, at) => sum + count / seconds[at]!, 0);
  };
  context.say('warm-up');
  await run(several);
  await run(alone);
  const rounds = await interleaved(
    context,
    () => run(several),
    () => run(alone),
  );
  context.say('idle');
  // Its transactions count as those of the replicas do.
  await switchAutovacuum(cluster, 'off');
  await delay(toldMs);
  const before = await transactions(cluster);
  await delay(idleSeconds * 1_000);
  const after = await transactions(cluster);
  await switchAutovacuum(cluster, 'on');
  // One more replica, of the other store, is idle, too.
  const idle = ((after - before) / idleSeconds) * (replicas / (replicas + 1));
  return {
    several: rounds.map(({ ours }) => ours),
    alone: rounds.map(({ control }) => control),
    ratios: rounds.map(({ ours, control }) => ours / control),
    idle,
  };
}

/** The longest of pushes one after another, in milliseconds, for each owner that was lost meanwhile. */
interface Lost {
  readonly stopped: readonly number[];
  readonly killed: readonly number[];
}

/** Stops and kills all replicas but the last, one after another; the last gets the pushes. */
async function loseOwners(context: Context, cluster: Postgres): Promise<Lost> {
  await using all = await start(context, cluster, { schema: 'lost', count: 5, share: undefined });
  context.say('waiting until the replicas have their namespaces');
  await delay(settledMs);
  const last = all.servers.at(-1)!;
  const longest: [number[], number[]] = [[], []];
  for (const [at, server] of all.servers.slice(0, -1).entries()) {
    context.say(`owner ${at + 1} of ${all.servers.length - 1} is lost`);
    await using client = await RawClient.connect(last.address, { 'artifacta-namespace': all.names[at]! });
    await pushOneByOne(client, pushFrames(20));
    longest[at % 2]!.push(await longestWhile(client, () => (at % 2 === 0 ? stop(server) : kill(server))));
  }
  return { stopped: longest[0], killed: longest[1] };
}

/** Returns the milliseconds of the longest of pushes that begin before `work` is done, and of a hundred more. */
async function longestWhile(client: RawClient, work: () => Promise<void>): Promise<number> {
  let isDone = false;
  const done = work().then(() => {
    isDone = true;
  });
  const millis: number[] = [];
  while (!isDone) millis.push(...(await pushOneByOne(client, pushFrames(20))));
  millis.push(...(await pushOneByOne(client, pushFrames(100))));
  await done;
  return Math.max(...millis);
}

async function stop(server: ServerProcess): Promise<void> {
  await server[Symbol.asyncDispose]();
}

async function kill(server: ServerProcess): Promise<void> {
  server.kill();
}

interface Wanted {
  readonly schema: string;
  readonly count: number;
  readonly share: number | undefined;
}

/** Replicas of one store, and a client of each, for a namespace that it owns. */
async function start(context: Context, cluster: Postgres, { schema, count, share }: Wanted) {
  const stack = new AsyncDisposableStack();
  try {
    const bucket = stack.use(await startControl('bucket'));
    const secretFile = join(context.directory, `${schema}.secret`);
    writeFileSync(secretFile, randomBytes(32).toString('hex'), { mode: 0o600 });
    const clients: RawClient[] = [];
    const servers: ServerProcess[] = [];
    const names = namespacesOf(count);
    for (let at = 0; at < count; at++) {
      const dataDir = mkdtempSync(join(context.directory, 'data-'));
      const core = share === undefined ? undefined : stack.use(CoreShare.make(`${schema}-${at}`, share));
      const server = stack.use(
        await startArtifacta(context, {
          dataDir,
          bucketAt: `http://${bucket.address}`,
          indexAt: `postgres://postgres@${cluster.process.address}/postgres?schema=${schema}`,
          replica: { address: await freeAddress(), secretFile },
          core,
        }),
      );
      servers.push(server);
      const namespace = names[at]!;
      const client = await RawClient.connect(server.address, { 'artifacta-namespace': namespace });
      stack.use(client);
      clients.push(client);
      // Over the socket, where everyone is an operator.
      execFileSync(launcher, ['namespace', 'create', namespace, '--data-dir', dataDir]);
    }
    return { clients, servers, names, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Returns a name for each replica, which owns the namespace of that name when all of them live. */
function namespacesOf(count: number): string[] {
  const members = Array.from({ length: count }, (_, at) => ({ number: at + 1 }));
  return members.map(({ number }) => {
    for (let at = 0; ; at++) if (winnerOf(`team${at}`, members)?.number === number) return `team${at}`;
  });
}

async function switchAutovacuum(cluster: Postgres, to: 'on' | 'off'): Promise<void> {
  await using client = await cluster.connect();
  await client.pg.query(`ALTER SYSTEM SET autovacuum = ${to}`);
  await client.pg.query('SELECT pg_reload_conf()');
}

async function transactions(cluster: Postgres): Promise<number> {
  await using client = await cluster.connect();
  const { rows } = await client.pg.query(
    'SELECT (sum(xact_commit) + sum(xact_rollback))::float8 AS n FROM pg_stat_database',
  );
  return (rows[0] as { readonly n: number }).n;
}
