/**
 * A small Google Cloud Storage over HTTP, with the requests that the program uses. It enforces preconditions and
 * generations on create, read and delete, keeps uploads in pieces, lists by page, and fails on command.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeBuckets, type FakeObject, Refused } from './bucket.ts';
import { type Account, checkSigned } from './signed.ts';

/** The kinds of requests, as the service tells them apart. */
export type Kind =
  | 'bucket'
  | 'create'
  | 'begin'
  | 'put'
  | 'progress'
  | 'cancel'
  | 'facts'
  | 'read'
  | 'signed'
  | 'delete'
  | 'list';

/** What goes wrong with a request. */
export type Fault =
  | {
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly retryAfter?: number;
    }
  /** The connection ends before anything is done. */
  | 'reset'
  /** Everything is done, and the answer is lost. */
  | 'lost answer'
  /** No answer comes, and nothing is done. */
  | 'stall'
  /** Everything is done, and no answer comes. */
  | 'done, stall'
  /** Nothing is done before {@link FakeGcs.release}. */
  | 'late'
  /** Of a content, only this many bytes come, and then the connection ends, or nothing more comes. */
  | { readonly cutAfter: number; readonly end?: 'reset' | 'stall' }
  /** A byte of the content is another one. */
  | 'corrupt'
  /** Only this many bytes of a piece are kept, and the answer says so. */
  | { readonly keeps: number };

interface Planned {
  readonly kind: Kind;
  readonly fault: Fault;
  /** Requests of the kind that are answered first. */
  skipped: number;
  left: number;
}

/** One request that came. */
interface Seen {
  readonly kind: Kind;
  readonly name: string;
  /** It names the generation that it is about, or makes an object only where none is. */
  readonly isGuarded: boolean;
}

export class FakeGcs implements AsyncDisposable {
  readonly buckets = new FakeBuckets();
  readonly seen: Seen[] = [];
  /** Only this bearer is accepted; undefined: anyone. */
  token: string | undefined;
  /** The account whose signed URLs are accepted. Undefined: none. */
  account: Account | undefined;
  /** The headers of the signed reads that came, oldest first. */
  readonly signedHeads: IncomingMessage['headers'][] = [];
  /** The headers of the requests with pieces of uploads, oldest first. */
  readonly putHeads: IncomingMessage['headers'][] = [];
  /** The kinds of requests that are answered 403. */
  readonly forbidden = new Set<Kind>();
  /** Every request fails in this way. True: 503. */
  isDown: boolean | Extract<Fault, 'reset' | 'stall'> = false;
  /** Called when a planned fault has been met: just before it begins, or, for `done, stall`, when everything is done. */
  onFault: (kind: Kind) => void = () => undefined;
  private late = Promise.withResolvers<void>();
  private readonly planned: Planned[] = [];
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async open(bucket = 'bucket'): Promise<FakeGcs> {
    const server = createServer();
    const fake = new FakeGcs(server);
    fake.buckets.buckets.set(bucket, new Map());
    server.on('request', (request, response) => void fake.answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Lets the next requests of a kind fail, or those after some others. */
  fail(kind: Kind, fault: Fault, times = 1, skipped = 0): void {
    this.planned.push({ kind, fault, left: times, skipped });
  }

  /** Goes on with requests that were late. Later ones wait for the next call. */
  release(): void {
    this.late.resolve();
    this.late = Promise.withResolvers();
  }

  /** The number of requests of a kind. */
  count(kind: Kind): number {
    return this.seen.filter((one) => one.kind === kind).length;
  }

  object(name: string, bucket = 'bucket'): FakeObject | undefined {
    return this.buckets.bucket(bucket).get(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    const url = new URL(request.url!, 'http://fake');
    const kind = kindOf(request.method!, url, request.headers['content-range']);
    const isGuarded = url.searchParams.has(
      kind === 'create' || kind === 'begin' ? 'ifGenerationMatch' : 'generation',
    );
    this.seen.push({ kind, name: nameOf(url), isGuarded });
    if (kind === 'signed') this.signedHeads.push(request.headers);
    if (kind === 'put') this.putHeads.push(request.headers);
    const fault = this.fault(kind);
    if (fault !== undefined && !isToldLater(fault)) this.onFault(kind);
    try {
      if (fault === 'reset' || this.isDown === 'reset') return void request.socket.destroy();
      if (fault === 'stall') this.onFault(kind);
      if (fault === 'stall' || this.isDown === 'stall') return;
      const body = await bodyOf(request);
      if (fault === 'late') await this.untilReleased(kind);
      this.requireAllowed(kind, request.headers.authorization);
      if (typeof fault === 'object' && 'status' in fault) {
        if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
        throw new Refused(fault.status, fault.reason ?? 'backendError', fault.message);
      }
      this.perform({ kind, url, request, body, fault, host: request.headers.host! }, response);
    } catch (error) {
      // A refusal is an answer, too.
      if (error instanceof Refused && fault === 'done, stall') this.onFault(kind);
      else if (error instanceof Refused && fault !== 'lost answer') sendError(response, error);
      else request.socket.destroy();
    }
  }

  private async untilReleased(kind: Kind): Promise<void> {
    this.onFault(kind);
    await this.late.promise;
  }

  private fault(kind: Kind): Fault | undefined {
    const planned = this.planned.find((one) => one.kind === kind && one.left > 0);
    if (planned === undefined || planned.skipped-- > 0) return undefined;
    planned.left--;
    return planned.fault;
  }

  private requireAllowed(kind: Kind, authorization: string | undefined): void {
    if (this.isDown)
      throw new Refused(503, 'backendError', 'We encountered an internal error. Please try again.');
    const isNeeded = this.token !== undefined && kind !== 'signed';
    const isByUrl = authorization === undefined && toSession.has(kind);
    if (isNeeded && !isByUrl && authorization !== `Bearer ${this.token}`)
      throw new Refused(401, 'authError', 'Invalid Credentials');
    if (this.forbidden.has(kind))
      throw new Refused(403, 'forbidden', 'the account does not have the permission for the object');
  }

  private perform(call: Performed, response: ServerResponse): void {
    const { kind, url, body, fault } = call;
    const bucket = bucketOf(url);
    const query = (name: string) => url.searchParams.get(name) ?? undefined;
    const generation = query('generation');
    const ifGenerationMatch = query('ifGenerationMatch');
    const send = (status: number, value: unknown, headers: Record<string, string> = {}) => {
      if (fault === 'lost answer') return void call.request.socket.destroy();
      if (fault === 'done, stall') return this.onFault(kind);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(value === undefined ? '' : JSON.stringify(value));
    };
    switch (kind) {
      case 'bucket':
        this.buckets.bucket(bucket);
        if (this.buckets.settings === undefined)
          throw new Refused(403, 'forbidden', 'the account does not have storage.buckets.get access');
        send(200, this.buckets.settings);
        break;
      case 'create': {
        const { resource, content } = partsOf(call.request.headers['content-type']!, body);
        if (fault === 'corrupt') content[0]! ^= 1;
        const { name, metadata = {}, crc32c } = resource;
        const conditions = { ifGenerationMatch, ...(fault === 'corrupt' ? {} : { crc32c }) };
        send(200, resourceOf(this.buckets.put(bucket, { name, metadata, bytes: content }, conditions)));
        break;
      }
      case 'begin': {
        const id = this.begin(call, { bucket, name: query('name')!, ifGenerationMatch });
        const location = `http://${call.host}/upload/storage/v1/b/${bucket}/o?uploadType=resumable&upload_id=${id}`;
        send(200, undefined, { location });
        break;
      }
      case 'put':
      case 'progress':
        this.put(call, send);
        break;
      case 'cancel':
        this.buckets.session(query('upload_id')!);
        this.buckets.sessions.delete(query('upload_id')!);
        send(499, undefined);
        break;
      case 'facts':
        send(200, resourceOf(this.buckets.get(bucket, nameOf(url), generation)));
        break;
      case 'read':
        this.read(call, this.buckets.get(bucket, nameOf(url), generation), response);
        break;
      case 'signed': {
        const signed = checkSigned(call.request, this.account, this.buckets.now());
        const object = this.buckets.get(signed.bucket, signed.name, signed.generation);
        const { 'if-match': match } = call.request.headers;
        if (match !== undefined && match !== `"${object.generation}"`)
          throw new Refused(412, 'conditionNotMet');
        this.read(call, object, response, signed.headers);
        break;
      }
      case 'delete':
        this.buckets.delete(bucket, nameOf(url), { generation, ifGenerationMatch });
        send(204, undefined);
        break;
      case 'list': {
        const most = Number(query('maxResults') ?? '1000');
        const { items, next } = this.buckets.list(bucket, query('prefix') ?? '', most, query('pageToken'));
        send(200, { items: items.map(resourceOf), ...(next && { nextPageToken: next }) });
        break;
      }
    }
  }

  private begin(
    { body, request }: Performed,
    named: Pick<Parameters<FakeBuckets['begin']>[0], 'bucket' | 'name' | 'ifGenerationMatch'>,
  ): string {
    const { metadata = {} } = JSON.parse(body.toString()) as { metadata?: Record<string, string> };
    const stated = request.headers['x-upload-content-length'];
    return this.buckets.begin({
      ...named,
      metadata,
      sizeBytes: stated === undefined ? undefined : Number(stated),
    });
  }

  private put(
    { url, request, body, fault }: Performed,
    send: (...args: [number, unknown, Record<string, string>?]) => void,
  ) {
    const session = this.buckets.session(url.searchParams.get('upload_id')!);
    const [, from, , all] =
      /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(request.headers['content-range'] ?? '') ?? [];
    const total = all === undefined || all === '*' ? undefined : Number(all);
    if (from !== undefined) {
      if (fault === 'corrupt') body[0]! ^= 1;
      const kept = typeof fault === 'object' && 'keeps' in fault ? body.subarray(0, fault.keeps) : body;
      this.buckets.append(session, Number(from), kept, total);
    }
    if (session.done !== undefined) return send(200, resourceOf(session.done));
    send(308, undefined, session.length === 0 ? {} : { range: `bytes=0-${session.length - 1}` });
  }

  private read(
    { request, fault }: Performed,
    { bytes, generation }: FakeObject,
    response: ServerResponse,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? 'bytes=0-') ?? [];
    const offset = Number(from);
    const end = to === '' ? bytes.length : Math.min(bytes.length, Number(to) + 1);
    if (offset >= bytes.length && request.headers.range !== undefined)
      throw new Refused(416, 'requestedRangeNotSatisfiable');
    const content = Buffer.from(bytes.subarray(offset, end));
    if (fault === 'corrupt') content[Math.floor(content.length / 2)]! ^= 1;
    if (fault === 'lost answer') return void request.socket.destroy();
    if (fault === 'done, stall') return void this.onFault('read');
    const isWhole = request.headers.range === undefined;
    response.writeHead(isWhole ? 200 : 206, {
      'content-length': content.length,
      ...(!isWhole && { 'content-range': `bytes ${offset}-${end - 1}/${bytes.length}` }),
      'x-goog-generation': generation,
      ...headers,
    });
    if (typeof fault !== 'object' || !('cutAfter' in fault)) return void response.end(content);
    response.write(content.subarray(0, fault.cutAfter), () => {
      if (fault.end !== 'stall') request.socket.destroy();
    });
  }
}

/** The kinds of requests to the session of an upload. Its URL is a credential; wrong ones beside it are refused. */
const toSession: ReadonlySet<Kind> = new Set(['put', 'progress', 'cancel']);

/** Of these the caller is told when they have begun, or when everything is done. */
function isToldLater(fault: Fault): boolean {
  return fault === 'stall' || fault === 'done, stall' || fault === 'late';
}

interface Performed {
  readonly kind: Kind;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly fault: Fault | undefined;
  readonly host: string;
}

function kindOf(method: string, url: URL, range: string | undefined): Kind {
  const isUpload = url.pathname.startsWith('/upload/');
  if (!isUpload && !url.pathname.startsWith('/storage/')) return 'signed';
  if (isUpload && method === 'POST')
    return url.searchParams.get('uploadType') === 'resumable' ? 'begin' : 'create';
  if (isUpload && method === 'DELETE') return 'cancel';
  if (isUpload) return range?.startsWith('bytes */') ? 'progress' : 'put';
  if (method === 'DELETE') return 'delete';
  if (/\/o$/.test(url.pathname)) return 'list';
  if (/\/b\/[^/]+$/.test(url.pathname)) return 'bucket';
  return url.searchParams.get('alt') === 'media' ? 'read' : 'facts';
}

function bucketOf(url: URL): string {
  return /\/b\/([^/]+)/.exec(url.pathname)?.[1] ?? '';
}

function nameOf(url: URL): string {
  return decodeURIComponent(/\/o\/(.+)$/.exec(url.pathname)?.[1] ?? '');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Takes the two parts of a create apart. */
function partsOf(contentType: string, body: Buffer) {
  const boundary = /boundary=([^;]+)/.exec(contentType)![1]!;
  const headEnd = body.indexOf('\r\n\r\n');
  const resourceEnd = body.indexOf(`\r\n--${boundary}`, headEnd);
  const contentStart = body.indexOf('\r\n\r\n', resourceEnd) + 4;
  const contentEnd = body.length - `\r\n--${boundary}--\r\n`.length;
  const resource = JSON.parse(body.subarray(headEnd + 4, resourceEnd).toString()) as {
    name: string;
    crc32c?: string;
    metadata?: Record<string, string>;
  };
  return { resource, content: Buffer.from(body.subarray(contentStart, contentEnd)) };
}

function resourceOf({ name, generation, bytes, metadata, timeCreated, crc32c }: FakeObject) {
  return { name, generation, size: String(bytes.length), crc32c, timeCreated, metadata };
}

function sendError(response: ServerResponse, { status, reason, message }: Refused): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } }));
}
