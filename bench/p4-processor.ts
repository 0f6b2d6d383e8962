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

async function measured(context: Context, way: Way, atOnce: number): Promise<Figure[]> {
  const mebibytes = (context.quick ? 64 : 512) / atOnce;
  const contents = Array.from(
    { length: atOnce },
    () => new Content(mebibytes * MiB, atOnce === 1 ? undefined : framesKept),
  );
  const sizeBytes = atOnce * mebibytes * MiB;
  const once = (taker: UploadTaker) => uploadTurn(taker, contents, context.directory);
  const parts = async (): Promise<Parts> => {
    const sink = await once(way.sink);
    const hash = hashPace(sizeBytes);
    heatPages(context.directory, sizeBytes);
    const write = writePace(context.directory, sizeBytes);
    return { sink, cpuPerGB: sink.cpuPerGB + hash.cpuPerGB + write.cpuPerGB };
  };
  const unless = (taker: UploadTaker | PeerMissing | undefined) => async () =>
    taker === undefined || taker instanceof PeerMissing ? undefined : await once(taker);
  const contestants = {
    ours: () => once(way.ours),
    parts,
    bazel: unless(way.bazel),
    registry: unless(way.registry),
  };
  context.say(`warm-up: ${way.name}, ${atOnce} at once`);
  for (const turn of Object.values(contestants)) await turn();
  const turns = await inTurns(context, contestants);
  const here = (all: readonly (Upload | undefined)[]) => all.filter((turn) => turn !== undefined);
  const at = atOnce === 1 ? 'alone' : `${atOnce} at once`;
  const shared = {
    ours: rates(way.name, turns.ours),
    serverCpu: cpuTimes('ours', turns.ours),
  };
  const over = (control: readonly { readonly cpuPerGB: number }[]) =>
    turns.ours.map(({ cpuPerGB }, run) => cpuPerGB / control[run]!.cpuPerGB);
  const registry = here(turns.registry);
  const size = `${atOnce} × ${mebibytes} MiB, a connection each, Content-Length or size and SHA-256 told before the bytes`;
  const bazel: Heading = {
    id: `P4 ${way.name} ${at}`,
    what: `processor time of the server for a gigabyte by ${way.name}, ${at} ÷ bazel-remote's`,
    requirement: { bound: 'at most', value: 1.2, next: 1 },
  };
  return [
    ...(way.bazel instanceof PeerMissing
      ? missingFigures([bazel], way.bazel)
      : [
          {
            ...bazel,
            ...shared,
            result: { label: 'ours ÷ bazel-remote', unit: '', values: over(here(turns.bazel)) },
            control: rates('bazel-remote', here(turns.bazel)),
            controlCpu: cpuTimes('bazel-remote', here(turns.bazel)),
            others: [],
            notes: [size, ourUploadPromises, bazelPromises],
          },
        ]),
    {
      id: `P4 ${way.name} ${at} ÷ parts`,
      what: `the same ÷ (raw sink + SHA-256 + write and fsync), which is not judged`,
      ...shared,
      result: { label: 'ours ÷ parts', unit: '', values: over(turns.parts) },
      control: rates(
        'sink alone',
        turns.parts.map(({ sink }) => sink),
      ),
      controlCpu: cpuTimes('sink + hash + write', turns.parts),
      others: [
        cpuTimes(
          'sink alone: its processor time',
          turns.parts.map(({ sink }) => sink),
        ),
        ...(registry.length === 0
          ? []
          : [
              cpuTimes('docker-registry: its processor time', registry),
              { label: 'ours ÷ docker-registry', unit: '', values: over(registry) },
              rates('docker-registry', registry),
            ]),
      ],
      notes: [
        size,
        ourUploadPromises,
        'the parts: a sink that keeps nothing, SHA-256 of buffers in memory, one file with one fsync',
        ...(way.registry === undefined
          ? []
          : [way.registry instanceof PeerMissing ? `missing: ${way.registry.message}` : registryPromises]),
      ],
    },
  ];
}
