/**
 * Asks two checkouts the same questions over copies of one generated store, and compares the answers byte by byte:
 *
 *     node bench/same-answers.ts DATA_DIR CHECKOUT_A CHECKOUT_B [--count N] [--seed N]
 *
 * Only page tokens may differ, and what explanations say of how a call read. A page that ends early because the budget of
 * its call is spent may end elsewhere: then the items of the whole listing are compared.
 */
import { Buffer } from 'node:buffer';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { create, fromBinary, toBinary, toJsonString } from '@bufbuild/protobuf';
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { ListArtifactsResponseSchema } from '../gen/artifacta/v1/artifact_service_pb.ts';
import { QueryExplanationSchema } from '../gen/artifacta/v1/query_pb.ts';
import { freePorts } from '../scripts/free-ports.ts';
import { frame } from './harness/frames.ts';
import { ServerProcess } from './harness/processes.ts';
import { type Question, questions, questionsAbout } from './harness/questions.ts';
import { RawClient } from './harness/raw-client.ts';
import { Random } from './stores/random.ts';

/** No listing is followed further; and no listing whose pages end elsewhere. */
const pagesMax = 4;
const longMax = 400;
/** Every so many questions are asked by the other transports, too. */
const othersEvery = 5;

/** The items are in field 1 of every listing, the token in field 2, and an explanation in field 3. */
const fields = { items: 1, token: 2, explanation: 3 } as const;

const paged: ReadonlySet<string> = new Set(['ListArtifacts', 'ListSessions', 'ListLineage']);

interface Answer {
  readonly body: Buffer;
  /** Empty at the end, and for an error. */
  readonly token: string;
  readonly items: readonly Buffer[];
}

type Way = 'grpc' | 'connect' | 'json';

/** A service of one checkout on a copy of the store. */
class Side implements AsyncDisposable {
  private readonly directory: string;
  private readonly server: ServerProcess;
  private readonly client: RawClient;

  private constructor(directory: string, server: ServerProcess, client: RawClient) {
    this.directory = directory;
    this.server = server;
    this.client = client;
  }

  static async start(dataDir: string, checkout: string): Promise<Side> {
    const directory = mkdtempSync(join(tmpdir(), 'artifacta-same-'));
    const data = join(directory, 'data');
    cpSync(dataDir, data, { recursive: true, filter: (path) => path !== join(dataDir, 'run') });
    const program = join(resolve(checkout), 'bin/artifacta');
    const server = await ServerProcess.start(program, ['serve', '--data-dir', data, ...freePorts]);
    return new Side(directory, server, await RawClient.connect(server.address));
  }

  async ask(question: Question, pageToken: string, way: Way): Promise<Answer> {
    const { service, method, schema } = question;
    const request = pageToken === '' ? question.request : { ...question.request, pageToken };
    const path = `/artifacta.v1.${service}/${method}`;
    if (way !== 'grpc') {
      const message = create(schema, request);
      const [type, body] =
        way === 'json'
          ? ['application/json', toJsonString(schema, message)]
          : ['application/proto', toBinary(schema, message) as Uint8Array<ArrayBuffer>];
      return await this.post(path, type, body, way);
    }
    const parts: Buffer[] = [];
    try {
      await this.client.download(path, frame(schema, request), (part) => parts.push(part));
    } catch (error) {
      return { body: Buffer.from(String(error)), token: '', items: [] };
    }
    return answerOf(Buffer.concat(parts).subarray(5), method);
  }

  private async post(
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    way: Way,
  ): Promise<Answer> {
    const response = await fetch(`http://${this.server.httpAddress}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, 'connect-protocol-version': '1' },
      body,
      signal: AbortSignal.timeout(60_000),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (way === 'connect' && response.ok) return answerOf(bytes, path.split('/').at(-1)!);
    return { body: Buffer.from(`${response.status}: ${comparable(bytes.toString())}`), token: '', items: [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Takes an answer apart, and the token and the figures of what was read out of it. */
function answerOf(message: Buffer, method: string): Answer {
  if (!paged.has(method)) return { body: message, token: '', items: [] };
  const reader = new BinaryReader(message);
  const parts: Buffer[] = [];
  const items: Buffer[] = [];
  let token = '';
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag() as [number, WireType];
    const from = reader.pos;
    reader.skip(wireType, number);
    const part = message.subarray(start, reader.pos);
    const value = () => Buffer.from(new BinaryReader(message.subarray(from, reader.pos)).bytes());
    if (number === fields.token) token = value().toString();
    else if (number === fields.explanation && method !== 'ListLineage')
      parts.push(Buffer.from(meaningOf(fromBinary(QueryExplanationSchema, value()))));
    else parts.push(part);
    if (number === fields.items) items.push(part);
  }
  return { body: Buffer.concat(parts), token, items };
}

/** Returns the parts of an explanation that do not say how the call read. */
function meaningOf({
  filter,
  budget,
}: {
  readonly filter?: string;
  readonly budget?: bigint | string;
}): string {
  // The meaning of `now`.
  return JSON.stringify([
    (filter ?? '').replaceAll(/"19\d\d-[^"]*"|19\d\d-[0-9T:.-]+Z/g, 'now'),
    String(budget),
  ]);
}

/** Returns an answer in JSON without what may differ. */
function comparable(json: string): string {
  return JSON.stringify(JSON.parse(json), (name, value) => {
    if (name === 'nextPageToken') return value !== '';
    return name === 'explanation' ? meaningOf(value) : value;
  });
}

/** Counts what was compared, and keeps what differed. */
class Comparison {
  readonly counts = { questions: 0, answers: 0, items: 0, errors: 0, 'pages that ended elsewhere': 0 };
  readonly different: string[] = [];
  private readonly sides: readonly [Side, Side];

  constructor(sides: readonly [Side, Side]) {
    this.sides = sides;
  }

  /**
   * Asks both sides, and follows the pages. Returns the answer to the first; undefined if pages ended elsewhere, so that
   * they cannot be compared one by one.
   */
  async compare(question: Question, way: Way): Promise<Answer | undefined> {
    this.counts.questions++;
    let first: Answer | undefined;
    let tokens: readonly [string, string] = ['', ''];
    for (let page = 1; page <= (way === 'grpc' ? pagesMax : 1); page++) {
      const [a, b] = await this.both(question, tokens, way);
      first ??= a;
      this.counts.answers++;
      this.counts.items += a.items.length;
      if (a.body.toString().startsWith('Error')) this.counts.errors++;
      if (!a.body.equals(b.body) || (a.token === '') !== (b.token === '')) {
        const ended = await this.endedElsewhere(question, a, b);
        if (ended) {
          this.counts['pages that ended elsewhere']++;
          return undefined;
        }
        this.different.push(`${way}, page ${page}: ${question.method} ${JSON.stringify(question.request)}`);
        return first;
      }
      if (a.token === '') return first;
      tokens = [a.token, b.token];
    }
    return first!;
  }

  private async both(
    question: Question,
    tokens: readonly [string, string],
    way: Way,
  ): Promise<[Answer, Answer]> {
    const [a, b] = this.sides;
    return [await a.ask(question, tokens[0], way), await b.ask(question, tokens[1], way)];
  }

  /** Whether both go on, and the items of the whole listings from here on are the same. */
  private async endedElsewhere(question: Question, a: Answer, b: Answer): Promise<boolean> {
    if (a.token === '' && b.token === '') return false;
    const [ofA, ofB] = [await this.all(0, question, a), await this.all(1, question, b)];
    return ofA !== undefined && ofB !== undefined && Buffer.concat(ofA).equals(Buffer.concat(ofB));
  }

  private async all(side: 0 | 1, question: Question, first: Answer): Promise<Buffer[] | undefined> {
    const items = [...first.items];
    let { token } = first;
    for (let page = 0; token !== ''; page++) {
      if (page === longMax) return undefined;
      const next = await this.sides[side].ask(question, token, 'grpc');
      items.push(...next.items);
      token = next.token;
    }
    return items;
  }
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '3000' }, seed: { type: 'string', default: '1' } },
});
const [dataDir, checkoutA, checkoutB] = positionals;
if (dataDir === undefined || checkoutA === undefined || checkoutB === undefined)
  throw new Error('usage: node bench/same-answers.ts DATA_DIR CHECKOUT_A CHECKOUT_B [--count N] [--seed N]');
// Ends the services, too.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(2));
await using sideA = await Side.start(dataDir, checkoutA);
await using sideB = await Side.start(dataDir, checkoutB);
const random = new Random(options.seed, 'questions');
const comparison = new Comparison([sideA, sideB]);
let at = 0;
for (const question of questions(random, Number(options.count))) {
  const answer = await comparison.compare(question, 'grpc');
  if (at++ % othersEvery !== 0 || answer === undefined) continue;
  for (const way of ['connect', 'json'] as const) await comparison.compare(question, way);
  if (question.method !== 'ListArtifacts') continue;
  const { artifacts } = fromBinary(ListArtifactsResponseSchema, Buffer.concat(answer.items));
  const ids = artifacts.map(({ id }) => id);
  for (const about of questionsAbout(random, ids))
    for (const way of ['grpc', 'connect', 'json'] as const) await comparison.compare(about, way);
}
console.log(JSON.stringify(comparison.counts));
for (const one of comparison.different.slice(0, 20)) console.log(`differs: ${one}`);
console.log(`${comparison.different.length} answers differ`);
process.exitCode = comparison.different.length === 0 ? 0 : 1;
