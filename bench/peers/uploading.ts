/** Large uploads to ours, to peers and to controls, by one load generator: one alone, or many at once. */
import { randomUUID } from 'node:crypto';
import { heatPages } from '../controls/local.ts';
import type { Content } from '../harness/content.ts';
import { RawClient } from '../harness/raw-client.ts';
import { RawHttp } from '../harness/raw-http.ts';
import type { Series } from '../harness/target.ts';
import { nameOf, uploadFrames, uploadPath, uploadSession } from '../harness/uploads.ts';
import { byteStreamPath, writeFrames } from './bazel-remote.ts';

/** What is durable and hashed in an upload of ours, for the notes of a figure. */
export const ourUploadPromises =
  'ours: file, directory and index are synced before the answer; the digest is computed and compared, each block has a CRC';

/** Sends one content over a connection of its own. */
interface Lane extends AsyncDisposable {
  send(content: Content, version: number, sha256: string): Promise<unknown>;
}

/** A system that takes uploads one way. */
export interface UploadTaker {
  readonly server: { cpuSeconds(): number };
  connect(): Promise<Lane>;
}

/** A turn of one system. */
export interface Upload {
  /** MB/s, of all uploads together. */
  readonly rate: number;
  readonly cpuPerGB: number;
}

interface Server {
  readonly address: string;
  cpuSeconds(): number;
}

/** Ours, or the sink. */
export function byGrpc(server: Server): UploadTaker {
  return grpcTaker(server, server.address, uploadPath, uploadFrames);
}

/** Ours (`at`: its HTTP listener), or the sink. */
export function byPut(server: { cpuSeconds(): number }, at: string): UploadTaker {
  return httpTaker(server, at, async (http, content, version, sha256) => {
    const digest = Buffer.from(sha256, 'hex').toString('base64');
    await http.exchange({
      method: 'PUT',
      path: `/v1/sessions/${uploadSession}/artifacts/${nameOf(version)}`,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': content.sizeBytes,
        'content-digest': `sha-256=:${digest}:`,
        'idempotency-key': randomUUID(),
      },
      body: content.pieces(version),
    });
  });
}

export function bazelByGrpc(server: { cpuSeconds(): number }, at: string): UploadTaker {
  return grpcTaker(server, at, byteStreamPath, writeFrames);
}

export function bazelByPut(server: Server): UploadTaker {
  return httpTaker(server, server.address, async (http, content, version, sha256) => {
    const headers = { 'content-length': content.sizeBytes };
    await http.exchange({ method: 'PUT', path: `/cas/${sha256}`, headers, body: content.pieces(version) });
  });
}

/** A blob of docker-registry: an upload is begun, and all of it sent by one PUT. */
export function registryByPut(server: Server): UploadTaker {
  return httpTaker(server, server.address, async (http, content, version, sha256) => {
    const begun = await http.exchange({
      method: 'POST',
      path: '/v2/bench/blobs/uploads/',
      headers: { 'content-length': 0 },
      body: [],
    });
    const location = new URL(begun.location!, `http://${server.address}`);
    location.searchParams.set('digest', `sha256:${sha256}`);
    await http.exchange({
      method: 'PUT',
      path: `${location.pathname}${location.search}`,
      headers: { 'content-type': 'application/octet-stream', 'content-length': content.sizeBytes },
      body: content.pieces(version),
    });
  });
}

function grpcTaker(
  server: UploadTaker['server'],
  address: string,
  path: string,
  framesOf: (content: Content, version: number, sha256: string) => Iterable<Buffer>,
): UploadTaker {
  const connect = async () => {
    const client = await RawClient.connect(address);
    return {
      send: (content: Content, version: number, sha256: string) =>
        client.upload(path, framesOf(content, version, sha256)),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  };
  return { server, connect };
}

function httpTaker(
  server: UploadTaker['server'],
  address: string,
  send: (http: RawHttp, content: Content, version: number, sha256: string) => Promise<void>,
): UploadTaker {
  const connect = async () => {
    const http = new RawHttp(address);
    return {
      send: (content: Content, version: number, sha256: string) => send(http, content, version, sha256),
      [Symbol.asyncDispose]: async () => http[Symbol.dispose](),
    };
  };
  return { server, connect };
}

/** Numbers that no upload had before. */
let versions = 0;

/** All contents at once, each over a connection of its own. Digests are computed, and pages used, before the clock starts. */
export async function uploadTurn(
  { server, connect }: UploadTaker,
  contents: readonly Content[],
  directory: string,
): Promise<Upload> {
  await using stack = new AsyncDisposableStack();
  const lanes: { lane: Lane; content: Content; version: number; sha256: string }[] = [];
  for (const content of contents) {
    const version = ++versions;
    const sha256 = content.digest(version);
    lanes.push({ lane: stack.use(await connect()), content, version, sha256 });
  }
  const sizeBytes = contents.reduce((sum, content) => sum + content.sizeBytes, 0);
  heatPages(directory, sizeBytes);
  const cpuBefore = server.cpuSeconds();
  const startedMs = performance.now();
  await Promise.all(lanes.map(({ lane, content, version, sha256 }) => lane.send(content, version, sha256)));
  const seconds = (performance.now() - startedMs) / 1_000;
  return { rate: sizeBytes / 1e6 / seconds, cpuPerGB: ((server.cpuSeconds() - cpuBefore) / sizeBytes) * 1e9 };
}

export function rates(label: string, turns: readonly Pick<Upload, 'rate'>[]): Series {
  return { label, unit: 'MB/s', values: turns.map(({ rate }) => rate) };
}

export function cpuTimes(label: string, turns: readonly Pick<Upload, 'cpuPerGB'>[]): Series {
  return { label, unit: 'CPU-s/GB', values: turns.map(({ cpuPerGB }) => cpuPerGB) };
}
