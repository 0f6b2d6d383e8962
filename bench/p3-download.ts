/** P3: a download whose every block is checked, against a raw source of the same chunks. */
import { createHash } from 'node:crypto';
import { DownloadArtifactRequestSchema } from '../gen/artifacta/v1/content_pb.ts';
import { Content, chunkBytes, GiB, MiB } from './harness/content.ts';
import { frame } from './harness/frames.ts';
import type { ServerProcess } from './harness/processes.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta, startControl } from './harness/servers.ts';
import type { Context, Figure, Target } from './harness/target.ts';
import { nameOf, timed, upload, uploadSession } from './harness/uploads.ts';
import { getFigures } from './p3-get.ts';

const downloadPath = '/artifacta.v1.ArtifactService/DownloadArtifact';

export const p3: Target = {
  name: 'p3',
  what: 'one checked download of 1 GiB by gRPC ÷ raw HTTP/2 source of the same chunks; by GET, alone and 16 at once',
  async measure(context) {
    await using ours = await startArtifacta(context);
    return [await grpcFigure(context, ours), ...(await getFigures(context, ours, 1))];
  },
};

async function grpcFigure(context: Context, ours: ServerProcess): Promise<Figure> {
  const sizeBytes = context.quick ? 64 * MiB : GiB;
  await using source = await startControl('source');
  await using toOurs = await RawClient.connect(ours.address);
  await using toSource = await RawClient.connect(source.address);
  const content = new Content(sizeBytes);
  await upload(toOurs, ours, content, 0);
  const by = { case: 'name', value: { session: uploadSession, name: nameOf(0) } } as const;
  const request = frame(DownloadArtifactRequestSchema, { artifact: { by } });

  const download = () => timed(ours, sizeBytes, () => received(toOurs, downloadPath, request, sizeBytes));
  const control = () =>
    timed(source, sizeBytes, () => received(toSource, `/${sizeBytes / chunkBytes}`, request, sizeBytes));
  context.say('warm-up');
  await checkDigest(toOurs, request, content.digest(0));
  await download();
  await control();
  const rounds = await interleaved(context, download, control);

  return {
    id: 'P3',
    what: 'one checked download of 1 GiB by gRPC ÷ raw HTTP/2 source of the same chunks',
    result: {
      label: 'ours ÷ source',
      unit: '',
      values: rounds.map((round) => round.ours.rate / round.control.rate),
    },
    requirement: { bound: 'at least', value: 0.45, next: 0.6 },
    ours: { label: 'download', unit: 'MB/s', values: rounds.map((round) => round.ours.rate) },
    control: { label: 'raw source', unit: 'MB/s', values: rounds.map((round) => round.control.rate) },
    serverCpu: { label: 'ours', unit: 'CPU-s/GB', values: rounds.map((round) => round.ours.cpuPerGB) },
    others: [
      {
        label: 'raw source: its processor time',
        unit: 'CPU-s/GB',
        values: rounds.map((round) => round.control.cpuPerGB),
      },
    ],
    notes: ['the content was just written and is read from the page cache; the source sends from memory'],
  };
}

/** @throws Error if fewer bytes come than the content has. */
async function received(client: RawClient, path: string, request: Buffer, sizeBytes: number): Promise<void> {
  let bytes = 0;
  await client.download(path, request, (part) => {
    bytes += part.length;
  });
  if (bytes < sizeBytes) throw new Error(`${path}: ${bytes} bytes instead of ${sizeBytes}`);
}

/** Downloads once, outside the clock, to see that the bytes are those that were sent. */
async function checkDigest(client: RawClient, request: Buffer, expected: string): Promise<void> {
  const parts: Buffer[] = [];
  await client.download(downloadPath, request, (part) => parts.push(part));
  const body = Buffer.concat(parts);
  const hash = createHash('sha256');
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    // The message with the artifact comes first; of the others the last mebibyte is the chunk.
    if (at > 0) hash.update(body.subarray(end - chunkBytes, end));
    at = end;
  }
  if (hash.digest('hex') !== expected) throw new Error('the download is not what was uploaded');
}
