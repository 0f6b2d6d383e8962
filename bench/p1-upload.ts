/** P1: a durable, hashed upload on one stream, against what its three parts could do one after another. */
import { hashRate, heatPages, writeRate } from './controls/local.ts';
import { Content, GiB, MiB } from './harness/content.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import type { Figure, Target } from './harness/target.ts';
import { upload } from './harness/uploads.ts';

export const p1: Target = {
  name: 'p1',
  what: 'one durable, hashed upload of 1 GiB ÷ B, where 1/B = 1/S + 1/H + 1/W',
  async measure(context) {
    const sizeBytes = context.quick ? 64 * MiB : GiB;
    await using ours = await startArtifacta(context);
    await using sink = await startControl('sink');
    await using toOurs = await RawClient.connect(ours.address);
    await using toSink = await RawClient.connect(sink.address);
    const content = new Content(sizeBytes);
    const heat = () => heatPages(context.directory, sizeBytes);
    const writeHeated = () => {
      heat();
      return writeRate(context.directory, sizeBytes);
    };
    const controls = async (run: number) => ({
      sink: await upload(toSink, sink, content, run),
      hash: hashRate(sizeBytes),
      write: writeHeated(),
    });
    context.say('warm-up');
    await upload(toOurs, ours, content, 0);
    await controls(0);
    const rounds = await interleaved(context, (run) => upload(toOurs, ours, content, run, heat), controls);

    const possible = rounds.map(({ control }) => bound(control.sink.rate, control.hash, control.write));
    const megabytes = (label: string, values: number[]) => ({ label, unit: 'MB/s', values });
    const figure: Figure = {
      id: 'P1',
      what: this.what,
      result: {
        label: 'ours ÷ B',
        unit: '',
        values: rounds.map((round, at) => round.ours.rate / possible[at]!),
      },
      requirement: { bound: 'at least', value: 0.75, next: 1 },
      ours: megabytes(
        'upload',
        rounds.map((round) => round.ours.rate),
      ),
      control: megabytes('B', possible),
      serverCpu: { label: 'ours', unit: 'CPU-s/GB', values: rounds.map((round) => round.ours.cpuPerGB) },
      others: [
        megabytes(
          'S: raw HTTP/2 sink',
          rounds.map(({ control }) => control.sink.rate),
        ),
        megabytes(
          'H: SHA-256',
          rounds.map(({ control }) => control.hash),
        ),
        megabytes(
          'W: sequential write + fsync',
          rounds.map(({ control }) => control.write),
        ),
        {
          label: 'S: its processor time',
          unit: 'CPU-s/GB',
          values: rounds.map(({ control }) => control.sink.cpuPerGB),
        },
      ],
      notes: [
        'chunks of 1 MiB; the answer comes after fsync of the file and its directory and the commit of the index',
        'ours and W write into memory that was in use just before; what they write stays in the page cache; both fsync inside the clock',
      ],
    };
    return [figure];
  },
};

/** The rate of three steps that do not overlap. */
function bound(...rates: readonly number[]): number {
  return 1 / rates.reduce((sum, rate) => sum + 1 / rate, 0);
}
