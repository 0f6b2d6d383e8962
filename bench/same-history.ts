/**
 * Makes the same calls to two checkouts, each on an empty store, one call after another, and compares the answers:
 *
 *     node bench/same-history.ts CHECKOUT_A CHECKOUT_B [--count N] [--seed N]
 *
 * The calls change the store and ask about it, over gRPC, Connect, JSON and plain HTTP. Ids are compared by the order in
 * which they were first given; times, etags, page tokens and secrets by whether an answer has them. Contents are compared
 * by their hash.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type DescMessage, type DescMethod, type Message, toJson } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ArtifactService } from '../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../gen/artifacta/v1/session_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { freePorts } from '../scripts/free-ports.ts';
import { history, type PlainCall, type RpcCall } from './harness/history.ts';
import { ServerProcess } from './harness/processes.ts';
import { Random } from './stores/random.ts';

const services = { ArtifactService, SessionService } as const;
/** No listing is followed further. */
const pagesMax = 3;
const timeoutMs = 60_000;
/** Of answers over plain HTTP. The length of a JSON text follows its times. */
const seenFields = ['content-type', 'content-range', 'content-digest', 'repr-digest', 'location'];

type Client = Readonly<Record<string, (request: unknown, options: object) => unknown>>;

/** A service of one checkout, and what its answers gave. */
class Side implements AsyncDisposable {
  private readonly directory: string;
  private readonly server: ServerProcess;
  private readonly sessions: Http2SessionManager;
  private readonly transports: Readonly<Record<RpcCall['way'], Transport>>;
  /** Of each kind, by its prefix, in the order in which answers first had them. */
  private readonly ids = new Map<string, string[]>();
  /** By the id of an artifact, or the name of a session. */
  private readonly etags = new Map<string, string>();

  private constructor(directory: string, server: ServerProcess) {
    this.directory = directory;
    this.server = server;
    this.sessions = new Http2SessionManager(`http://${server.address}`);
    const http = { baseUrl: `http://${server.httpAddress}`, httpVersion: '1.1' } as const;
    this.transports = {
      grpc: createGrpcTransport({ baseUrl: `http://${server.address}`, sessionManager: this.sessions }),
      connect: createConnectTransport({ ...http, useBinaryFormat: true }),
      json: createConnectTransport({ ...http, useBinaryFormat: false }),
    };
  }

  static async start(checkout: string): Promise<Side> {
    const directory = mkdtempSync(join(tmpdir(), 'artifacta-same-'));
    const program = join(resolve(checkout), 'bin/artifacta');
    const args = ['serve', '--data-dir', join(directory, 'data'), ...freePorts];
    return new Side(directory, await ServerProcess.start(program, args));
  }

  /** Returns what can be compared of the answers to this call. */
  async answersTo(call: RpcCall | PlainCall): Promise<string> {
    return 'service' in call ? await this.rpc(call) : await this.plain(call);
  }

  private async plain({ method, path, headers, body }: PlainCall): Promise<string> {
    const response = await fetch(`http://${this.server.httpAddress}${this.own(path)}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    const isContent = method === 'GET' && response.ok;
    const fields = seenFields.map((field) => `${field}: ${response.headers.get(field)}`);
    return this.comparable([
      {
        status: response.status,
        fields,
        content: isContent ? hashOf(bytes) : isJson ? JSON.parse(`${bytes}`) : `${bytes}`,
      },
    ]);
  }

  private async rpc({ service, method, way, messages }: RpcCall): Promise<string> {
    const description: DescMethod = services[service].methods.find((one) => one.name === method)!;
    const client = createClient(services[service], this.transports[way]) as unknown as Client;
    const own = messages.map((message) => this.ownOf(message));
    const answers: unknown[] = [];
    let pageToken = '';
    for (let page = 0; page < pagesMax; page++) {
      const asked = pageToken === '' ? own[0]! : { ...own[0]!, pageToken };
      const request = description.methodKind === 'client_streaming' ? streamed(own) : asked;
      try {
        const answer = client[description.localName]!(request, { timeoutMs });
        const parts = await (isStream(answer)
          ? Array.fromAsync(answer)
          : Promise.all([answer as Promise<Message>]));
        answers.push(...partsOf(description.output, parts));
        pageToken = (parts[0] as { nextPageToken?: string } | undefined)?.nextPageToken ?? '';
      } catch (error) {
        answers.push(errorOf(error));
        pageToken = '';
      }
      if (pageToken === '') break;
    }
    return this.comparable(answers);
  }

  /** Replaces what stands for earlier answers, in all texts. */
  private ownOf<T>(value: T): T {
    if (typeof value === 'string') return this.own(value) as T;
    if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((one) => this.ownOf(one)) as T;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.ownOf(one)])) as T;
  }

  private own(text: string): string {
    return text
      .replaceAll(/<(artifact|link) (\d+)>/g, (_, kind, n) =>
        this.idAt(kind === 'link' ? 'lnk' : 'art', Number(n)),
      )
      .replaceAll(/<etag (\d+)>/g, (_, n) => this.etags.get(this.idAt('art', Number(n))) ?? '')
      .replaceAll(/<etag of (\S+)>/g, (_, session) => this.etags.get(session) ?? '');
  }

  private idAt(kind: string, n: number): string {
    const ids = this.ids.get(kind) ?? [];
    return ids[n % ids.length] ?? `${kind}_01jzzzzzzzezzvzzzzzzzzzzzz`;
  }

  /** Notes ids and etags, and leaves out what may differ. */
  private comparable(answers: readonly unknown[]): string {
    const shown = JSON.stringify(answers, (key, value) => {
      // Links are listed in the order of their ids, which are random.
      if (key === 'shareLinks') return value.toSorted(byCreateTime);
      // The bytes of a detail have ids, too; its fields are shown.
      if (value?.debug !== undefined) return { type: value.type, debug: value.debug };
      if (typeof value?.etag === 'string' && typeof value.id === 'string')
        this.etags.set(value.id, value.etag);
      if (['etag', 'nextPageToken', 'nextCursor', 'token', 'path', 'url', 'localUrl'].includes(key))
        return typeof value === 'string' ? value !== '' : value;
      return value;
    });
    return shown
      .replaceAll(
        /\b([a-z]{3})_(?:[0-9a-hjkmnp-tv-z]{26}\b|[\w-]{43})/g,
        (id, kind) => `${kind} ${this.ordinal(kind, id)}`,
      )
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');
  }

  private ordinal(kind: string, id: string): number {
    const ids = this.ids.get(kind) ?? [];
    if (ids.length === 0) this.ids.set(kind, ids);
    const at = ids.indexOf(id);
    return at < 0 ? ids.push(id) - 1 : at;
  }

  /** How many ids of each kind it gave. */
  get given(): string {
    return JSON.stringify(Object.fromEntries([...this.ids].map(([kind, ids]) => [kind, ids.length])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sessions.abort();
    await this.server[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function byCreateTime(a: { createTime: string }, b: { createTime: string }): number {
  return a.createTime < b.createTime ? -1 : 1;
}

async function* streamed(messages: readonly object[]): AsyncIterable<object> {
  yield* messages;
}

function isStream(answer: unknown): answer is AsyncIterable<Message> {
  return typeof (answer as AsyncIterable<Message>)[Symbol.asyncIterator] === 'function';
}

/** Returns the messages in JSON; the chunks of a content together, since where it is cut may differ. */
function partsOf(schema: DescMessage, messages: readonly Message[]): unknown[] {
  const chunks: Uint8Array[] = [];
  const others: unknown[] = [];
  for (const message of messages) {
    const { part, chunk } = message as { part?: { case?: string; value?: Uint8Array }; chunk?: Uint8Array };
    if (part?.case === 'chunk') chunks.push(part.value!);
    else if (chunk !== undefined) chunks.push(chunk);
    else others.push(toJson(schema, message));
  }
  if (chunks.length === 0) return others;
  const bytes = Buffer.concat(chunks);
  // A manifest has ids and times.
  return [...others, schema.typeName.includes('Manifest') ? JSON.parse(`${bytes}`) : hashOf(bytes)];
}

function hashOf(bytes: Buffer): string {
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`;
}

function errorOf(error: unknown): unknown {
  const failure = ConnectError.from(error);
  return {
    code: Code[failure.code],
    message: failure.rawMessage,
    details: failure.details.length,
    info: failure.findDetails(ErrorInfoSchema).map((one) => toJson(ErrorInfoSchema, one)),
    fields: failure.findDetails(BadRequestSchema).map((one) => toJson(BadRequestSchema, one)),
  };
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const [checkoutA, checkoutB] = positionals;
if (checkoutA === undefined || checkoutB === undefined)
  throw new Error('usage: node bench/same-history.ts CHECKOUT_A CHECKOUT_B [--count N] [--seed N]');
// Ends the services, too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(2));
await using sideA = await Side.start(checkoutA);
await using sideB = await Side.start(checkoutB);
const counts: Record<string, number> = {};
const different: string[] = [];
for (const call of history(new Random(options.seed, 'history'), Number(options.count))) {
  const [a, b] = await Promise.all([sideA.answersTo(call), sideB.answersTo(call)]);
  const name = `${call.method}${a.includes('"code":') || /"status":[45]/.test(a) ? ', refused' : ''}`;
  counts[name] = (counts[name] ?? 0) + 1;
  if (a !== b)
    different.push(
      `${JSON.stringify(call, shortened).slice(0, 600)}\n  A ${around(a, b)}\n  B ${around(b, a)}`,
    );
}
console.log(JSON.stringify(counts));
console.log(`ids given: ${sideA.given} and ${sideB.given}`);
for (const one of different.slice(0, 10)) console.log(`differs: ${one}`);
console.log(`${different.length} of ${options.count} answers differ`);
process.exitCode = different.length === 0 ? 0 : 1;

function shortened(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  return value instanceof Uint8Array || (value as { type?: string })?.type === 'Buffer' ? 'bytes' : value;
}

/** Returns the place where this text begins to differ from the other. */
function around(text: string, other: string): string {
  const at = [...text].findIndex((character, index) => character !== other[index]);
  return text.slice(Math.max(0, at - 150), at + 250);
}
