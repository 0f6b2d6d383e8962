/** What watchers cost whoever pushes: 200 of them on one session. */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { ServerProcess } from './harness/processes.ts';
import { createPath, pushFramesOf } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Figure, Target } from './harness/target.ts';

const watcherCount = 200;
/** An agent that is busy; what is behind schedule is pushed at once. */
const pushEveryMs = 50;

export const watchers: Target = {
  name: 'watch',
  what: `pushes into a session that ${watcherCount} watch, p99 ÷ that of pushes into one that nobody does`,
  async measure(context) {
    const count = context.quick ? 40 : 400;
    await using ours = await startArtifacta(context);
    await using client = await RawClient.connect(ours.address);
    const [watched, alone] = [`run_${randomUUID()}`, `run_${randomUUID()}`];
    for (const session of [watched, alone])
      for (const request of pushFramesOf(session, 20)) await client.unary(createPath, request);
    context.say('watchers');
    const script = resolve(import.meta.dirname, 'controls/watchers.ts');
    const args = [script, ours.address, watched, String(watcherCount)];
    await using _watching = await ServerProcess.start(process.execPath, args);
    const push = async (session: string) => {
      const before = ours.cpuSeconds();
      const millis = await pushPaced(client, session, count);
      return { millis, cpu: ours.cpuSeconds() - before };
    };
    const rounds = await interleaved(
      context,
      () => push(watched),
      () => push(alone),
    );
    const p99 = (millis: readonly number[]) => quantile([...millis], 0.99);
    const series = (label: string, unit: string, values: number[]) => ({ label, unit, values });
    const figure: Figure = {
      id: 'watch',
      what: this.what,
      result: series(
        'watched ÷ alone',
        '',
        rounds.map((round) => p99(round.ours.millis) / p99(round.control.millis)),
      ),
      requirement: { bound: 'at most', value: 1.5 },
      ours: series(
        'watched, p99',
        'ms',
        rounds.map((round) => p99(round.ours.millis)),
      ),
      control: series(
        'alone, p99',
        'ms',
        rounds.map((round) => p99(round.control.millis)),
      ),
      others: [
        series(
          'watched, p50',
          'ms',
          rounds.map((round) => median([...round.ours.millis])),
        ),
        series(
          'alone, p50',
          'ms',
          rounds.map((round) => median([...round.control.millis])),
        ),
        series(
          'server CPU a push, watched',
          'ms',
          rounds.map((round) => (round.ours.cpu * 1_000) / count),
        ),
        series(
          'server CPU a push, alone',
          'ms',
          rounds.map((round) => (round.control.cpu * 1_000) / count),
        ),
      ],
      notes: [`${count} pushes a run, one every ${pushEveryMs} ms; the watchers are a process of their own`],
    };
    return [figure];
  },
};

async function pushPaced(client: RawClient, session: string, count: number): Promise<number[]> {
  const millis: number[] = [];
  const startedMs = performance.now();
  for (const [at, request] of pushFramesOf(session, count).entries()) {
    const waitMs = startedMs + at * pushEveryMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sentMs = performance.now();
    await client.unary(createPath, request);
    millis.push(performance.now() - sentMs);
  }
  return millis;
}
