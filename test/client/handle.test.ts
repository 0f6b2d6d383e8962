/** A handle on a session, and how the session ends with it. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import type { PushContent } from '../../src/client/artifacts/content.ts';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { newDirectory } from '../support/command.ts';
import { listeners } from './listeners.ts';

async function opened(): Promise<ArtifactaClient> {
  const service = await listeners.memory!();
  const client = await service.client({ retry: { attemptsMax: 1 } });
  onTestFinished(async () => {
    await client.close();
    await service[Symbol.asyncDispose]();
  });
  return client;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a session', () => {
  it('has everything that concerns it, by names', async () => {
    const client = await opened();
    const session = await client.session('run_42', { metadata: { agent: 'a' }, expectedOutputs: ['b.txt'] });
    const first = await session.push('one\ntwo\n', { name: 'dir/a.txt' });
    expect(first).toMatchObject({ effect: 'new', artifact: { session: 'run_42', metadata: { agent: 'a' } } });
    expect(await session.push('one\ntwo\n', { name: 'dir/a.txt' })).toMatchObject({ effect: 'unchanged' });
    const inputs = [first.artifact.id];
    expect(await session.push('three', { name: 'dir/a.txt', inputs })).toMatchObject({ effect: 'version' });
    expect(await (await session.open('dir/a.txt')).text()).toBe('three');
    expect(await (await session.open(first.artifact.id)).text()).toBe('one\ntwo\n');
    expect((await session.read(first.artifact, { window: { tail: 1 } })).content).toBe('two\n');
    expect(await client.get('run_42/dir/a.txt')).toEqual(await session.get('dir/a.txt'));
    expect(await all(session.query({ allVersions: true }))).toHaveLength(2);
    expect((await session.queryPage({ explain: true })).explanation).toBeDefined();
    expect(await all(session.lineage('dir/a.txt'))).toMatchObject([{ inputId: first.artifact.id }]);
    expect(await session.update('dir/a.txt', { labels: { seen: 'yes' } })).toMatchObject({ version: 2 });
    const { link } = await session.share('dir/a.txt');
    expect(await all(session.links())).toEqual([link]);
    expect(await session.delete('dir/a.txt')).toBe(true);
    expect(await session.change({ labels: { stage: 'end' } })).toMatchObject({ labels: { stage: 'end' } });
    const waiting = session.wait({ timeoutMs: 20_000 });
    expect(await session.seal()).toMatchObject({ state: 'sealed', missingOutputs: ['b.txt'] });
    expect(await waiting).toMatchObject({ outcome: 'succeeded' });
    expect((await all(session.watch())).at(-1)).toMatchObject({ kind: 'sealed' });
    expect(await all(session.manifest())).toHaveLength(1);
    expect(await all(session.compare('run_42'))).toEqual([]);
    expect(session.record.outcome).toBe('succeeded');
    expect(await session.refresh()).toEqual(session.record);
  });

  it('gets an id if it is given none', async () => {
    const client = await opened();
    const { id } = await client.session();
    expect(id).toMatch(/^run_\d{8}-\d{6}_[0-9a-z]{6}$/);
    expect((await client.sessions.get(id)).state).toBe('open');
  });

  it.each([
    ['failed', async () => undefined],
    ['succeeded', async (session: { succeed(): void }) => session.succeed()],
    [
      'cancelled',
      async (session: { seal(outcome: 'cancelled'): Promise<unknown> }) => session.seal('cancelled'),
    ],
  ] as const)('ends as %s with its block', async (outcome, work) => {
    const client = await opened();
    {
      await using session = await client.session('run');
      await work(session);
    }
    expect((await client.sessions.get('run')).outcome).toBe(outcome);
  });

  it('ends as its work does', async () => {
    const client = await opened();
    const outcome = async (id: string) => (await client.sessions.get(id)).outcome;
    expect(
      await client.run('well', {}, async (session) => (await session.push('1', { name: 'a' })).effect),
    ).toBe('new');
    expect(await outcome('well')).toBe('succeeded');
    const broken = client.run('broken', {}, () => {
      throw new Error('the model said no');
    });
    await expect(broken).rejects.toThrow('the model said no');
    expect(await outcome('broken')).toBe('failed');
    const stop = new AbortController();
    const stopped = client.run('stopped', { signal: stop.signal }, async (session) => {
      stop.abort();
      await session.push('1', { name: 'a', signal: stop.signal });
    });
    expect(await failure(stopped)).toMatchObject({ code: 'CANCELLED' });
    expect(await outcome('stopped')).toBe('cancelled');
    await client.run('sealed', {}, async (session) => void (await session.seal('failed')));
    expect(await outcome('sealed')).toBe('failed');
  });
});

describe('pull', () => {
  it('writes a file whole, in place of another, and into directories', async () => {
    const client = await opened();
    const directory = await newDirectory();
    const bytes = randomBytes(3 * 1024 * 1024);
    const session = await client.session('run');
    await session.push(bytes, { name: 'dir/a.bin' });
    const file = join(directory, 'copy.bin');
    await writeFile(file, 'other');
    expect(await client.pull('run/dir/a.bin', file)).toBe(file);
    expect(Buffer.compare(await readFile(file), bytes)).toBe(0);
    expect(await session.pull('dir/a.bin', directory)).toBe(join(directory, 'a.bin'));
    expect((await readdir(directory)).sort()).toEqual(['a.bin', 'copy.bin']);
    await mkdir(join(directory, 'aside'));
    await symlink(join(directory, 'aside', 'outside'), join(directory, 'link'));
    await expect(client.pull('run/dir/a.bin', join(directory, 'link'))).rejects.toThrow(/symbolic link/);
    await expect(client.pull('run/dir/a.bin', join(directory, 'none', 'x'))).rejects.toThrow(
      /does not exist/,
    );
    expect(await readdir(join(directory, 'aside'))).toEqual([]);
  });

  it('leaves nothing of bytes that are not those of the record', async () => {
    const directory = await newDirectory();
    const artifact = {
      id: 'art_00000000000000000000000001',
      session: 's',
      name: 'a',
      version: 1n,
      sizeBytes: 3n,
    };
    const record = { ...artifact, sha256: '0'.repeat(64) };
    const transport = createRouterTransport(({ service }) =>
      service(ArtifactService, {
        getArtifact: () => ({ artifact: record }),
        async *downloadArtifact() {
          yield { part: { case: 'artifact' as const, value: record } };
          yield { part: { case: 'chunk' as const, value: Buffer.from('abc') } };
        },
      }),
    );
    await using client = await connect(transport);
    await writeFile(join(directory, 'a'), 'kept');
    expect(await failure(client.pull('s/a', join(directory, 'a')))).toMatchObject({ code: 'DATA_LOSS' });
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('kept');
    expect(await readdir(directory)).toEqual(['a']);
  });
});

describe('what is pushed', () => {
  const bytes = randomBytes(2 * 1024 * 1024 + 1);
  const contents: Readonly<Record<string, () => PushContent>> = {
    'a blob': () => new Blob([bytes]),
    'a small blob': () => new Blob([bytes.subarray(0, 9)]),
    'an empty blob': () => new Blob([]),
    'the body of an answer': () => new Response(bytes).body!,
    'a stream that cannot be iterated': () => {
      const reader = new Response(bytes).body!.getReader();
      return { getReader: () => reader };
    },
  };
  it.each(Object.keys(contents))('may be %s', async (kind) => {
    const client = await opened();
    const length = kind === 'a small blob' ? 9 : kind === 'an empty blob' ? 0 : bytes.length;
    await client.push(contents[kind]!(), { session: 'run', name: 'a' });
    const stored = await (await client.open('run/a')).bytes();
    expect(Buffer.compare(stored, bytes.subarray(0, length))).toBe(0);
  });

  it.each([undefined, null, 42, { total: 42 }, new ArrayBuffer(3)])('is not %j', async (wrong) => {
    const client = await opened();
    const pushed = client.push(wrong as unknown as PushContent, { session: 'run', name: 'a' });
    await expect(pushed).rejects.toThrow(/^content: must be bytes/);
  });
});

describe('an error', () => {
  it('names its first field', async () => {
    const client = await opened();
    const error = await failure(client.push('1', { session: 'run', name: '../a' }));
    expect(error).toBeInstanceOf(ArtifactaError);
    expect((error as ArtifactaError).field).toMatch(/\bname$/);
    expect((await failure(client.get('none/a'))) as ArtifactaError).toHaveProperty('field', undefined);
  });

  it('says whether the time was over or the call was given up', async () => {
    const client = await opened();
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
    expect(await failure(client.get('run/a', { signal: late }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await failure(client.get('run/a', { signal: AbortSignal.abort() }))).toMatchObject({
      code: 'CANCELLED',
    });
  });
});
