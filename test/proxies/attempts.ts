/** What is tried through a proxy. Each attempt throws if it does not come out as it must. */
import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createClient } from '@connectrpc/connect';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import type { WatchSessionResponse } from '../../gen/artifacta/v1/watch_pb.ts';
import { ArtifactaClient } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { openEndpoint } from '../../src/client/wire/endpoint.ts';
import { withCredentials } from '../../src/client/wire/headers.ts';
import { stagedFiles } from '../faults/checker.ts';
import { bytesOf } from '../faults/seeded.ts';
import type { Service } from '../faults/service.ts';
import type { Way } from './nginx.ts';

/** What attempts work with. */
export interface Through extends AsyncDisposable {
  readonly way: Way;
  readonly service: Service;
  readonly client: ArtifactaClient;
  readonly watches: ReturnType<typeof createClient<typeof SessionService>>;
  /** Why calls of the client were repeated: none has to be. */
  readonly repeated: readonly string[];
  /** A name that no other way uses. */
  readonly session: (name: string) => string;
}

/** A client of the service through one way of the proxy. */
export async function through(way: Way, service: Service): Promise<Through> {
  const endpoint = await openEndpoint(`${way.protocol}://127.0.0.1:${way.port}`);
  const repeated: string[] = [];
  const beforeRetry = async ({ message }: ArtifactaError) => repeated.push(message) === 0;
  const client = new ArtifactaClient(endpoint, { token: service.key, retry: { beforeRetry } });
  return {
    way,
    service,
    client,
    repeated,
    watches: createClient(SessionService, withCredentials(endpoint.transport, { token: service.key })),
    session: (name) => `${name}-${way.port}`,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** One thing to try. */
export interface Attempt {
  readonly name: string;
  readonly run: (through: Through) => Promise<void>;
  /** Default: on all ways. */
  readonly isFor?: (way: Way) => boolean;
  /** It waits most of the time, and is tried on all ways at once. */
  readonly isSilent?: true;
}

const mebibyte = 1024 * 1024;
/** Less than nginx takes without a setting, more than is kept in the index or sent in one message. */
const fewBytes = 900 * 1024;
const manyBytes = 50 * mebibyte;
const isHttp = ({ protocol }: Way) => protocol === 'http';
const isTuned = (way: Way) => way.isTuned;

export const attempts: readonly Attempt[] = [
  {
    name: 'a small push, a list, a download',
    run: async ({ client, session }) => {
      await client.push('hello\n', { session: session('small'), name: 'a.txt' });
      const listed = await Array.fromAsync(client.query({ session: session('small') }), ({ name }) => name);
      assert.deepEqual(listed, ['a.txt']);
      const download = await client.open({ session: session('small'), name: 'a.txt' });
      assert.equal(await download.text(), 'hello\n');
    },
  },
  {
    name: '50 MB there and back',
    isFor: isTuned,
    run: async ({ client, session }) => {
      const bytes = bytesOf(1, manyBytes);
      await client.push(bytes, { session: session('large'), name: 'a.bin', requestId: session('large') });
      const download = await client.open({ session: session('large'), name: 'a.bin' });
      assert.ok(Buffer.from(await download.bytes()).equals(bytes));
    },
  },
  {
    name: '50 MB by PUT and GET',
    isFor: (way) => isTuned(way) && isHttp(way),
    run: async (on) => {
      const bytes = bytesOf(2, manyBytes);
      assert.equal((await put(on, 'put-large', bytes)).status, 201);
      const { status, body } = await get(on, 'put-large');
      assert.equal(status, 200);
      assert.ok(body.equals(bytes));
    },
  },
  {
    name: 'more than the proxy takes is refused by it, in a sentence',
    isFor: (way) => !way.isTuned,
    run: async ({ client, session }) => {
      const error = await failure(
        client.push(bytesOf(3, manyBytes), { session: session('refused'), name: 'a' }),
      );
      assert.equal(error.reason, undefined);
      assert.match(error.message, /413/);
    },
  },
  {
    name: 'a silent watch stays, and tells an event at once',
    isSilent: true,
    run: async ({ client, watches, session }) => {
      await client.sessions.open(session('watched'));
      await using watch = watching(watches.watchSession({ session: session('watched') }));
      // Three are 30 seconds: longer than the proxy waits for an answer in this test.
      for (let heard = 0; heard < 3; heard++) assert.equal(await watch.next(), 'heartbeat');
      await client.push('x', { session: session('watched'), name: 'x' });
      assert.equal(await watch.next(), 'committed');
      await client.sessions.seal(session('watched'), 'succeeded');
      assert.equal(await watch.next(), 'sealed');
      assert.equal(await watch.next(), undefined);
    },
  },
  {
    name: 'an upload that is aborted half way stores nothing',
    run: async (on) => {
      const { client, service, session } = on;
      const half = Promise.withResolvers<void>();
      const abort = new AbortController();
      const source = async function* () {
        yield bytesOf(4, fewBytes / 2);
        half.resolve();
        await new Promise((_, failed) =>
          abort.signal.addEventListener('abort', () => failed(abort.signal.reason)),
        );
      };
      const name = { session: session('aborted'), name: 'a' };
      const pushing = failure(client.push(source(), { ...name, signal: abort.signal }));
      await half.promise;
      if (isStreamed(on.way))
        await eventually(async () => (await stagedFiles(service.dataDir)).length > 0, 'is staged');
      abort.abort();
      await pushing;
      await storesNothing(on, 'aborted');
    },
  },
  {
    name: 'a PUT that is aborted half way stores nothing',
    isFor: isHttp,
    run: async (on) => {
      const request = putRequest(on, 'put-aborted', fewBytes);
      const closed = new Promise((resolve) => request.once('close', resolve).once('error', () => undefined));
      await new Promise((sent) => request.write(bytesOf(5, fewBytes / 2), sent));
      if (isStreamed(on.way))
        await eventually(async () => (await stagedFiles(on.service.dataDir)).length > 0, 'is staged');
      request.destroy();
      await closed;
      await storesNothing(on, 'put-aborted');
    },
  },
  {
    name: 'refusals while uploads run are ours, with their reason, and a call comes through after them',
    run: async ({ client, way, session }) => {
      await client.sessions.open(session('sealed'));
      await client.sessions.seal(session('sealed'), 'succeeded');
      const bytes = bytesOf(6, way.isTuned ? 7 * mebibyte : fewBytes);
      for (let at = 0; at < 40; at++) {
        const error = await failure(client.push(bytes, { session: session('sealed'), name: 'a' }));
        assert.deepEqual([at, error.code, error.reason], [at, 'FAILED_PRECONDITION', 'SESSION_SEALED']);
      }
      assert.equal((await client.sessions.get(session('sealed'))).outcome, 'succeeded');
    },
  },
  {
    name: 'forty uploads that are given up while they run, and forty downloads, hold up nothing',
    run: async ({ client, way, session }) => {
      const bytes = bytesOf(8, way.isTuned ? 7 * mebibyte : fewBytes);
      const name = { session: session('given-up'), name: 'a' };
      await client.push(bytes, name);
      for (let at = 0; at < 40; at++) {
        const abort = new AbortController();
        const onProgress = () => abort.abort();
        const other = { ...name, name: `b${at}`, newVersion: true };
        await failure(client.push(bytes, { ...other, signal: abort.signal, onProgress }));
        await using download = await client.open(name);
        for await (const _ of download) break;
      }
      assert.equal((await client.sessions.get(name.session)).id, name.session);
    },
  },
  {
    name: 'a refusal while a PUT runs is ours, with its reason',
    isFor: isHttp,
    run: async (on) => {
      await on.client.sessions.open(on.session('put-sealed'));
      await on.client.sessions.seal(on.session('put-sealed'), 'succeeded');
      const { status, body } = await put(on, 'put-sealed', bytesOf(7, on.way.isTuned ? manyBytes : fewBytes));
      assert.equal(status, 409);
      assert.match(body.toString(), /SESSION_SEALED/);
    },
  },
  {
    name: 'an error is ours, with its reason',
    run: async (on) => {
      const error = await failure(on.client.sessions.get(on.session('nowhere')));
      assert.deepEqual([error.code, error.reason], ['NOT_FOUND', 'SESSION_NOT_FOUND']);
      if (!isHttp(on.way)) return;
      const { status, body } = await get(on, 'nowhere');
      assert.equal(status, 404);
      assert.equal(JSON.parse(body.toString()).code, 'not_found');
    },
  },
];

/** What is sent reaches the service while it is sent. */
function isStreamed({ protocol, isTuned }: Way): boolean {
  return protocol === 'grpc' || isTuned;
}

async function failure(work: Promise<unknown>): Promise<ArtifactaError> {
  const error = await work.then(
    () => assert.fail('must fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof ArtifactaError) return error;
  if (error instanceof DOMException) return new ArtifactaError(error.message, { code: 'CANCELLED' });
  throw error;
}

function watching(responses: AsyncIterable<WatchSessionResponse>) {
  const iterator = responses[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { done, value } = await iterator.next();
      return done === true ? undefined : value.event.case;
    },
    [Symbol.asyncDispose]: async () => void (await iterator.return?.()),
  };
}

async function storesNothing({ service, client, session }: Through, name: string): Promise<void> {
  await eventually(async () => (await stagedFiles(service.dataDir)).length === 0, 'is no longer staged');
  const error = await failure(client.sessions.get(session(name)));
  assert.equal(error.reason, 'SESSION_NOT_FOUND');
}

async function eventually(probe: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await probe())) {
    assert.ok(performance.now() < deadlineMs, `within 20 s it never ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function putRequest(on: Through, session: string, sizeBytes: number) {
  return openRequest(on, 'PUT', session, { 'content-length': sizeBytes });
}

function openRequest({ way, service, session }: Through, method: string, name: string, headers: object = {}) {
  return httpRequest({
    host: '127.0.0.1',
    port: way.port,
    method,
    path: `/v1/sessions/${session(name)}/artifacts/a`,
    headers: { authorization: `Bearer ${service.key}`, ...headers },
  });
}

async function put(on: Through, session: string, bytes: Uint8Array): Promise<Answer> {
  const request = putRequest(on, session, bytes.length);
  request.end(bytes);
  return await answerTo(request);
}

async function get(on: Through, session: string): Promise<Answer> {
  const request = openRequest(on, 'GET', session);
  request.end();
  return await answerTo(request);
}

async function answerTo(request: ReturnType<typeof httpRequest>): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((answered, failed) => {
    request.once('response', answered).once('error', failed);
  });
  return { status: response.statusCode ?? 0, body: Buffer.concat(await Array.fromAsync(response)) };
}
