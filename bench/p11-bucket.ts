/** P11: contents in a bucket. What they cost in requests, how fast they are next to a disk, and in how much memory. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { UploadArtifactRequestSchema } from '../gen/artifacta/v1/upload_pb.ts';
import { Content, MiB } from './harness/content.ts';
import { frame } from './harness/frames.ts';
import type { ServerProcess } from './harness/processes.ts';
import { pushAll, pushFrames } from './harness/pushes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { nameOf, upload, uploadPath, uploadSession } from './harness/uploads.ts';

/** What the service keeps at most of uploads that the bucket does not have yet. */
const unsentMiBMax = 128;
const uploadsAtOnce = 100;
const connections = 4;
const inFlight = 16;
const lookMs = 50;

export const p11: Target = {
  name: 'p11',
  what: 'contents in a bucket that drains: requests for a push, MB/s ÷ disk, memory of 100 uploads',
  async measure(context) {
    return [...(await requests(context)), await rate(context), ...(await memory(context))];
  },
};

type Counts = Readonly<Record<'create' | 'pieces' | 'facts' | 'read' | 'list' | 'delete', number>>;

/** A service whose contents are in a bucket of its own. */
async function startInBucket(context: Context) {
  const stack = new AsyncDisposableStack();
  const bucket = stack.use(await startControl('bucket'));
  const server = stack.use(await startArtifacta(context, { bucketAt: `http://${bucket.address}` }));
  const counts = async () => (await (await fetch(`http://${bucket.address}/counts`)).json()) as Counts;
  return { server, counts, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function requests(context: Context): Promise<Figure[]> {
  const count = context.quick ? 200 : 2_000;
  await using ours = await startInBucket(context);
  await using client = await RawClient.connect(ours.server.address);
  const pushes: number[] = [];
  const downloads: number[] = [];
  const rates: number[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`requests, run ${run} of ${context.runs}`);
    const atFirst = await ours.counts();
    rates.push(count / (await pushAll(client, pushFrames(count), inFlight)));
    const pushed = await ours.counts();
    const read = await readSome(ours.server, count / 10);
    const atLast = await ours.counts();
    pushes.push(between(atFirst, pushed) / count);
    downloads.push(between(pushed, atLast) / read);
  }
  const notes = ['requests about contents of all kinds; those that ship the index are not among them'];
  return [
    {
      id: 'P11',
      what: 'requests to the bucket for a small push',
      result: { label: 'requests a push', unit: '', values: pushes },
      requirement: { bound: 'at most', value: 1 },
      ours: { label: `pushes of 4 KiB, ${inFlight} in flight`, unit: '/s', values: rates },
      others: [],
      notes,
    },
    {
      id: 'P11 download',
      what: 'requests to the bucket for a download',
      result: { label: 'requests a download', unit: '', values: downloads },
      requirement: { bound: 'at most', value: 1 },
      others: [],
      notes,
    },
  ];
}

function between(before: Counts, after: Counts): number {
  const sum = (counts: Counts) => Object.values(counts).reduce((all, one) => all + one, 0);
  return sum(after) - sum(before);
}

/** Downloads contents that were pushed. @returns their number. */
async function readSome(server: ServerProcess, count: number): Promise<number> {
  const ask = async (path: string, body?: object) => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`http://${server.httpAddress}${path}`, body === undefined ? {} : init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const listed = await ask('/artifacta.v1.ArtifactService/ListArtifacts', { pageSize: count });
  const { artifacts } = (await listed.json()) as { artifacts: readonly { readonly id: string }[] };
  for (const { id } of artifacts) await (await ask(`/v1/artifacts/${id}/content`)).arrayBuffer();
  return artifacts.length;
}

async function rate(context: Context): Promise<Figure> {
  const content = new Content(context.quick ? 32 * MiB : 256 * MiB);
  await using inBucket = await startInBucket(context);
  await using onDisk = await startArtifacta(context);
  await using toBucket = await RawClient.connect(inBucket.server.address);
  await using toDisk = await RawClient.connect(onDisk.address);
  context.say('rate: warm-up');
  await upload(toBucket, inBucket.server, content, 0);
  await upload(toDisk, onDisk, content, 0);
  const rounds = await interleaved(
    context,
    (run) => upload(toBucket, inBucket.server, content, run),
    (run) => upload(toDisk, onDisk, content, run),
  );
  return {
    id: 'P11 rate',
    what: `one upload of ${content.sizeBytes / MiB} MiB into a bucket that drains ÷ onto the disk`,
    result: {
      label: 'bucket ÷ disk',
      unit: '',
      values: rounds.map((round) => round.ours.rate / round.control.rate),
    },
    requirement: { bound: 'at least', value: 0.7, next: 0.9 },
    ours: { label: 'bucket', unit: 'MB/s', values: rounds.map((round) => round.ours.rate) },
    control: { label: 'disk', unit: 'MB/s', values: rounds.map((round) => round.control.rate) },
    serverCpu: {
      label: 'bucket',
      unit: 'CPU-s/GB',
      values: rounds.map((round) => round.ours.cpuPerGB),
    },
    others: [],
    notes: ['the bucket is a process on the same machine that computes checksums and keeps nothing'],
  };
}

/** Looks at what the service has in memory for the bucket, until it is ended. */
function watchBuffered(server: ServerProcess) {
  let most = 0;
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      const text = await (await fetch(`http://${server.adminAddress}/metrics`)).text();
      const [, bytes] = /^artifacta_bucket_buffered_bytes(?:\{[^}]*\})? (\S+)/m.exec(text) ?? [];
      if (bytes === undefined)
        throw new Error('the service has no metric for the bytes that wait for the bucket');
      most = Math.max(most, Number(bytes));
      await delay(lookMs);
    }
    return most;
  })();
  looking.catch(() => undefined);
  return async () => {
    isOver = true;
    return await looking;
  };
}

async function memory(context: Context): Promise<Figure[]> {
  const content = new Content(context.quick ? 9 * MiB : 24 * MiB);
  const growth: number[] = [];
  const baselines: number[] = [];
  const ended: number[] = [];
  const buffered: number[] = [];
  for (let run = 1; run <= context.runs; run++) {
    context.say(`memory, run ${run} of ${context.runs}`);
    await using ours = await startInBucket(context);
    const clients = await Promise.all(
      Array.from({ length: connections }, () => RawClient.connect(ours.server.address)),
    );
    const send = (at: number) => clients[at % connections]!.upload(uploadPath, messages(content, at));
    await send(0);
    const { now } = ours.server.residentBytes();
    const mostBuffered = watchBuffered(ours.server);
    const ends = await Promise.allSettled(Array.from({ length: uploadsAtOnce }, (_, at) => send(at + 1)));
    buffered.push((await mostBuffered()) / MiB);
    ended.push(ends.filter(({ status }) => status === 'rejected').length);
    baselines.push(now / MiB);
    growth.push((ours.server.residentBytes().peak - now) / MiB);
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
  const uploads = `${uploadsAtOnce} uploads of ${content.sizeBytes / MiB} MiB at once`;
  const notes = [`${connections} connections of one caller`];
  return [
    {
      id: 'P11 memory',
      what: `growth of the resident memory over ${uploads}`,
      result: { label: 'peak − baseline', unit: 'MiB', values: growth },
      // The bytes for the bucket, and as much again for what is on its way to and from them.
      requirement: { bound: 'at most', value: 2 * unsentMiBMax },
      others: [{ label: 'resident after one upload (baseline)', unit: 'MiB', values: baselines }],
      notes,
    },
    {
      id: 'P11 ended',
      what: `uploads that were refused or ended, of ${uploads}`,
      result: { label: 'uploads', unit: '', values: ended },
      requirement: { bound: 'at most', value: 0 },
      others: [],
      notes: ['those that do not fit into the memory wait', ...notes],
    },
    {
      id: 'P11 buffered',
      what: `most bytes that the bucket did not have yet, over ${uploads}`,
      result: { label: 'artifacta_bucket_buffered_bytes', unit: 'MiB', values: buffered },
      requirement: { bound: 'at most', value: unsentMiBMax },
      others: [],
      notes: [`looked at every ${lookMs} ms`, ...notes],
    },
  ];
}

/** An upload without a digest: of many at once, each sends frames in which others write. */
function* messages(content: Content, version: number): Generator<Buffer, void, void> {
  const sizeBytes = BigInt(content.sizeBytes);
  const spec = { session: uploadSession, name: nameOf(version), requestId: randomUUID(), sizeBytes };
  yield frame(UploadArtifactRequestSchema, { part: { case: 'start', value: { spec } } });
  yield* content.chunks(version);
  yield frame(UploadArtifactRequestSchema, { part: { case: 'finish', value: { sizeBytes } } });
}
