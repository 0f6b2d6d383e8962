/** P5 and P5b: small durable pushes, 64 at a time, and how often the disk was waited for. */
import { join } from 'node:path';
import type { ServerProcess } from './harness/processes.ts';
import { pushAll, pushFrames } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import { canCountSyncs, countSyncs } from './harness/syncs.ts';
import type { Context, Figure, Target } from './harness/target.ts';

const inFlight = 64;

export const p5: Target = {
  name: 'p5',
  what: 'durable push of 4 KiB with 6 metadata keys, 64 in flight ÷ E; fdatasyncs a push',
  async measure(context) {
    const count = context.quick ? 500 : 20_000;
    const figures = [await throughput(context, count)];
    if (canCountSyncs()) figures.push(await syncsPerPush(context, count));
    else context.say('P5b is left out: there is no strace here that filters with --seccomp-bpf');
    return figures;
  },
};

async function throughput(context: Context, count: number): Promise<Figure> {
  await using ours = await startArtifacta(context);
  await using echo = await startControl('echo');
  await using toOurs = await RawClient.connect(ours.address);
  await using toEcho = await RawClient.connect(echo.address);
  context.say('warm-up');
  await pushRate(toOurs, ours, count / 5);
  await pushRate(toEcho, echo, count / 5);
  const rounds = await interleaved(
    context,
    () => pushRate(toOurs, ours, count),
    () => pushRate(toEcho, echo, count),
  );
  return {
    id: 'P5',
    what: 'durable push of 4 KiB with 6 metadata keys, 64 in flight ÷ E',
    result: {
      label: 'ours ÷ E',
      unit: '',
      values: rounds.map((round) => round.ours.rate / round.control.rate),
    },
    requirement: { bound: 'at least', value: 0.35, next: 0.5 },
    ours: { label: 'pushes', unit: '/s', values: rounds.map((round) => round.ours.rate) },
    control: { label: 'E: empty handler', unit: '/s', values: rounds.map((round) => round.control.rate) },
    serverCpu: {
      label: 'ours',
      unit: 'CPU-s/1,000 calls',
      values: rounds.map((round) => round.ours.cpuPerThousand),
    },
    others: [
      {
        label: 'E: its processor time',
        unit: 'CPU-s/1,000 calls',
        values: rounds.map((round) => round.control.cpuPerThousand),
      },
    ],
    notes: [
      `${count} pushes a run on one connection, 100 to a session, with request id, size and digest`,
      'E gets the same requests through our own gRPC server and answers with an empty message',
    ],
  };
}

/** In a run of its own: tracing costs, even if little. */
async function syncsPerPush(context: Context, count: number): Promise<Figure> {
  const trace = join(context.directory, 'syncs');
  await using ours = await startArtifacta(context, { traceTo: trace });
  await using client = await RawClient.connect(ours.address);
  context.say('counting syncs: warm-up');
  await pushRate(client, ours, count / 5);
  const runs: { readonly fdatasync: number; readonly fsync: number; readonly rate: number }[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`counting syncs: run ${run} of ${context.runs}`);
    const before = countSyncs(trace);
    const { rate } = await pushRate(client, ours, count);
    const after = countSyncs(trace);
    runs.push({ fdatasync: after.fdatasync - before.fdatasync, fsync: after.fsync - before.fsync, rate });
  }
  return {
    id: 'P5b',
    what: 'fdatasync and fsync calls for each acknowledged push of such a run',
    result: {
      label: 'syncs a push',
      unit: '',
      values: runs.map(({ fdatasync, fsync }) => (fdatasync + fsync) / count),
    },
    requirement: { bound: 'at most', value: 0.05, next: 0.03 },
    ours: { label: 'pushes, traced', unit: '/s', values: runs.map(({ rate }) => rate) },
    others: [
      { label: 'fdatasync', unit: 'calls', values: runs.map(({ fdatasync }) => fdatasync) },
      { label: 'fsync', unit: 'calls', values: runs.map(({ fsync }) => fsync) },
    ],
    notes: [
      'counted by strace, filtered in the kernel, in runs of their own; all threads, compaction and the mark included',
    ],
  };
}

interface PushRate {
  readonly rate: number;
  readonly cpuPerThousand: number;
}

async function pushRate(client: RawClient, server: ServerProcess, count: number): Promise<PushRate> {
  const frames = pushFrames(count);
  const cpuBefore = server.cpuSeconds();
  const seconds = await pushAll(client, frames, inFlight);
  const cpu = server.cpuSeconds() - cpuBefore;
  return { rate: count / seconds, cpuPerThousand: (cpu / count) * 1_000 };
}
