/** Large contents are hashed before they are sent, so that what is stored already does not travel. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import type { PushProgress } from '../../src/client/artifacts/push-spec.ts';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { sha256Of } from '../../src/client/files/digest.ts';
import { fileContent } from '../../src/client/files/file.ts';
import { openEndpoint } from '../../src/client/wire/endpoint.ts';
import { countingProxy } from './cut.ts';
import { listeners, type Service } from './listeners.ts';

const mebibyte = 1024 * 1024;
const quick = { delayMsFirst: 1 };
/** The first that is hashed first. */
const large = 8 * mebibyte;

let directory: string;
let service: Service;
let client: ArtifactaClient;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-digest-'));
});

afterEach(async () => {
  await client?.close();
  await service[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function open(name: string): Promise<void> {
  service = await listeners[name]!();
  client = await service.client({ retry: quick });
}

/** A content that gives other bytes each time. */
function changing(...readings: readonly Uint8Array[]) {
  const content = {
    opened: 0,
    replayable: true,
    sizeBytes: readings[0]!.byteLength,
    async *open() {
      yield readings[Math.min(content.opened++, readings.length - 1)]!;
    },
  };
  return content;
}

describe.each(['gRPC over TCP', 'Connect over HTTP/1.1'])('over %s', (name) => {
  it('a repeated push sends next to nothing', { timeout: 60_000 }, async () => {
    await open(name);
    const sizeBytes = 64 * mebibyte;
    const path = join(directory, 'sparse');
    await writeFile(path, '');
    await truncate(path, sizeBytes);
    await using proxy = await countingProxy(service.address!);
    const scheme = name.startsWith('gRPC') ? 'grpc' : 'http';
    const push = async (session: string) => {
      // A client of its own, as in a new process: the connection counts as well.
      await using through = await connect(`${scheme}://127.0.0.1:${proxy.port}`);
      const before = proxy.passed;
      const pushed = await through.push(await fileContent(path), { session, name: 'a' });
      const { up, down } = proxy.passed;
      return { ...pushed, bytes: up - before.up + down - before.down };
    };
    const first = await push('run');
    expect(first.bytes).toBeGreaterThan(sizeBytes);
    const again = await push('run');
    expect(again).toMatchObject({ deduplicated: true, artifact: { id: first.artifact.id } });
    expect(again.bytes).toBeLessThanOrEqual(2e-4 * sizeBytes);
    const elsewhere = await push('another');
    expect(elsewhere).toMatchObject({ bytesSaved: sizeBytes, artifact: { version: 1, sizeBytes } });
    expect(elsewhere.bytes).toBeLessThanOrEqual(2e-4 * sizeBytes);
  });
});

describe('what changes between hashing and sending', () => {
  it.each([
    ['other bytes', randomBytes(large), 'DIGEST_MISMATCH'],
    ['fewer bytes', randomBytes(large - 1), 'SIZE_MISMATCH'],
    ['more bytes', randomBytes(large + 1), 'SIZE_MISMATCH'],
  ])('is refused: %s', async (_what, second, reason) => {
    await open('gRPC over TCP');
    const content = changing(randomBytes(large), second);
    await expect(client.push(content, { session: 'run', name: 'a' })).rejects.toMatchObject({ reason });
    expect(content.opened).toBe(2);
    await expect(client.sessions.get('run')).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
  });

  it('is refused as a file before its bytes are', async () => {
    await open('memory');
    const path = join(directory, 'file');
    await writeFile(path, randomBytes(large));
    const content = await fileContent(path);
    let opened = 0;
    async function* twice() {
      if (opened++ === 1) await utimes(path, new Date(), new Date(0));
      yield* content.open();
    }
    const pushed = client.push({ ...content, open: twice }, { session: 'run', name: 'a' });
    await expect(pushed).rejects.toThrow(/changed while it was pushed/);
    expect(opened).toBe(2);
    await expect(client.sessions.get('run')).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
  });

  it.each([large - 1, large + 1])('is refused when it is %i bytes from the first', async (length) => {
    await open('memory');
    const content = { ...changing(randomBytes(length)), sizeBytes: large };
    const pushed = client.push(content, { session: 'run', name: 'a' });
    await expect(pushed).rejects.toMatchObject({ reason: 'SIZE_MISMATCH' });
  });
});

it('does not hash on and on what is longer than it says', { timeout: 10_000 }, async () => {
  await open('memory');
  const source = { pieces: 0, opened: 0 };
  async function* endless() {
    source.opened++;
    for (;;) {
      source.pieces++;
      yield randomBytes(mebibyte);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const content = { replayable: true, sizeBytes: large, open: endless };
  await expect(client.push(content, { session: 'run', name: 'a' })).rejects.toMatchObject({
    reason: 'SIZE_MISMATCH',
  });
  expect(source.opened).toBe(2);
  expect(source.pieces).toBeLessThan(40);
});

it('tells how far it has come', async () => {
  await open('gRPC over TCP');
  const bytes = randomBytes(large);
  const push = async (name: string) => {
    const told: PushProgress[] = [];
    await client.push(bytes, { session: 'run', name, onProgress: (progress) => told.push(progress) });
    return told;
  };
  const first = await push('a');
  expect(first[0]).toEqual({ phase: 'hashing', bytes: large });
  expect(first.at(-1)).toEqual({ phase: 'sending', bytes: large });
  expect(first.filter(({ phase }) => phase === 'sending')).toHaveLength(8);
  expect(await push('b')).toEqual([{ phase: 'hashing', bytes: large }]);
});

it('sends what is smaller at once', async () => {
  await open('memory');
  const content = changing(randomBytes(large - 1));
  await client.push(content, { session: 'run', name: 'a' });
  await client.push(content, { session: 'run', name: 'b' });
  expect(content.opened).toBe(2);
});

it('ends while it hashes when it is told to, although the source stands still', async () => {
  await open('memory');
  const stop = new AbortController();
  async function* still() {
    yield randomBytes(mebibyte);
    stop.abort();
    await new Promise(() => {});
  }
  const content = { replayable: true, sizeBytes: large, open: still };
  const pushed = client.push(content, { session: 'run', name: 'a', signal: stop.signal });
  await expect(pushed).rejects.toMatchObject({ code: 'CANCELLED' });
});

it('reports what the source throws while it is hashed', async () => {
  await open('memory');
  async function* failing() {
    yield randomBytes(mebibyte);
    throw new RangeError('the disk is gone');
  }
  const content = { replayable: true, sizeBytes: large, open: failing };
  await expect(client.push(content, { session: 'run', name: 'a' })).rejects.toThrow(RangeError);
});

describe('a lost answer', () => {
  it.each([0, 1])('makes no second version (call %i)', async (which) => {
    await open('gRPC over TCP');
    const endpoint = await openEndpoint(`grpc://127.0.0.1:${service.address!.port}`);
    let answers = 0;
    const lose = () => {
      if (answers++ === which) throw new ConnectError('read ECONNRESET', Code.Aborted);
    };
    const lossy: Transport = {
      async unary(...call) {
        return await endpoint.transport.unary(...call).finally(lose);
      },
      async stream(...call) {
        const answer = await endpoint.transport.stream(...call);
        const messages = await Array.fromAsync(answer.message);
        lose();
        return {
          ...answer,
          message: (async function* () {
            yield* messages;
          })(),
        };
      },
    };
    const through = await connect(lossy, { retry: quick });
    const bytes = randomBytes(large);
    const pushed = await through.push(bytes, { session: 'run', name: 'a', newVersion: true });
    expect(pushed).toMatchObject({ artifact: { version: 1, sizeBytes: large }, replayed: which === 1 });
    expect(answers).toBe(3);
    await endpoint.close();
  });
});

it('sends the bytes where the credentials do not let it refer to what is stored', async () => {
  await open('gRPC over TCP');
  const endpoint = await openEndpoint(`grpc://127.0.0.1:${service.address!.port}`);
  const info = { desc: ErrorInfoSchema, value: { reason: 'PERMISSION_DENIED', domain: '', metadata: {} } };
  let refused = 0;
  const writeOnly: Transport = {
    async unary() {
      refused++;
      throw new ConnectError('no right to read', Code.PermissionDenied, undefined, [info]);
    },
    stream: (...call) => endpoint.transport.stream(...call),
  };
  const bytes = randomBytes(large);
  const { artifact } = await (await connect(writeOnly)).push(bytes, { session: 'run', name: 'a' });
  expect(artifact.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(refused).toBe(1);
  await endpoint.close();
});

it('sha256Of says nothing about what is not as long as it says', async () => {
  await open('memory');
  const bytes = randomBytes(10);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const content = { replayable: true, open: changing(bytes).open };
  expect(await sha256Of(content)).toBe(sha256);
  for (const sizeBytes of [9, 10, 11])
    expect(await sha256Of({ ...content, sizeBytes })).toBe(sizeBytes === 10 ? sha256 : undefined);
});

it('sha256Of keeps nothing of what it has read', async () => {
  await open('memory');
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const given: WeakRef<Uint8Array>[] = [];
  let alive = Number.NaN;
  async function* pieces() {
    for (let at = 0; at < 50; at++) {
      const piece = randomBytes(1_000);
      given.push(new WeakRef(piece));
      yield piece;
      await new Promise((resolve) => setImmediate(resolve));
    }
    collectGarbage();
    alive = given.filter((reference) => reference.deref() !== undefined).length;
  }
  const { signal } = new AbortController();
  await sha256Of({ replayable: true, open: pieces }, { signal });
  expect(alive).toBeLessThan(5);
});
