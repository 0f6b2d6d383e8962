/** P6: how long one client waits for a small durable push when nobody else is there. */
import { appendMillis } from './controls/local.ts';
import { pushFrames, pushOneByOne } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import { median, quantile } from './harness/statistics.ts';
import type { Figure, Target } from './harness/target.ts';

export const p6: Target = {
  name: 'p6',
  what: 'one client, the push of P5: p50 ÷ (p50 of E + p50 of F)',
  async measure(context) {
    const count = context.quick ? 100 : 2_000;
    await using ours = await startArtifacta(context);
    await using echo = await startControl('echo');
    await using toOurs = await RawClient.connect(ours.address);
    await using toEcho = await RawClient.connect(echo.address);
    const push = () => pushOneByOne(toOurs, pushFrames(count));
    const controls = async () => ({
      echo: await pushOneByOne(toEcho, pushFrames(count)),
      append: appendMillis(context.directory, count),
    });
    context.say('warm-up');
    await push();
    await controls();
    const rounds = await interleaved(context, push, controls);

    const floors = rounds.map(({ control }) => median(control.echo) + median(control.append));
    const millis = (label: string, values: number[]) => ({ label, unit: 'ms', values });
    const figure: Figure = {
      id: 'P6',
      what: this.what,
      result: {
        label: 'ours ÷ (E + F)',
        unit: '',
        values: rounds.map((round, at) => median(round.ours) / floors[at]!),
      },
      requirement: { bound: 'at most', value: 2, next: 1.3 },
      ours: millis(
        'push, p50',
        rounds.map((round) => median(round.ours)),
      ),
      control: millis('E + F, p50 each', floors),
      others: [
        millis(
          'push, p99',
          rounds.map((round) => quantile(round.ours, 0.99)),
        ),
        millis(
          'E: empty handler, p50',
          rounds.map(({ control }) => median(control.echo)),
        ),
        millis(
          'F: append 4 KiB + fdatasync, p50',
          rounds.map(({ control }) => median(control.append)),
        ),
      ],
      notes: [`${count} pushes a run, one after another, on one connection`],
    };
    return [figure];
  },
};
