/** P10 for reading: a piece of a large artifact must not need memory that grows with the artifact. */
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { UploadArtifactRequestSchema } from '../gen/artifacta/v1/upload_pb.ts';
import type { ReadWindow } from '../src/client/artifacts/reading.ts';
import { type ArtifactaClient, connect } from '../src/client/client.ts';
import { chunkBytes, GiB, MiB } from './harness/content.ts';
import { frame } from './harness/frames.ts';
import type { ServerProcess } from './harness/processes.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { uploadPath, uploadSession } from './harness/uploads.ts';

export const readMemory: Target = {
  name: 'read-memory',
  what: 'growth of the resident memory of the server while it reads pieces of artifacts of 4 GiB',
  async measure(context) {
    const sizeBytes = context.quick ? 256 * MiB : 4 * GiB;
    const runs: Growth[] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      runs.push(await growth(context, sizeBytes));
    }
    const series = (label: string, values: readonly number[]) => ({
      label,
      unit: 'MiB',
      values: values.map((bytes) => bytes / MiB),
    });
    const figure: Figure = {
      id: 'P10',
      what: this.what,
      result: series(
        'peak − baseline',
        runs.map(({ baseline, peaks }) => Math.max(...peaks) - baseline),
      ),
      requirement: { bound: 'at most', value: 64 },
      others: [
        series(
          'resident after the warm-up (baseline)',
          runs.map(({ baseline }) => baseline),
        ),
        ...works.map(({ what }, at) =>
          series(
            `${what}: peak − baseline`,
            runs.map(({ baseline, peaks }) => peaks[at]! - baseline),
          ),
        ),
      ],
      notes: [
        `a new server each run, with two artifacts of ${sizeBytes / MiB} MiB: one of lines, one that is a single line`,
        'warm-up: the same calls on artifacts of 64 MiB, after which the baseline is taken',
      ],
    };
    return [figure];
  },
};

/** In bytes. */
interface Growth {
  readonly baseline: number;
  /** For each of {@link works}. */
  readonly peaks: readonly number[];
}

/** What is read, and how many pieces of it: as many as there are, unless said otherwise. */
interface Work {
  readonly what: string;
  readonly of: 'lines' | 'line';
  readonly window: ReadWindow;
  readonly piecesMax?: number;
}

const works: readonly Work[] = [
  { what: 'search all lines', of: 'lines', window: { grep: { pattern: '(a+)+9{5}$', before: 20 } } },
  { what: 'search one line', of: 'line', window: { grep: { pattern: 'nowhere', before: 20 } } },
  { what: 'the last lines', of: 'lines', window: { tail: 1_000_000 }, piecesMax: 64 },
  { what: 'the last line', of: 'line', window: { tail: 1 }, piecesMax: 64 },
  { what: 'the first line', of: 'line', window: { head: 1 }, piecesMax: 64 },
  { what: 'a line far away', of: 'lines', window: { lines: { first: 1_000_000_000 } } },
  { what: 'bytes', of: 'line', window: { bytes: { offset: 100_000_000 } }, piecesMax: 64 },
  { what: 'a row far away', of: 'lines', window: { csv: { first: 1_000_000_000 } }, piecesMax: 4 },
];

async function growth(context: Context, sizeBytes: number): Promise<Growth> {
  await using server = await startArtifacta(context);
  await using client = await connect(`grpc://${server.address}`);
  for (const [name, bytes] of [
    ['warm-up', 64 * MiB],
    ['measured', sizeBytes],
  ] as const)
    for (const kind of ['lines', 'line'] as const) await store(server, `${name}-${kind}`, bytes, texts[kind]);
  for (const work of works) await read(client, `warm-up-${work.of}`, work);
  const baseline = server.residentBytes().now;
  const peaks: number[] = [];
  for (const work of works) {
    context.say(work.what);
    resetPeak(server);
    await read(client, `measured-${work.of}`, work);
    peaks.push(server.residentBytes().peak);
  }
  return { baseline, peaks };
}

async function read(client: ArtifactaClient, name: string, { window, piecesMax }: Work): Promise<void> {
  let pieces = 0;
  for await (const _ of client.pieces({ session: uploadSession, name }, { window, maxBytes: MiB }))
    if (++pieces === piecesMax) return;
}

/** What the kernel remembers as the most that was resident begins anew. */
function resetPeak(server: ServerProcess): void {
  writeFileSync(`/proc/${server.pid}/clear_refs`, '5');
}

/** A chunk of each content; the content is that chunk over and over. */
const texts = {
  lines: Buffer.from('2026-01-02T03:04:05Z,INFO,"step done, went on"\n'.repeat(MiB)).subarray(0, chunkBytes),
  line: Buffer.alloc(chunkBytes, 'abcdefghijklmnopqrstuvwxyz012345'),
};

async function store(server: ServerProcess, name: string, bytes: number, chunk: Uint8Array): Promise<void> {
  // Whole lines only, so that every chunk begins one.
  const value = chunk.subarray(0, chunk.lastIndexOf(0x0a) + 1 || chunk.length);
  const count = Math.ceil(bytes / value.length);
  await using client = await RawClient.connect(server.address);
  const message = frame(UploadArtifactRequestSchema, { part: { case: 'chunk', value } });
  function* messages() {
    const spec = { session: uploadSession, name, requestId: randomUUID() };
    yield frame(UploadArtifactRequestSchema, { part: { case: 'start', value: { spec } } });
    for (let at = 0; at < count; at++) yield message;
    const sizeBytes = BigInt(count * value.length);
    yield frame(UploadArtifactRequestSchema, { part: { case: 'finish', value: { sizeBytes } } });
  }
  await client.upload(uploadPath, messages());
}
