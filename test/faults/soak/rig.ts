/**
 * A service under a mixed load for a long time: pushes of all sizes, reads, lists, sessions that are sealed and deleted,
 * so that the size of the index stays level. Whether its own memory, its descriptors and the delays of its event loop
 * grow is told by a line through what is measured after the first third.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ArtifactaClient, connect } from '../../../src/client/client.ts';
import type { Outcome } from '../outcome.ts';
import { bytesOf, Chance } from '../seeded.ts';
import { type Service, startService } from '../service.ts';

/** Of memory that no file is behind, in MiB an hour. */
const growthMax = 20;
/** Of descriptors, an hour. */
const descriptorsMax = 20;
const sampleMs = 5_000;
/** Sessions that one worker keeps before it deletes the oldest. */
const sessionsKept = 20;
const workers = 4;
/** Different contents of each size. They come again and again: what is deleted keeps its room and rows for 75 minutes. */
const contents = 500;
/** Of contents, in bytes; a large one comes seldom. */
const sizes = [200, 4_000, 60_000, 400_000];
const large = [3_000_000];

interface Sample {
  readonly hours: number;
  readonly rssAnon: number;
  readonly descriptors: number;
  /** Of the index on disk, in MiB. Some memory goes with it: LevelDB keeps the index and the filter of each open table. */
  readonly indexMiB: number;
  /** Of a small call, in milliseconds. */
  readonly answerMs: number;
}

/** One run after another: a session with some artifacts, which is read, listed and sealed; and an old one that goes. */
async function work(
  client: ArtifactaClient,
  name: string,
  chance: Chance,
  isOver: () => boolean,
): Promise<number> {
  let calls = 0;
  for (let run = 0; !isOver(); run++) {
    const session = `${name}-${run}`;
    const count = chance.between(1, 12);
    for (let at = 0; at < count && !isOver(); at++) {
      const bytes = bytesOf(
        chance.between(1, contents),
        chance.pick(at === 0 && run % 4 === 0 ? large : sizes),
      );
      const metadata = { step: String(at % 5), agent: name };
      const { artifact } = await client.push(bytes, { session, name: `file-${at}`, metadata });
      const download = await client.open(artifact.id);
      if (!Buffer.from(await download.bytes()).equals(bytes)) throw new Error(`${session}: other bytes came`);
      calls += 2;
    }
    for await (const _artifact of client.query({ session })) calls++;
    await client.sessions.seal(session, 'succeeded');
    if (run >= sessionsKept) await client.sessions.delete(`${name}-${run - sessionsKept}`);
    calls += 3;
  }
  return calls;
}

function indexMiBOf({ dataDir }: Service): number {
  const directory = join(dataDir, 'index');
  const names = readdirSync(directory).filter((name) => !name.startsWith('ballast'));
  const sizes = names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2;
}

function sampleOf(service: Service, beganMs: number, answerMs: number): Sample {
  const { pid } = service;
  const [, kibibytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return {
    hours: (performance.now() - beganMs) / 3_600_000,
    rssAnon: Number(kibibytes) / 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    indexMiB: indexMiBOf(service),
    answerMs,
  };
}

/** The slope of a line through points, by least squares: what y grows for 1 of x. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const over = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return over / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}

/** Works for so many minutes; the first third is left out of what is judged. */
export async function soak(minutes: number, seed: number): Promise<Outcome> {
  await using service = await startService('soak');
  await using client = await connect(`grpc://${service.grpc}`, { token: service.key });
  const beganMs = performance.now();
  const endMs = beganMs + minutes * 60_000;
  const isOver = () => performance.now() > endMs;
  const chance = new Chance(seed);
  const working = Array.from({ length: workers }, (_, at) =>
    work(client, `agent-${at}`, new Chance(chance.seed()), isOver),
  );
  const done = Promise.allSettled(working);
  const samples: Sample[] = [];
  while (!isOver()) {
    await delay(sampleMs);
    const askedMs = performance.now();
    await fetch(`http://${service.http}/v1/artifacts/art_none`).then((answer) => answer.text());
    samples.push(sampleOf(service, beganMs, performance.now() - askedMs));
  }
  const ends = await done;
  const judged = samples.slice(Math.floor(samples.length / 3));
  const grows = (of: (sample: Sample) => number) => slope(judged.map((sample) => [sample.hours, of(sample)]));
  const memory = grows(({ rssAnon }) => rssAnon);
  const descriptors = grows((sample) => sample.descriptors);
  const calls = ends.reduce((sum, end) => sum + (end.status === 'fulfilled' ? end.value : 0), 0);
  const at = (part: number) => samples[Math.min(samples.length - 1, Math.floor(samples.length * part))]!;
  return {
    name: `a soak of ${minutes} minutes`,
    faults: [
      ...ends.flatMap((end) => (end.status === 'rejected' ? [`a call failed: ${String(end.reason)}`] : [])),
      ...(memory > growthMax ? [`memory grows by ${memory.toFixed(1)} MiB an hour`] : []),
      ...(descriptors > descriptorsMax ? [`descriptors grow by ${descriptors.toFixed(1)} an hour`] : []),
    ],
    said:
      `${calls} calls; RssAnon ${[0, 1 / 3, 2 / 3, 1].map((part) => at(part).rssAnon.toFixed(0)).join(', ')} MiB, ` +
      `${memory.toFixed(1)} MiB an hour, with an index of ${at(1 / 3).indexMiB.toFixed(0)} to ` +
      `${at(1).indexMiB.toFixed(0)} MiB; ${at(1).descriptors} descriptors, ${descriptors.toFixed(1)} an hour; ` +
      `a small answer takes ${grows((sample) => sample.answerMs).toFixed(1)} ms more an hour`,
  };
}
