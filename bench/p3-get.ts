/** P3, its other half: plain HTTP GET, alone and 16 at once, against a raw source of the same pieces. */
import { createHash } from 'node:crypto';
import { crcPace } from './controls/local.ts';
import { Content, chunkBytes, GiB, MiB } from './harness/content.ts';
import type { ServerProcess } from './harness/processes.ts';
import { RawClient } from './harness/raw-client.ts';
import { RawHttp } from './harness/raw-http.ts';
import { inTurns } from './harness/rounds.ts';
import { startControl } from './harness/servers.ts';
import type { Context, Figure } from './harness/target.ts';
import { nameOf, timed, upload, uploadSession } from './harness/uploads.ts';
import { cpuTimes, rates } from './peers/uploading.ts';

/** The figures of GET. @param firstVersion the first of the numbers of uploads that nobody else uses. */
export async function getFigures(
  context: Context,
  ours: ServerProcess,
  firstVersion: number,
): Promise<Figure[]> {
  await using source = await startControl('source-http');
  await using uploader = await RawClient.connect(ours.address);
  const figures: Figure[] = [];
  let version = firstVersion;
  for (const atOnce of [1, 16]) {
    const sizeBytes = (context.quick ? 64 * MiB : GiB) / atOnce;
    const content = new Content(sizeBytes);
    const versions = Array.from({ length: atOnce }, () => version++);
    for (const one of versions) await upload(uploader, ours, content, one);
    const paths = versions.map((one) => `/v1/sessions/${uploadSession}/artifacts/${nameOf(one)}`);
    await checkDigest(ours, paths[0]!, content.digest(versions[0]!));
    figures.push(...(await measured(context, ours, source, paths, sizeBytes)));
  }
  return figures;
}

async function measured(
  context: Context,
  ours: ServerProcess,
  source: ServerProcess,
  paths: readonly string[],
  sizeBytes: number,
): Promise<Figure[]> {
  const atOnce = paths.length;
  const allBytes = atOnce * sizeBytes;
  const contestants = {
    ours: () => timed(ours, allBytes, () => allDownloaded(ours.httpAddress, paths, sizeBytes)),
    source: () =>
      timed(source, allBytes, () =>
        allDownloaded(
          source.address,
          paths.map(() => `/${sizeBytes / chunkBytes}`),
          sizeBytes,
        ),
      ),
    crc: async () => crcPace(allBytes),
  };
  const at = atOnce === 1 ? 'alone' : `${atOnce} at once`;
  context.say(`warm-up: GET, ${at}`);
  for (const turn of Object.values(contestants)) await turn();
  const turns = await inTurns(context, contestants);
  const least = turns.source.map(({ cpuPerGB }, run) => ({ cpuPerGB: cpuPerGB + turns.crc[run]!.cpuPerGB }));
  const shared = {
    serverCpu: cpuTimes('ours', turns.ours),
    notes: [
      `${atOnce} × ${sizeBytes / MiB} MiB, a connection each, from the page cache; the source sends from memory`,
      'ours reads the file and checks each block before it sends a byte of it',
      'the CRC is that of node:zlib; ours has another library, which takes about half of its time',
    ],
  };
  return [
    {
      id: `P3 GET ${at}`,
      what: `checked download by GET, ${at} ÷ raw HTTP/1.1 source of the same pieces`,
      result: {
        label: 'ours ÷ source',
        unit: '',
        values: turns.ours.map(({ rate }, run) => rate / turns.source[run]!.rate),
      },
      requirement: { bound: 'at least', value: 0.6, next: 0.8 },
      ours: rates('GET', turns.ours),
      control: rates('raw source', turns.source),
      controlCpu: cpuTimes('raw source', turns.source),
      others: [],
      ...shared,
    },
    {
      id: `P3 GET ${at}: processor`,
      what: `processor time of the server for a gigabyte by GET, ${at} ÷ the raw source's + a CRC's of the same bytes`,
      result: {
        label: 'ours ÷ (source + CRC)',
        unit: '',
        values: turns.ours.map(({ cpuPerGB }, run) => cpuPerGB / least[run]!.cpuPerGB),
      },
      requirement: { bound: 'at most', value: 2, next: 1.4 },
      controlCpu: cpuTimes('raw source + CRC', least),
      others: [cpuTimes('CRC alone: its processor time', turns.crc)],
      ...shared,
    },
  ];
}

/** All at once, each over a connection of its own. @throws Error if fewer bytes come than a content has. */
async function allDownloaded(address: string, paths: readonly string[], sizeBytes: number): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      using client = new RawHttp(address);
      let bytes = 0;
      await client.download(path, (part) => {
        bytes += part.length;
      });
      if (bytes !== sizeBytes) throw new Error(`${path}: ${bytes} bytes instead of ${sizeBytes}`);
    }),
  );
}

/** Downloads once, outside the clock, to see that the bytes are those that were sent. */
async function checkDigest(ours: ServerProcess, path: string, expected: string): Promise<void> {
  using client = new RawHttp(ours.httpAddress);
  const hash = createHash('sha256');
  await client.download(path, (part) => hash.update(part));
  if (hash.digest('hex') !== expected) throw new Error('the download is not what was uploaded');
}
