/** P9: what reaping costs, and what it costs others; and sessions that expire all at once. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SessionOutcome } from '../gen/artifacta/v1/outcome_pb.ts';
import {
  OpenSessionRequestSchema,
  SealSessionRequestSchema,
} from '../gen/artifacta/v1/session_service_pb.ts';
import { frame } from './harness/frames.ts';
import { steadyFilters } from './harness/lists.ts';
import type { ServerProcess } from './harness/processes.ts';
import { createPath, smallFrames } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { type Beside, callBeside, pushExpiring, reapAll, sendAll } from './harness/reaping.ts';
import { startArtifacta } from './harness/servers.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Context, Figure, Series, Target } from './harness/target.ts';
import { copyStore, sizeName } from './stores/cache.ts';

/** Pushes and queries before: of their tail enough is seen. */
const callsBefore = 1_500;
/** Of a reaping of which the end is not awaited. */
const lookedAtSeconds = 60;

/** One run on one store. */
interface Reaped {
  readonly seconds: number;
  readonly before: Beside;
  readonly meanwhile: Beside;
}

interface Place {
  readonly size: number;
  readonly dataDir: string;
  readonly server: ServerProcess;
  readonly client: RawClient;
  readonly runs: Reaped[];
}

export const p9: Target = {
  name: 'p9',
  what: 'reaping 100,000 expired artifacts in a large store ÷ in a small one; pushes and queries meanwhile ÷ before',
  needsStores: true,
  minutesMax: 60,
  async measure(context) {
    const count = context.quick ? 1_000 : 100_000;
    const sizes = [context.sizes[0]!, ...context.sizes.slice(1).slice(-1)];
    await using closing = new AsyncDisposableStack();
    const places: Place[] = [];
    for (const size of sizes) places.push(await open(context, size, closing));
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      for (const place of run % 2 === 1 ? places : places.toReversed())
        place.runs.push(await reapRun(context, place, () => fill(context, place, count, run)));
    }
    const [small, large = small] = [places[0]!, places.at(-1)!];
    return [
      ...(places.length < 2 ? [] : [costFigure(small, large, count)]),
      besideFigure('P9b', large, `while ${count} expired artifacts are reaped`),
    ];
  },
};

export const p9s: Target = {
  name: 'p9s',
  what: '100,000 sessions that expire at once: pushes and queries while they are reaped ÷ before',
  needsStores: true,
  minutesMax: 60,
  async measure(context) {
    const count = context.quick ? 200 : 100_000;
    await using closing = new AsyncDisposableStack();
    const place = await open(context, context.sizes[0]!, closing);
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      place.runs.push(
        await reapRun(context, place, () => fillSessions(context, place, count, run), lookedAtSeconds),
      );
    }
    return [
      besideFigure(
        'P9s',
        place,
        `in the first ${lookedAtSeconds} seconds in which ${count} sessions that expired at once are reaped`,
      ),
    ];
  },
};

/** A copy of a generated store, served, with nothing due. */
async function open(context: Context, size: number, closing: AsyncDisposableStack): Promise<Place> {
  const dataDir = join(context.directory, `data-${size}`);
  copyStore(await context.store(size), dataDir);
  const server = closing.use(await startArtifacta(context, { dataDir }));
  const client = closing.use(await RawClient.connect(server.address));
  context.say(`reaping what has expired in the store of ${sizeName(size)}`);
  await reapAll(dataDir);
  return { size, dataDir, server, client, runs: [] };
}

/** @param fill makes what is to be reaped; resolves when it is due. */
async function reapRun(
  context: Context,
  place: Place,
  fill: () => Promise<void>,
  secondsMax?: number,
): Promise<Reaped> {
  const { client, dataDir, size } = place;
  await fill();
  const filter = steadyFilters[0]!;
  const before = await callBeside(client, filter, context.quick ? 20 : callsBefore, () => true);
  context.say(`reaping in the store of ${sizeName(size)}`);
  let isOver = false;
  const reaping = reapAll(dataDir, secondsMax).finally(() => {
    isOver = true;
  });
  const meanwhile = await callBeside(client, filter, 1, () => isOver);
  const { seconds, artifacts, sessions } = await reaping;
  context.say(`${artifacts} artifacts and ${sessions} sessions in ${seconds.toFixed(1)} s`);
  return { seconds, before, meanwhile };
}

/** See {@link pushExpiring}. */
async function fill(context: Context, { client, size }: Place, count: number, run: number): Promise<void> {
  context.say(`${count} artifacts that expire, into the store of ${sizeName(size)}`);
  await pushExpiring(client, `fill_${run}`, count);
}

/** Sealed sessions with an artifact each, which have expired when this resolves. */
async function fillSessions(context: Context, { client }: Place, count: number, run: number): Promise<void> {
  context.say(`${count} sessions that expire at once`);
  const began = Date.now();
  const lifeMs = Math.max(3_000, count * 1.5);
  const name = (at: number) => `once_${run}_${at}`;
  const of = <T>(make: (at: number) => T) =>
    Array.from({ length: count }, (_, at) => at)
      .values()
      .map(make);
  await sendAll(
    client,
    '/artifacta.v1.SessionService/OpenSession',
    of((at) =>
      frame(OpenSessionRequestSchema, {
        session: `${name(at)}_0`,
        retention: { succeededTtl: { seconds: BigInt(Math.ceil(lifeMs / 1_000)), nanos: 0 } },
      }),
    ),
  );
  await sendAll(
    client,
    createPath,
    of((at) => smallFrames(name(at), 1).next().value!),
  );
  await sendAll(
    client,
    '/artifacta.v1.SessionService/SealSession',
    of((at) =>
      frame(SealSessionRequestSchema, { session: `${name(at)}_0`, outcome: SessionOutcome.SUCCEEDED }),
    ),
  );
  context.say(`made in ${Math.round((Date.now() - began) / 1_000)} s`);
  // The last of them was sealed just now.
  await delay(Math.ceil(lifeMs / 1_000) * 1_000 + 500);
}

const series = (label: string, unit: string, values: number[]): Series => ({ label, unit, values });

function costFigure(small: Place, large: Place, count: number): Figure {
  return {
    id: 'P9',
    what: `reaping ${count} expired artifacts with ${sizeName(large.size)} live ÷ with ${sizeName(small.size)}`,
    result: series(
      'large ÷ small',
      '',
      large.runs.map(({ seconds }, at) => seconds / small.runs[at]!.seconds),
    ),
    requirement: { bound: 'at most', value: 1.3, next: 1.1 },
    ours: series(
      `with ${sizeName(large.size)}`,
      's',
      large.runs.map(({ seconds }) => seconds),
    ),
    control: series(
      `with ${sizeName(small.size)}`,
      's',
      small.runs.map(({ seconds }) => seconds),
    ),
    others: [],
    notes: [
      'through ReapExpired on the socket, 1,000 a call, while pushes and queries go on beside it',
      'a transaction removes at most 8 artifacts, and the reaper rests for as long as it works',
    ],
  };
}

/** The tail of pushes is what counts; the rest is shown. */
function besideFigure(id: string, { runs }: Place, what: string): Figure {
  const ratio = (of: (beside: Beside) => number) =>
    runs.map(({ before, meanwhile }) => of(meanwhile) / of(before));
  const pushP99 = ratio(({ pushes }) => quantile(pushes, 0.99));
  const others = [
    series(
      'pushes, p50',
      '',
      ratio(({ pushes }) => median(pushes)),
    ),
    series(
      'queries, p99',
      '',
      ratio(({ queries }) => quantile(queries, 0.99)),
    ),
    series(
      'queries, p50',
      '',
      ratio(({ queries }) => median(queries)),
    ),
    series(
      'queries meanwhile, p99',
      'ms',
      runs.map(({ meanwhile }) => quantile(meanwhile.queries, 0.99)),
    ),
    series(
      'pushes meanwhile, longest',
      'ms',
      runs.map(({ meanwhile }) => Math.max(...meanwhile.pushes)),
    ),
    series(
      'reaping',
      's',
      runs.map(({ seconds }) => seconds),
    ),
  ];
  return {
    id,
    what: `a push, p99, ${what} ÷ before`,
    result: series('pushes, p99: meanwhile ÷ before', '', pushP99),
    requirement: { bound: 'at most', value: 2, next: 1.5 },
    ours: series(
      'pushes meanwhile, p99',
      'ms',
      runs.map(({ meanwhile }) => quantile(meanwhile.pushes, 0.99)),
    ),
    control: series(
      'pushes before, p99',
      'ms',
      runs.map(({ before }) => quantile(before.pushes, 0.99)),
    ),
    others,
    notes: [
      'one push of some bytes and one query for the newest 100 every 20 ms, on one connection, one after the other',
    ],
  };
}
