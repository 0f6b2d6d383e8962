/** P2: the upload of P1 by plain HTTP PUT, against what its three parts could do one after another. */
import { hashPace, heatPages, writePace } from './controls/local.ts';
import { Content, GiB, MiB } from './harness/content.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { bazelPromises, startBazelRemote } from './peers/bazel-remote.ts';
import { registryPromises, startRegistry } from './peers/docker-registry.ts';
import { type Heading, orMissing } from './peers/missing.ts';
import {
  bazelByPut,
  byPut,
  cpuTimes,
  ourUploadPromises,
  rates,
  registryByPut,
  type UploadTaker,
  uploadTurn,
} from './peers/uploading.ts';

const bound = 'one durable, hashed PUT of 1 GiB ÷ B, where 1/B = 1/S1 + 1/H + 1/W';

export const p2: Target = {
  name: 'p2',
  what: bound,
  async measure(context) {
    const content = new Content(context.quick ? 64 * MiB : GiB);
    await using server = await startArtifacta(context);
    const ours = byPut(server, server.httpAddress);
    return [await againstBound(context, content, ours), ...(await againstPeers(context, content, ours))];
  },
};

async function againstBound(context: Context, content: Content, ours: UploadTaker): Promise<Figure> {
  const { directory } = context;
  await using sink = await startControl('sink-http');
  const toSink = byPut(sink, sink.address);
  const once = (taker: UploadTaker) => uploadTurn(taker, [content], directory);
  const controls = async () => {
    const received = await once(toSink);
    const hashed = hashPace(content.sizeBytes);
    heatPages(directory, content.sizeBytes);
    return [received, hashed, writePace(directory, content.sizeBytes)] as const;
  };
  context.say('warm-up');
  await once(ours);
  await controls();
  const turns = await inTurns(context, { ours: () => once(ours), control: controls });
  const possible = turns.control.map((parts) => ({
    rate: 1 / parts.reduce((sum, { rate }) => sum + 1 / rate, 0),
    cpuPerGB: parts.reduce((sum, { cpuPerGB }) => sum + cpuPerGB, 0),
  }));
  const names = ['S1: raw HTTP/1.1 sink', 'H: SHA-256', 'W: sequential write + fsync'];
  return {
    id: 'P2',
    what: bound,
    result: {
      label: 'ours ÷ B',
      unit: '',
      values: turns.ours.map(({ rate }, at) => rate / possible[at]!.rate),
    },
    requirement: { bound: 'at least', value: 0.75, next: 1 },
    ours: rates('PUT', turns.ours),
    control: rates('B', possible),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes('S1 + H + W', possible),
    others: names.flatMap((name, part) => {
      const values = turns.control.map((parts) => parts[part]!);
      return [rates(name, values), cpuTimes(`${name}: its processor time`, values)];
    }),
    notes: [
      `${content.sizeBytes / MiB} MiB with Content-Length and Content-Digest, written in pieces of 1 MiB`,
      ourUploadPromises,
      'S1 keeps nothing and hashes nothing; H and W are one hash and one file with one fsync',
    ],
  };
}

async function againstPeers(context: Context, content: Content, ours: UploadTaker): Promise<Figure[]> {
  const against = async (id: string, name: string, promises: string, start: () => Promise<Started>) => {
    const heading: Heading = { id, what: `rate of that PUT ÷ ${name}'s` };
    const measured = async () => {
      await using peer = await start();
      return [await compared(context, heading, name, [content], ours, peer.taker, promises)];
    };
    return await orMissing([heading], measured);
  };
  return [
    ...(await against('P2 registry', 'docker-registry', registryPromises, () => registry(context))),
    ...(await against('P2 bazel-remote', 'bazel-remote', bazelPromises, () => bazel(context))),
  ];
}

interface Started extends AsyncDisposable {
  readonly taker: UploadTaker;
}

async function registry({ directory }: Context): Promise<Started> {
  const peer = await startRegistry(directory);
  return { taker: registryByPut(peer), [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}

async function bazel({ directory }: Context): Promise<Started> {
  const peer = await startBazelRemote(directory);
  return { taker: bazelByPut(peer.process), [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}

async function compared(
  context: Context,
  heading: Heading,
  name: string,
  contents: readonly Content[],
  ours: UploadTaker,
  peer: UploadTaker,
  promises: string,
): Promise<Figure> {
  const once = (taker: UploadTaker) => uploadTurn(taker, contents, context.directory);
  context.say(`warm-up: ${name}`);
  await once(ours);
  await once(peer);
  const turns = await inTurns(context, { ours: () => once(ours), peer: () => once(peer) });
  return {
    ...heading,
    result: {
      label: `ours ÷ ${name}`,
      unit: '',
      values: turns.ours.map(({ rate }, at) => rate / turns.peer[at]!.rate),
    },
    ours: rates('PUT', turns.ours),
    control: rates(name, turns.peer),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes(name, turns.peer),
    others: [],
    notes: [ourUploadPromises, promises],
  };
}
