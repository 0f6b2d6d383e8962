import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactaClient } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { fileContent } from '../../src/client/files/file.ts';
import { listeners, type Service } from './listeners.ts';

const mebibyte = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function failure(promise: Promise<unknown>): Promise<ArtifactaError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ArtifactaError);
  return error as ArtifactaError;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe.each(Object.entries(listeners))('a client over %s', (_name, open) => {
  let service: Service;
  let client: ArtifactaClient;
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'artifacta-client-'));
    service = await open();
    client = await service.client({ retry: { attemptsMax: 1 } });
  });

  afterEach(async () => {
    await client.close();
    await service[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it.each([0, 1, 256 * 1024, 256 * 1024 + 1, mebibyte, 5 * mebibyte + 17])(
    'gives back the %i bytes that it was given',
    async (length) => {
      const bytes = randomBytes(length);
      const { artifact, deduplicated } = await client.push(bytes, { session: 'run', name: 'a/b.bin' });
      expect(artifact).toMatchObject({ session: 'run', name: 'a/b.bin', version: 1, sizeBytes: length });
      expect(artifact.sha256).toBe(sha256(bytes));
      expect(deduplicated).toBe(false);
      const download = await client.open({ session: 'run', name: 'a/b.bin' });
      expect(download.artifact).toEqual(artifact);
      expect(Buffer.compare(await download.bytes(), bytes)).toBe(0);
    },
  );

  it('may have all the time that there is', async () => {
    const patient = await service.client({ timeoutMs: Number.MAX_SAFE_INTEGER, retry: { attemptsMax: 1 } });
    try {
      await patient.push('x', { session: 'run', name: 'a' });
      expect(await patient.get({ session: 'run', name: 'a' })).toMatchObject({ version: 1 });
    } finally {
      await patient.close();
    }
  });

  it('pushes streams of unknown length, short and long', async () => {
    for (const pieces of [3, 200]) {
      const piece = randomBytes(10_000);
      async function* source() {
        for (let at = 0; at < pieces; at++) yield piece;
      }
      const { artifact } = await client.push(source(), { session: 'run', name: `stream-${pieces}` });
      expect(artifact.sizeBytes).toBe(pieces * piece.byteLength);
      expect(artifact.sha256).toBe(sha256(Buffer.concat(Array(pieces).fill(piece))));
    }
  });

  it('reads pieces of one version, to the end of a window', async () => {
    const { artifact } = await client.push('one\ntwo\nthree\nfour\n', { session: 'run', name: 'a' });
    const ref = { session: 'run', name: 'a' };
    const window = { grep: { pattern: 'O', ignoreCase: true, after: 1, maxMatches: 1 } };
    const texts: unknown[] = [];
    for await (const piece of client.pieces(ref, { window })) {
      expect(piece.artifact.id).toBe(artifact.id);
      texts.push(piece.content);
      await client.push(`version ${texts.length}`, ref);
    }
    expect(texts).toEqual(['one\n', 'two\nthree\n', 'four\n']);
    const piece = await client.read(artifact, { window, cursor: '' });
    expect(piece).toMatchObject({ startOffset: 0, endOffset: 4, firstLine: 1 });
    expect(piece.matches).toEqual([{ line: 1, offset: 0, textLine: 1 }]);
    const { content, firstLine } = await client.read(artifact, { window: { tail: 1 } });
    expect([content, firstLine]).toEqual(['four\n', 4]);
    const bytes = await client.push(Uint8Array.of(0xff, 0), { session: 'run', name: 'b' });
    expect((await client.read(bytes.artifact)).content).toEqual(Uint8Array.of(0xff, 0));
    const other = { window: { head: 1 }, cursor: piece.nextCursor };
    expect(await failure(client.read(artifact, other))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PAGE_TOKEN_INVALID',
      violations: [{ field: 'cursor' }],
    });
  });

  it('carries everything that a push may say', async () => {
    const input = (await client.push('in', { session: 'run', name: 'in.txt' })).artifact;
    const expireTime = new Date(Date.UTC(2100, 0, 1));
    const { artifact } = await client.push('{}', {
      session: 'run',
      name: 'out',
      contentType: 'application/json',
      metadata: { agent: 'billing' },
      labels: { stage: 'draft' },
      inputs: [input.id],
      expiry: { expireTime },
    });
    expect(artifact).toMatchObject({
      contentType: 'application/json',
      metadata: { agent: 'billing' },
      labels: { stage: 'draft' },
      inputs: [input.id],
      expireTime,
      expirySource: 'artifact',
      latest: true,
    });
    expect(await client.get(artifact.id)).toEqual(artifact);
    expect(await client.get({ session: 'run', name: 'out', version: 1 })).toEqual(artifact);
  });

  it('reads ranges', async () => {
    const bytes = randomBytes(3 * mebibyte);
    await client.push(bytes, { session: 'run', name: 'a' });
    const range = async (offset: number, limit?: number) =>
      (await client.open({ session: 'run', name: 'a' }, { offset, limit })).bytes();
    expect(Buffer.compare(await range(mebibyte - 1, 2), bytes.subarray(mebibyte - 1, mebibyte + 1))).toBe(0);
    expect(Buffer.compare(await range(3 * mebibyte - 5), bytes.subarray(-5))).toBe(0);
    expect((await range(0, 0)).byteLength).toBe(0);
  });

  it('can leave a download before its end, and use the connection further', async () => {
    await client.push(randomBytes(8 * mebibyte), { session: 'run', name: 'a' });
    const left = await client.open({ session: 'run', name: 'a' });
    for await (const _ of left) break;
    const cancelled = await client.open({ session: 'run', name: 'a' });
    await cancelled.cancel();
    expect((await client.get({ session: 'run', name: 'a' })).version).toBe(1);
  });

  it('tells what is wrong as the service does', async () => {
    const missing = await failure(client.get({ session: 'nobody', name: 'a' }));
    expect(missing).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'SESSION_NOT_FOUND',
      metadata: { session: 'nobody' },
    });
    const invalid = await failure(client.push('x', { session: 'a b', name: 'a' }));
    expect(invalid).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT' });
    expect(invalid.violations.map(({ field }) => field)).toEqual(['spec.session']);
    const download = await failure(client.open({ session: 'nobody', name: 'a' }));
    expect(download.reason).toBe('SESSION_NOT_FOUND');
    const namespace = await service.client({ namespace: 'elsewhere' });
    expect((await failure(namespace.get('art_01h455vb4pex5vsknk084sn02q'))).reason).toBe(
      'NAMESPACE_NOT_FOUND',
    );
    await namespace.close();
  });

  function endless() {
    const source = {
      closed: false,
      pieces: 0,
      async *open() {
        try {
          for (;;) {
            source.pieces++;
            yield randomBytes(mebibyte);
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          source.closed = true;
        }
      },
    };
    return source;
  }

  it('stops sending when the service has refused', { timeout: 10_000 }, async () => {
    await client.push('x', { session: 'run', name: 'a' });
    await client.sessions.seal('run', 'succeeded');
    const source = endless();
    const error = await failure(client.push(source.open(), { session: 'run', name: 'b' }));
    expect(error.reason).toBe('SESSION_SEALED');
    await expect.poll(() => source.closed).toBe(true);
    expect((await client.sessions.get('run')).outcome).toBe('succeeded');
  });

  it('stops reading what is longer than it said', { timeout: 10_000 }, async () => {
    const source = endless();
    const content = { replayable: true, sizeBytes: 3 * mebibyte, open: source.open };
    const error = await failure(client.push(content, { session: 'run', name: 'b' }));
    expect(error.reason).toBe('SIZE_MISMATCH');
    await expect.poll(() => source.closed).toBe(true);
  });

  it('answers a refusal even while the source stands still', { timeout: 10_000 }, async () => {
    await client.push('x', { session: 'run', name: 'a' });
    await client.sessions.seal('run', 'succeeded');
    const still = Promise.withResolvers<void>();
    async function* source() {
      yield randomBytes(mebibyte);
      await still.promise;
    }
    expect((await failure(client.push(source(), { session: 'run', name: 'b' }))).reason).toBe(
      'SESSION_SEALED',
    );
    still.resolve();
  });

  it('stores nothing of a source that fails, and reports its own error', async () => {
    async function* source() {
      yield randomBytes(2 * mebibyte);
      throw new RangeError('the disk is gone');
    }
    await expect(client.push(source(), { session: 'run', name: 'a' })).rejects.toThrow(RangeError);
    expect((await failure(client.get({ session: 'run', name: 'a' }))).code).toBe('NOT_FOUND');
  });

  it('does not take a failing source for a lost connection', async () => {
    await using patient = await service.client({ retry: { delayMsFirst: 1 } });
    let opened = 0;
    async function* open() {
      opened++;
      yield randomBytes(mebibyte);
      throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    }
    const content = { replayable: true, sizeBytes: 2 * mebibyte, open };
    await expect(patient.push(content, { session: 'run', name: 'a' })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(opened).toBe(1);
  });

  it('stores nothing of a file that grows while it is pushed', async () => {
    const path = join(directory, 'log');
    await writeFile(path, randomBytes(3 * mebibyte));
    const content = await fileContent(path);
    async function* growing() {
      let first = true;
      for await (const piece of content.open()) {
        if (first) await appendFile(path, 'more');
        first = false;
        yield piece;
      }
    }
    const pushed = client.push({ ...content, open: growing }, { session: 'run', name: 'log' });
    await expect(pushed).rejects.toThrow(/changed while it was pushed/);
    expect((await failure(client.get({ session: 'run', name: 'log' }))).code).toBe('NOT_FOUND');
  });

  it('gives up when it is told to, and lets go of the source', { timeout: 10_000 }, async () => {
    const giveUp = new AbortController();
    const long = endless();
    const content = { replayable: true, sizeBytes: 900 * mebibyte, open: long.open };
    const pushing = client.push(content, { session: 'run', name: 'a', signal: giveUp.signal });
    await expect.poll(() => long.pieces).toBeGreaterThan(2);
    giveUp.abort();
    expect((await failure(pushing)).code).toBe('CANCELLED');
    await expect.poll(() => long.closed).toBe(true);
    const stop = new AbortController();
    async function* source() {
      yield randomBytes(2 * mebibyte);
      stop.abort();
      yield randomBytes(2 * mebibyte);
    }
    const pushed = client.push(source(), { session: 'run', name: 'a', signal: stop.signal });
    expect((await failure(pushed)).code).toBe('CANCELLED');
    expect((await failure(client.get({ session: 'run', name: 'a' }))).code).toBe('NOT_FOUND');
  });

  it('lists page by page', async () => {
    for (let at = 0; at < 7; at++) await client.push(`content ${at}`, { session: 'run', name: `n${at}` });
    await client.push('again', { session: 'run', name: 'n0' });
    const names = async (query: Parameters<ArtifactaClient['query']>[0]) =>
      (await all(client.query({ session: 'run', pageSize: 2, ...query }))).map(
        (one) => `${one.name}@${one.version}`,
      );
    expect(await names({})).toEqual(['n0@2', 'n6@1', 'n5@1', 'n4@1', 'n3@1', 'n2@1', 'n1@1']);
    expect(await names({ order: 'oldest', limit: 3 })).toEqual(['n1@1', 'n2@1', 'n3@1']);
    expect(await names({ allVersions: true, limit: 9 })).toHaveLength(8);
    await client.push('x', { session: 'other', name: 'a' });
    expect((await all(client.sessions.list({ pageSize: 1 }))).map(({ id }) => id)).toEqual(['other', 'run']);
  });

  it('gets many at once, found or not', async () => {
    const pushed = await client.push('x', { session: 'run', name: 'a' });
    const refs = Array.from({ length: 70 }, (_, at) =>
      at === 66 ? pushed.artifact.id : { session: 'run', name: `missing-${at}` },
    );
    const results = await client.batchGet(refs);
    expect(results).toHaveLength(70);
    expect(results[66]).toEqual({ artifact: pushed.artifact });
    expect(results[0]).toMatchObject({ error: { code: 'NOT_FOUND', reason: 'ARTIFACT_NOT_FOUND' } });
  });

  it('changes and deletes', async () => {
    const { artifact } = await client.push('x', { session: 'run', name: 'a', labels: { old: '1' } });
    const changed = await client.update(artifact.id, {
      labels: { stage: 'final' },
      hold: true,
      etag: artifact.etag,
    });
    expect(changed).toMatchObject({ labels: { stage: 'final' }, hold: true });
    const stale = client.update(artifact.id, { hold: false, etag: artifact.etag });
    expect(await failure(stale)).toMatchObject({ code: 'ABORTED', reason: 'ETAG_MISMATCH' });
    expect((await failure(client.delete(artifact.id))).reason).toBe('ARTIFACT_HELD');
    const released = await client.update(artifact.id, { hold: false, expiry: { ttlMs: 3_600_000 } });
    expect(released.expireTime?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    expect((await client.update(artifact.id, { expiry: null })).expireTime).toBeUndefined();
    expect(await client.delete(artifact.id)).toBe(true);
    expect(await client.delete(artifact.id)).toBe(false);
    expect((await failure(client.get({ session: 'run', name: 'a' }))).reason).toBe('ARTIFACT_DELETED');
  });

  it('opens, seals and proves what a session held', async () => {
    const opened = await client.sessions.open('run', {
      metadata: { agent: 'a' },
      expectedOutputs: ['there', 'missing'],
    });
    expect(opened).toMatchObject({
      created: true,
      session: { id: 'run', state: 'open', outcome: undefined },
    });
    const { artifact } = await client.push('x', { session: 'run', name: 'there' });
    expect(artifact).toMatchObject({ metadata: { agent: 'a' }, inheritedMetadataKeys: ['agent'] });
    const first = await client.sessions.seal('run', 'failed');
    expect(first).toMatchObject({
      alreadySealed: false,
      session: { state: 'sealed', outcome: 'failed', missingOutputs: ['missing'], artifactCount: 1 },
    });
    expect((await client.sessions.seal('run', 'failed')).alreadySealed).toBe(true);
    expect((await failure(client.sessions.seal('run', 'succeeded'))).reason).toBe('OUTCOME_CONFLICT');
    expect(await all(client.sessions.manifest('run'))).toEqual([
      {
        name: 'there',
        version: 1,
        sha256: sha256(Buffer.from('x')),
        sizeBytes: 1,
        contentType: artifact.contentType,
      },
    ]);
  });
});
