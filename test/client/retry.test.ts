import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { fileContent } from '../../src/client/files/file.ts';
import { openEndpoint } from '../../src/client/wire/endpoint.ts';
import { retryDefaults, retrying } from '../../src/client/wire/retry.ts';
import { cuttingProxy } from './cut.ts';
import { listeners, type Service } from './listeners.ts';

const mebibyte = 1024 * 1024;
const quick = { delayMsFirst: 1 };

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found++;
  return found;
}

describe.each(['grpc', 'http'] as const)('a broken connection over %s', (scheme) => {
  let service: Service;

  beforeEach(async () => {
    service = await listeners[scheme === 'grpc' ? 'gRPC over TCP' : 'Connect over HTTP/1.1']!();
  });

  afterEach(async () => {
    await service[Symbol.asyncDispose]();
  });

  async function clientThrough(port: number): Promise<ArtifactaClient> {
    return connect(`${scheme}://127.0.0.1:${port}`, { retry: quick });
  }

  it.each(['end', 'reset'] as const)('is mended while a file goes up (%s)', async (how) => {
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-retry-'));
    const bytes = randomBytes(5 * mebibyte);
    await writeFile(join(directory, 'file'), bytes);
    await using proxy = await cuttingProxy(service.address!, {
      connections: 2,
      direction: 'up',
      afterBytes: 2 * mebibyte,
      how,
    });
    await using client = await clientThrough(proxy.port);
    const content = await fileContent(join(directory, 'file'));
    const { artifact } = await client.push(content, { session: 'run', name: 'a' });
    expect(artifact.version).toBe(1);
    expect(proxy.accepted).toBe(3);
    const read = await (await client.open(artifact.id)).bytes();
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(await count(client.query({ session: 'run', allVersions: true }))).toBe(1);
    await rm(directory, { recursive: true });
  });

  it.each(['end', 'reset'] as const)('is mended while bytes come down (%s)', async (how) => {
    const bytes = randomBytes(8 * mebibyte);
    await using direct = await service.client();
    await direct.push(bytes, { session: 'run', name: 'a' });
    await using proxy = await cuttingProxy(service.address!, {
      connections: 2,
      direction: 'down',
      afterBytes: 3 * mebibyte,
      how,
    });
    await using client = await clientThrough(proxy.port);
    const read = await (await client.open({ session: 'run', name: 'a' })).bytes();
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(proxy.accepted).toBe(3);
  });

  it('is told of when the source cannot be read again', async () => {
    await using proxy = await cuttingProxy(service.address!, {
      connections: 9,
      direction: 'up',
      afterBytes: mebibyte,
      how: 'reset',
    });
    await using client = await clientThrough(proxy.port);
    async function* source() {
      for (let at = 0; at < 4; at++) yield randomBytes(mebibyte);
    }
    const pushed = client.push(source(), { session: 'run', name: 'a' });
    await expect(pushed).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: undefined });
    expect(proxy.accepted).toBe(1);
    await using direct = await service.client();
    await expect(direct.sessions.get('run')).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
  });

  it('is given up in the end', async () => {
    await using proxy = await cuttingProxy(service.address!, {
      connections: 99,
      direction: 'up',
      afterBytes: 1,
      how: 'reset',
    });
    await using client = await clientThrough(proxy.port);
    await expect(client.get({ session: 'run', name: 'a' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(proxy.accepted).toBeGreaterThanOrEqual(retryDefaults.attemptsMax);
  });
});

describe('a lost answer', () => {
  /** Lets the first call of a kind happen, and then loses what it answered. */
  function losing(transport: Transport): Transport & { lost: number } {
    const lossy = {
      lost: 0,
      async unary(...call: Parameters<Transport['unary']>) {
        const answer = await transport.unary(...call);
        if (lossy.lost++ === 0) throw new ConnectError('read ECONNRESET', Code.Aborted);
        return answer;
      },
      async stream(...call: Parameters<Transport['stream']>) {
        const answer = await transport.stream(...call);
        if (lossy.lost++ > 0) return answer;
        for await (const _ of answer.message);
        throw new ConnectError('read ECONNRESET', Code.Aborted);
      },
    };
    return lossy as Transport & { lost: number };
  }

  it.each([10, 3 * mebibyte])('of %i bytes makes no second version', async (length) => {
    await using service = await listeners['gRPC over TCP']!();
    const url = `grpc://127.0.0.1:${service.address!.port}`;
    const endpoint = await openEndpoint(url);
    const transport = losing(endpoint.transport);
    const client = await connect(transport, { retry: quick });
    const bytes = randomBytes(length);
    const pushed = await client.push(bytes, { session: 'run', name: 'a', newVersion: true });
    expect(pushed).toMatchObject({ replayed: true, artifact: { version: 1, sizeBytes: length } });
    expect(transport.lost).toBe(2);
    await endpoint.close();
  });
});

describe('a service that is not there', () => {
  it.each(['grpc://127.0.0.1:1', 'http://127.0.0.1:1', 'unix:/nowhere/at/all/sock'])(
    '%s is said to be unavailable',
    async (url) => {
      await using client = await connect(url, { retry: { attemptsMax: 2, delayMsFirst: 1 } });
      for (const call of [
        client.sessions.get('run'),
        client.push(randomBytes(mebibyte), { session: 'run', name: 'a' }),
        client.open('art_01h455vb4pex5vsknk084sn02q'),
      ])
        await expect(call).rejects.toMatchObject({
          name: 'ArtifactaError',
          code: 'UNAVAILABLE',
          reason: undefined,
          message: expect.stringMatching(
            /^no connection: (nothing listens there|the socket does not exist) \(/,
          ),
        });
    },
  );

  it.each([
    ['run_42', /must be a URL/],
    ['ftp://host', /must begin with/],
    ['grpc://host:1/path', /path/],
    ['grpc://user:secret@host', /only a scheme/],
    ['unix:', /must name the path of a socket/],
  ])('%s is refused as a URL', async (url, message) => {
    await expect(connect(url)).rejects.toThrow(message);
    await expect(connect(url)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('retrying', () => {
  const failing = (detail: ConstructorParameters<typeof ArtifactaError>[1]) =>
    new ArtifactaError('no', detail);

  it.each([
    [{ code: 'UNAVAILABLE' }, true],
    [{ code: 'UNAVAILABLE', reason: 'SEAL_PENDING' }, true],
    [{ code: 'UNAVAILABLE', reason: 'STORE_IN_RECOVERY' }, false],
    [{ code: 'RESOURCE_EXHAUSTED', reason: 'OVERLOADED' }, true],
    [{ code: 'RESOURCE_EXHAUSTED', reason: 'QUOTA_EXCEEDED', retryAfterMs: 5 }, false],
    [{ code: 'RESOURCE_EXHAUSTED', reason: 'MESSAGE_TOO_LARGE' }, false],
    [{ code: 'FAILED_PRECONDITION', reason: 'SESSION_SEALED' }, false],
    [{ code: 'INTERNAL', reason: 'INTERNAL' }, false],
  ] as const)('%o: %s', (detail, retryable) => {
    expect(failing(detail).retryable).toBe(retryable);
  });

  it('tries as often as it may, and waits at least as long as it was told', async () => {
    const begun: number[] = [];
    const again: number[] = [];
    const policy = {
      ...retryDefaults,
      attemptsMax: 3,
      delayMsFirst: 1,
      random: () => 0,
      beforeRetry: async () => {
        again.push(performance.now());
        return false;
      },
    };
    const call = retrying(policy, undefined, async () => {
      begun.push(performance.now());
      throw failing({ code: 'UNAVAILABLE', retryAfterMs: 40 });
    });
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(begun).toHaveLength(3);
    expect(again).toHaveLength(2);
    expect(again[0]! - begun[0]!).toBeGreaterThanOrEqual(35);
  });

  it('ends its waiting when it is told to', async () => {
    const stop = new AbortController();
    const call = retrying(
      { ...retryDefaults, delayMsFirst: 60_000, delayMsMax: 60_000 },
      stop.signal,
      async () => {
        setImmediate(() => stop.abort());
        throw failing({ code: 'UNAVAILABLE' });
      },
    );
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
