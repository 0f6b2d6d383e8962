/** What a download in JSON costs, whose bytes are in base64, and what whoever asks meanwhile waits for it. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Content, MiB } from './harness/content.ts';
import { RawClient } from './harness/raw-client.ts';
import { interleaved } from './harness/rounds.ts';
import { startArtifacta } from './harness/servers.ts';
import { median } from './harness/statistics.ts';
import type { Figure, Target } from './harness/target.ts';
import { nameOf, upload, uploadSession } from './harness/uploads.ts';

const service = '/artifacta.v1.ArtifactService';
const artifact = { name: { session: uploadSession, name: nameOf(0) } };

/** Of one download. */
interface Run {
  readonly seconds: number;
  /** Of each small call of another client meanwhile. */
  readonly others: readonly number[];
}

export const jsonDownload: Target = {
  name: 'json',
  what: 'a download of 256 MiB over Connect in JSON, seconds ÷ those of the same over plain HTTP',
  async measure(context) {
    const sizeBytes = (context.quick ? 32 : 256) * MiB;
    await using ours = await startArtifacta(context);
    await using uploader = await RawClient.connect(ours.address);
    await upload(uploader, ours, new Content(sizeBytes), 0);
    using client = new HttpClient(ours.httpAddress);
    using other = new HttpClient(ours.httpAddress);
    const small = () => other.post(`${service}/GetArtifact`, 'application/json', json());
    const id = (JSON.parse((await small()).toString()) as { artifact: { id: string } }).artifact.id;
    const beside = (download: () => Promise<number>) => whileRunning(download, sizeBytes, small);
    const inJson = () =>
      beside(() => client.received('POST', `${service}/DownloadArtifact`, stream, envelope()));
    const plainly = () => beside(() => client.received('GET', `/v1/artifacts/${id}/content`));
    context.say('warm-up');
    await inJson();
    await plainly();
    const rounds = await interleaved(context, inJson, plainly);

    const series = (label: string, unit: string, values: number[]) => ({ label, unit, values });
    const seconds = (of: 'ours' | 'control') => rounds.map((round) => round[of].seconds);
    const p50 = (of: 'ours' | 'control') => rounds.map((round) => median(round[of].others));
    const figure: Figure = {
      id: 'json',
      what: this.what,
      result: series(
        'JSON ÷ plain',
        '',
        rounds.map(({ ours, control }) => ours.seconds / control.seconds),
      ),
      requirement: { bound: 'at most', value: 6 },
      ours: series('JSON', 's', seconds('ours')),
      control: series('plain', 's', seconds('control')),
      others: [
        series('GetArtifact of another client beside JSON, p50', 'ms', p50('ours')),
        series('beside plain HTTP, p50', 'ms', p50('control')),
      ],
      notes: [
        `${sizeBytes / MiB} MiB, read from the page cache, over HTTP/1.1; the other client calls all the time`,
      ],
    };
    return [figure];
  },
};

const stream = 'application/connect+json';

function json(): Buffer {
  return Buffer.from(JSON.stringify({ artifact }));
}

/** The message of a stream: a byte of flags and four of its length before it. */
function envelope(): Buffer {
  const message = json();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Makes small calls one after another until a download has ended. @throws Error if fewer bytes come than there are. */
async function whileRunning(
  download: () => Promise<number>,
  sizeBytes: number,
  small: () => Promise<Buffer>,
): Promise<Run> {
  const others: number[] = [];
  let isDone = false;
  const startedMs = performance.now();
  const downloading = download().then((bytes) => {
    isDone = true;
    if (bytes < sizeBytes) throw new Error(`${bytes} bytes came instead of ${sizeBytes}`);
    return (performance.now() - startedMs) / 1_000;
  });
  while (!isDone) {
    const sentMs = performance.now();
    await small();
    others.push(performance.now() - sentMs);
  }
  return { seconds: await downloading, others };
}

/** One connection of HTTP/1.1. */
class HttpClient implements Disposable {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private readonly url: string;

  /** `address`: HOST:PORT. */
  constructor(address: string) {
    this.url = `http://${address}`;
  }

  async post(path: string, contentType: string, body: Buffer): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(await this.answer('POST', path, contentType, body)));
  }

  /** How many bytes the answer has. They are dropped as they come. */
  async received(method: string, path: string, contentType?: string, body?: Buffer): Promise<number> {
    let bytes = 0;
    for await (const chunk of await this.answer(method, path, contentType, body))
      bytes += (chunk as Buffer).length;
    return bytes;
  }

  private async answer(
    method: string,
    path: string,
    contentType?: string,
    body?: Buffer,
  ): Promise<IncomingMessage> {
    const { agent } = this;
    const headers = contentType === undefined ? {} : { 'content-type': contentType };
    const sent = request(`${this.url}${path}`, { method, agent, headers });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`${path}: status ${answer.statusCode}`);
    return answer;
  }

  [Symbol.dispose](): void {
    this.agent.destroy();
  }
}
