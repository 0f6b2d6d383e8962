/** P10: memory of uploads whose clients stall, and of a service that has taken many pushes. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { UploadArtifactRequestSchema } from '../gen/artifacta/v1/upload_pb.ts';
import { limits } from '../src/domain/limits.ts';
import { MiB } from './harness/content.ts';
import { frame } from './harness/frames.ts';
import type { ServerProcess } from './harness/processes.ts';
import { pushAll, pushFrames } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Context, Figure, Series, Target } from './harness/target.ts';
import { uploadPath } from './harness/uploads.ts';

const chunkBytes = 64 * 1024;
/** Whole ones, before the half of the next; a client stalls in the middle of something. */
const chunksSent = 4;
const warmUps = 50;
const inFlight = 64;
/** Pushes whose frames are made at once. */
const batch = 4_000;

export const p10: Target = {
  name: 'p10',
  minutesMax: 45,
  what: 'memory of an upload whose client stalls, when they have gone, and after 64,000 pushes (its other part: memory)',
  async measure(context) {
    return [...(await stalledFigures(context)), await pushedFigure(context)];
  },
};

interface Stalled {
  readonly baseline: number;
  readonly now: number;
  readonly peak: number;
  readonly gone: number;
  readonly cpu: number;
  /** Uploads that the service had not ended when the memory was looked at. */
  readonly open: number;
}

async function stalledFigures(context: Context): Promise<Figure[]> {
  const count = context.quick ? 100 : 1_000;
  const waitMs = context.quick ? 1_000 : 5_000;
  const goneMs = context.quick ? 2_000 : 60_000;
  const runs: Stalled[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`${count} stalled uploads, run ${run} of ${context.runs}`);
    await using server = await startArtifacta(context);
    await using client = await RawClient.connect(server.address);
    // What the service has loaded for uploads is no memory of an upload. A longer warm-up would leave room in its heap.
    for (let at = 0; at < warmUps; at++) await client.upload(uploadPath, wholeUpload(`warm-up-${at}`));
    const baseline = server.residentBytes().now;
    const cpuBefore = server.cpuSeconds();
    const stalled = await Stall.begin(server, count);
    await delay(waitMs);
    const { now, peak } = server.residentBytes();
    const { open } = stalled;
    const cpu = (server.cpuSeconds() - cpuBefore) / count;
    stalled.end();
    await delay(goneMs);
    runs.push({ baseline, now, peak, gone: server.residentBytes().now, cpu, open });
  }
  const mebibytes = (label: string, of: (run: Stalled) => number): Series => ({
    label,
    unit: 'MiB',
    values: runs.map((run) => of(run) / MiB),
  });
  const serverCpu = { label: 'ours', unit: 'CPU-ms/upload', values: runs.map(({ cpu }) => cpu * 1_000) };
  const all = [
    mebibytes('resident before (baseline)', ({ baseline }) => baseline),
    mebibytes('resident while they stall', ({ now }) => now),
    mebibytes('most that was ever resident', ({ peak }) => peak),
    { label: 'uploads still open then', unit: '', values: runs.map(({ open }) => open) },
  ];
  const notes = [
    `${count} uploads, ${limits.concurrentStreamsMax} to a connection, each with ${chunksSent} chunks of 64 KiB and half of the next, after which the client sends nothing and keeps the call; memory ${waitMs / 1_000} s later`,
    `a new server each run; warm-up: ${warmUps} such uploads that end`,
    'durable: nothing yet, and no digest is told',
  ];
  return [
    {
      id: 'P10 stalled',
      what: 'resident memory for each upload whose client stalls',
      result: {
        label: '(resident − baseline) ÷ uploads',
        unit: 'KiB',
        values: runs.map(({ now, baseline }) => (now - baseline) / 1024 / count),
      },
      requirement: { bound: 'at most', value: 256, next: 128 },
      serverCpu,
      others: all,
      notes,
    },
    {
      id: 'P10 gone',
      what: `resident memory ${goneMs / 1_000} s after these clients have gone − before them`,
      result: mebibytes('resident − baseline', ({ gone, baseline }) => gone - baseline),
      others: [mebibytes('resident', ({ gone }) => gone)],
      notes: [],
    },
  ];
}

function start(name: string): Buffer {
  return frame(UploadArtifactRequestSchema, {
    part: { case: 'start', value: { spec: { session: 'stalled', name } } },
  });
}

const chunk = frame(UploadArtifactRequestSchema, {
  part: { case: 'chunk', value: Buffer.alloc(chunkBytes, 'stalled') },
});

function* wholeUpload(name: string): Generator<Buffer> {
  yield start(name);
  for (let at = 0; at < chunksSent; at++) yield chunk;
  const sizeBytes = BigInt(chunksSent * chunkBytes);
  yield frame(UploadArtifactRequestSchema, { part: { case: 'finish', value: { sizeBytes } } });
}

/** Uploads whose clients have stopped. */
class Stall {
  open = 0;
  private readonly sessions: ClientHttp2Session[] = [];

  /** Resolves when the connections have taken all that is sent. */
  static async begin({ address }: ServerProcess, count: number): Promise<Stall> {
    const stall = new Stall();
    const sent: Promise<void>[] = [];
    for (let at = 0; at < count; at++) {
      if (at % limits.concurrentStreamsMax === 0) {
        const session = connect(`http://${address}`);
        session.on('error', () => {});
        await once(session, 'connect');
        stall.sessions.push(session);
      }
      sent.push(stall.upload(stall.sessions.at(-1)!, address, `upload-${at}`));
    }
    await Promise.all(sent);
    return stall;
  }

  private upload(session: ClientHttp2Session, address: string, name: string): Promise<void> {
    const stream = session.request({
      ':method': 'POST',
      ':path': uploadPath,
      ':authority': address,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.open++;
    stream.on('error', () => {});
    stream.on('close', () => this.open--);
    const parts = [start(name), ...Array.from({ length: chunksSent }, () => chunk)];
    const bytes = Buffer.concat([...parts, chunk.subarray(0, chunk.length / 2)]);
    return new Promise((resolve, reject) => {
      // A stream that is ended by the service takes nothing more.
      stream.on('close', () => resolve());
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {
    for (const session of this.sessions) session.destroy();
  }
}

async function pushedFigure(context: Context): Promise<Figure> {
  const count = context.quick ? 2_000 : 64_000;
  const idleMs = context.quick ? 1_000 : 30_000;
  const runs: { now: number; peak: number; idle: number; rate: number; cpu: number }[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`${count} pushes, run ${run} of ${context.runs}`);
    await using server = await startArtifacta(context);
    await using client = await RawClient.connect(server.address);
    const cpuBefore = server.cpuSeconds();
    let seconds = 0;
    for (let at = 0; at < count; at += batch)
      seconds += await pushAll(client, pushFrames(Math.min(batch, count - at)), inFlight);
    const { now, peak } = server.residentBytes();
    const cpu = server.cpuSeconds() - cpuBefore;
    await delay(idleMs);
    runs.push({ now, peak, idle: server.residentBytes().now, rate: count / seconds, cpu });
  }
  const mebibytes = (label: string, of: (run: (typeof runs)[number]) => number): Series => ({
    label,
    unit: 'MiB',
    values: runs.map((run) => of(run) / MiB),
  });
  return {
    id: 'P10 pushes',
    what: `resident memory after ${count} pushes of 4 KiB, ${inFlight} in flight`,
    result: mebibytes('resident', ({ now }) => now),
    requirement: { bound: 'at most', value: 350, next: 250 },
    ours: { label: 'pushes', unit: '/s', values: runs.map(({ rate }) => rate) },
    serverCpu: {
      label: 'ours',
      unit: 'CPU-ms/push',
      values: runs.map(({ cpu }) => (cpu / count) * 1_000),
    },
    others: [
      mebibytes('most that was ever resident', ({ peak }) => peak),
      mebibytes(`${idleMs / 1_000} s later, with nothing to do`, ({ idle }) => idle),
    ],
    notes: ['a new server each run; every push is durable and hashed before its answer'],
  };
}
