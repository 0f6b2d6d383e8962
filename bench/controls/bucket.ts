/**
 * A bucket that drains: it takes what is sent, computes the checksum that an answer must have, and keeps only small
 * objects. `GET /counts` answers with the numbers of requests about contents.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32c } from '@node-rs/crc32';
import { MiB } from '../harness/content.ts';
import { sayReady } from './serve-control.ts';

const keptBytesMax = MiB;

interface Stored {
  readonly name: string;
  readonly generation: string;
  readonly size: string;
  readonly crc32c: string;
  readonly timeCreated: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Empty if it was drained. */
  readonly bytes: Buffer;
}

interface Upload {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
  crc: number;
  length: number;
  /** The latest request that sends a piece of it. The bytes of an earlier one count no more. */
  latest?: IncomingMessage;
}

const objects = new Map<string, Stored>();
const uploads = new Map<string, Upload>();
const counts = { create: 0, pieces: 0, facts: 0, read: 0, list: 0, delete: 0 };
let generations = 0;

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
sayReady(`127.0.0.1:${(server.address() as AddressInfo).port}`);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, `http://${request.headers.host}`);
  const name = decodeURIComponent(/\/o\/(.+)$/.exec(url.pathname)?.[1] ?? '');
  const query = (key: string) => url.searchParams.get(key) ?? '';
  if (url.pathname === '/counts') return send(response, 200, counts);
  if (request.method === 'POST' && query('uploadType') === 'multipart')
    return await create(request, response);
  if (request.method === 'POST') {
    const { metadata = {} } = JSON.parse((await bodyOf(request)).toString()) as Pick<Upload, 'metadata'>;
    const id = String(++generations);
    uploads.set(id, { name: query('name'), metadata, crc: 0, length: 0 });
    count('create', query('name'));
    return send(response, 200, undefined, { location: `${url.origin}${url.pathname}?upload_id=${id}` });
  }
  if (request.method === 'PUT') return await putPiece(request, response, query('upload_id'));
  if (request.method === 'DELETE') {
    count('delete', name);
    uploads.delete(query('upload_id'));
    return send(response, objects.delete(name) ? 204 : 404);
  }
  if (url.pathname.endsWith('/o')) {
    count('list', query('prefix'));
    const items = [...objects.values()].filter((object) => object.name.startsWith(query('prefix')));
    return send(response, 200, { items: items.map(shown) });
  }
  await read(request, response, name, query('alt') === 'media');
}

async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const resourceAt = body.indexOf('\r\n\r\n') + 4;
  const resourceEnd = body.indexOf('\r\n--', resourceAt);
  const { name, metadata = {} } = JSON.parse(body.toString('utf8', resourceAt, resourceEnd)) as Upload;
  count('create', name);
  const content = body.subarray(body.indexOf('\r\n\r\n', resourceEnd) + 4, body.lastIndexOf('\r\n--'));
  const crc = content.length === 0 ? 0 : crc32c(content);
  if (objects.has(name)) return send(response, 412);
  store(response, { name, metadata, crc, length: content.length }, Buffer.from(content));
}

async function putPiece(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
  const upload = uploads.get(id);
  if (upload === undefined) return send(response, 404);
  count('pieces', upload.name);
  upload.latest = request;
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(request.headers['content-range']!)!;
  const isNext = from !== undefined && Number(from) === upload.length;
  for await (const part of request as AsyncIterable<Buffer>) {
    if (!isNext || upload.latest !== request) continue;
    upload.crc = crc32c(part, upload.crc);
    upload.length += part.length;
  }
  if (Number(total) !== upload.length) {
    const range = upload.length === 0 ? {} : { range: `bytes=0-${upload.length - 1}` };
    return send(response, 308, undefined, range);
  }
  uploads.delete(id);
  store(response, upload, Buffer.alloc(0));
}

function store(response: ServerResponse, { name, metadata, crc, length }: Upload, bytes: Buffer): void {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc);
  const stored = {
    name,
    metadata,
    generation: String(++generations),
    size: String(length),
    crc32c: checksum.toString('base64'),
    timeCreated: new Date().toISOString(),
    bytes: length <= keptBytesMax ? bytes : Buffer.alloc(0),
  };
  objects.set(name, stored);
  send(response, 200, shown(stored));
}

async function read(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  isContent: boolean,
): Promise<void> {
  count(isContent ? 'read' : 'facts', name);
  const found = objects.get(name);
  if (found === undefined) return send(response, 404);
  if (!isContent) return send(response, 200, shown(found));
  const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const bytes = found.bytes.subarray(Number(from), to === '' ? undefined : Number(to) + 1);
  response.writeHead(206, { 'content-length': bytes.length });
  response.end(bytes);
}

/** Requests about the index and the claim are not counted. */
function count(kind: keyof typeof counts, name: string): void {
  if (name.includes('/blobs/')) counts[kind]++;
}

function shown({ bytes: _, ...facts }: Stored) {
  return facts;
}

function send(
  response: ServerResponse,
  status: number,
  value?: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(value === undefined ? '' : JSON.stringify(value));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
}
