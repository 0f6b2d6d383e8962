/** P4: what an upload costs the processor, against bazel-remote and against the least that it can be made of. */
import { hashPace, heatPages, writePace } from './controls/local.ts';
import { Content, MiB } from './harness/content.ts';
import { inTurns } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { bazelPromises, startBazelRemote } from './peers/bazel-remote.ts';
import { registryPromises, startRegistry } from './peers/docker-registry.ts';
import { type Heading, ifHere, missingFigures, PeerMissing } from './peers/missing.ts';
import {
  bazelByGrpc,
  bazelByPut,
  byGrpc,
  byPut,
  cpuTimes,
  ourUploadPromises,
  rates,
  registryByPut,
  type Upload,
  type UploadTaker,
  uploadTurn,
} from './peers/uploading.ts';

/** Of each of many contents that are sent at once. */
const framesKept = 8;

export const p4: Target = {
  name: 'p4',
  what: 'processor time of an upload, by gRPC and by PUT, alone and 16 at once ÷ bazel-remote; ÷ sink + hash + write',
  async measure(context) {
    await using ours = await startArtifacta(context);
    await using sink = await startControl('sink');
    await using sinkHttp = await startControl('sink-http');
    const bazel = await ifHere(() => startBazelRemote(context.directory));
    const registry = await ifHere(() => startRegistry(context.directory));
    await using stack = new AsyncDisposableStack();
    for (const peer of [bazel, registry]) if (!(peer instanceof PeerMissing)) stack.use(peer);
    const ways: readonly Way[] = [
      {
        name: 'gRPC',
        ours: byGrpc(ours),
        sink: byGrpc(sink),
        bazel: bazel instanceof PeerMissing ? bazel : bazelByGrpc(bazel.process, bazel.grpcAddress),
      },
      {
        name: 'PUT',
        ours: byPut(ours, ours.httpAddress),
        sink: byPut(sinkHttp, sinkHttp.address),
        bazel: bazel instanceof PeerMissing ? bazel : bazelByPut(bazel.process),
        registry: registry instanceof PeerMissing ? registry : registryByPut(registry),
      },
    ];
    const figures: Figure[] = [];
    for (const atOnce of [1, 16])
      for (const way of ways) figures.push(...(await measured(context, way, atOnce)));
    return figures;
  },
};

/** A way to upload, and who takes uploads that way. */
interface Way {
  readonly name: string;
  readonly ours: UploadTaker;
  readonly sink: UploadTaker;
  readonly bazel: UploadTaker | PeerMissing;
  readonly registry?: UploadTaker | PeerMissing;
}

/** The parts that an upload is made of at least. */
interface Parts {
  readonly sink: Upload;
  readonly cpuPerGB: number;
}

/** What each had in the runs; a peer that is missing has nothing. */
interface Turns {
  readonly ours: readonly Upload[];
  readonly parts: readonly Parts[];
  readonly bazel: readonly Upload[];
  readonly registry: readonly Upload[];
}

async function measured(context: Context, way: Way, atOnce: number): Promise<Figure[]> {
  const mebibytes = (context.quick ? 64 : 512) / atOnce;
  const frames = atOnce === 1 ? undefined : framesKept;
  const contents = Array.from({ length: atOnce }, () => new Content(mebibytes * MiB, frames));
  const sizeBytes = atOnce * mebibytes * MiB;
  const once = (taker: UploadTaker) => uploadTurn(taker, contents, context.directory);
  const parts = async (): Promise<Parts> => {
    const sink = await once(way.sink);
    const hash = hashPace(sizeBytes);
    heatPages(context.directory, sizeBytes);
    const write = writePace(context.directory, sizeBytes);
    return { sink, cpuPerGB: sink.cpuPerGB + hash.cpuPerGB + write.cpuPerGB };
  };
  const unlessMissing = (taker: UploadTaker | PeerMissing | undefined) => async () =>
    taker === undefined || taker instanceof PeerMissing ? undefined : await once(taker);
  const contestants = {
    ours: () => once(way.ours),
    parts,
    bazel: unlessMissing(way.bazel),
    registry: unlessMissing(way.registry),
  };
  context.say(`warm-up: ${way.name}, ${atOnce} at once`);
  for (const turn of Object.values(contestants)) await turn();
  const { ours, parts: least, bazel, registry } = await inTurns(context, contestants);
  const here = (all: readonly (Upload | undefined)[]) => all.filter((turn) => turn !== undefined);
  const turns = { ours, parts: least, bazel: here(bazel), registry: here(registry) };
  const at = atOnce === 1 ? 'alone' : `${atOnce} at once`;
  const size = `${atOnce} × ${mebibytes} MiB, a connection each, size and SHA-256 told before the bytes`;
  return [...againstBazel(way, at, turns, size), againstParts(way, at, turns, size)];
}

function over(ours: readonly Upload[], control: readonly Pick<Upload, 'cpuPerGB'>[]): number[] {
  return ours.map(({ cpuPerGB }, run) => cpuPerGB / control[run]!.cpuPerGB);
}

function againstBazel({ name, bazel }: Way, at: string, turns: Turns, size: string): Figure[] {
  const heading: Heading = {
    id: `P4 ${name} ${at}`,
    what: `processor time of the server for a gigabyte by ${name}, ${at} ÷ bazel-remote's`,
    requirement: { bound: 'at most', value: 1.2, next: 1 },
  };
  if (bazel instanceof PeerMissing) return missingFigures([heading], bazel);
  return [
    {
      ...heading,
      result: { label: 'ours ÷ bazel-remote', unit: '', values: over(turns.ours, turns.bazel) },
      ours: rates(name, turns.ours),
      control: rates('bazel-remote', turns.bazel),
      serverCpu: cpuTimes('ours', turns.ours),
      controlCpu: cpuTimes('bazel-remote', turns.bazel),
      others: [],
      notes: [size, ourUploadPromises, bazelPromises],
    },
  ];
}

function againstParts({ name, registry }: Way, at: string, turns: Turns, size: string): Figure {
  const sinks = turns.parts.map(({ sink }) => sink);
  const registryNote = registry instanceof PeerMissing ? `missing: ${registry.message}` : registryPromises;
  return {
    id: `P4 ${name} ${at} ÷ parts`,
    what: 'the same ÷ (raw sink + SHA-256 + write and fsync), which is not judged',
    result: { label: 'ours ÷ parts', unit: '', values: over(turns.ours, turns.parts) },
    ours: rates(name, turns.ours),
    control: rates('sink alone', sinks),
    serverCpu: cpuTimes('ours', turns.ours),
    controlCpu: cpuTimes('sink + hash + write', turns.parts),
    others: [
      cpuTimes('sink alone: its processor time', sinks),
      ...(turns.registry.length === 0
        ? []
        : [
            cpuTimes('docker-registry: its processor time', turns.registry),
            {
              label: 'processor time, ours ÷ docker-registry',
              unit: '',
              values: over(turns.ours, turns.registry),
            },
            rates('docker-registry', turns.registry),
          ]),
    ],
    notes: [
      size,
      ourUploadPromises,
      'the parts: a sink that keeps nothing, SHA-256 of buffers in memory, one file with one fsync',
      ...(registry === undefined ? [] : [registryNote]),
    ],
  };
}
