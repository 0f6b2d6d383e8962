/** The index that is shipped to a bucket or a directory, and seals that wait for that, with processes of their own. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { decodeSegment } from '../../src/store/custody/segments.ts';
import { newDirectory, start } from '../support/command.ts';
import { FakeGcs } from '../support/gcs/server.ts';
import { startServe } from './serve-process.ts';

let directory: string;
let dataDir: string;
let exportDir: string;

beforeEach(async () => {
  directory = await newDirectory();
  dataDir = join(directory, 'data');
  exportDir = join(directory, 'elsewhere');
  await mkdir(join(directory, 'in'));
  await writeFile(join(directory, 'in', 'a.txt'), 'hello\n');
});

const run = (variables: Record<string, string>, ...args: string[]) => {
  const env = { XDG_CACHE_HOME: join(directory, 'cache'), ...variables };
  return start([...args, '--data-dir', dataDir], { env }).ended;
};

const filesIn = async (place: string) =>
  (await readdir(join(exportDir, place)).catch(() => [])).filter((name) => !name.startsWith('.'));

describe('--export-dir', { timeout: 180_000 }, () => {
  const variables = () => ({ ARTIFACTA_EXPORT_DIR: exportDir });

  it('has everything up to the last durable seal when the volume is lost', async () => {
    const served = startServe(dataDir, [], variables());
    await served.ready;
    await run(variables(), 'push', join(directory, 'in', 'a.txt'), '--session', 's');
    await run(variables(), 'push', join(directory, 'in', 'a.txt'), '--session', 'gone');
    expect(await run(variables(), 'session', 'rm', 'gone')).toMatchObject({ code: 0 });
    const sealed = await run(variables(), 'session', 'seal', 's', '--durable');
    expect(sealed).toMatchObject({ code: 0, stdout: expect.stringContaining('sealed, succeeded') });
    served.child.kill('SIGKILL');
    await served.ended;
    await rm(dataDir, { recursive: true });
    const restored = await run(variables(), 'import', '--from', exportDir);
    expect(restored).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/and \d+ segments: up to commit/),
    });
    expect(await run(variables(), 'cat', 's/a.txt')).toMatchObject({ code: 0, stdout: 'hello\n' });
    expect((await run(variables(), 'session', 'show', 's')).stdout).toContain('sealed, succeeded');
    expect(await run(variables(), 'session', 'show', 'gone')).toMatchObject({ code: 3 });
    // The store that the import was made into has left nothing that could be taken for another store.
    await rm(dataDir, { recursive: true });
    expect(await run(variables(), 'import', '--from', exportDir)).toMatchObject({ code: 0 });
    expect(await run(variables(), 'cat', 's/a.txt')).toMatchObject({ code: 0, stdout: 'hello\n' });
  });

  it('gets the changes of commands that follow each other, as exports and segments', async () => {
    for (const name of ['a', 'b', 'c'])
      expect(
        await run(variables(), 'push', join(directory, 'in', 'a.txt'), '--session', 's', '--name', name),
      ).toMatchObject({ code: 0 });
    const exports = await filesIn('exports');
    const segments = await filesIn('segments');
    expect(exports.length).toBeLessThanOrEqual(3);
    expect(segments.length).toBeGreaterThanOrEqual(2);
    expect(segments.length).toBeLessThanOrEqual(3);
    await rm(dataDir, { recursive: true });
    expect(await run(variables(), 'import', '--from', exportDir)).toMatchObject({ code: 0 });
    expect((await run(variables(), 'ls', 's', '--quiet')).stdout.split('\n').filter(Boolean).length).toBe(3);
  });

  it('with the exports of two stores is not restored from, unless one of them asks', async () => {
    for (const name of ['one', 'other']) {
      dataDir = join(directory, name);
      const pushed = await run(variables(), 'push', join(directory, 'in', 'a.txt'), '--session', name);
      expect(pushed).toMatchObject({ code: 0 });
    }
    expect(await run(variables(), 'import', '--from', exportDir, '--replace')).toMatchObject({ code: 0 });
    expect(await run(variables(), 'cat', 'other/a.txt')).toMatchObject({ code: 0 });
    dataDir = join(directory, 'new');
    expect(await run(variables(), 'import', '--from', exportDir)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('exports of 2 stores'),
    });
  });

  it('is needed for durable seals, also as the default', async () => {
    await run({}, 'push', join(directory, 'in', 'a.txt'), '--session', 's');
    expect(await run({}, 'session', 'seal', 's', '--durable')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('this service ships its index nowhere'),
    });
    expect(await run({}, 'session', 'show', 's')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('state:      open'),
    });
    const served = startServe(dataDir, ['--seal-durability', 'shipped']);
    expect(await served.ended).toBe(2);
    expect(served.stderr()).toContain('--seal-durability: can be shipped only with --blobs or --export-dir');
    const wrong = startServe(dataDir, ['--seal-durability', 'bucket']);
    expect(await wrong.ended).toBe(2);
    expect(wrong.stderr()).toContain('must be local or shipped, not bucket');
  });

  it('lets a run end only when its seal is there', async () => {
    const script = 'echo done > result.txt';
    const ended = await start(
      ['run', '--durable', '--session', 'r', '--data-dir', dataDir, '--', 'sh', '-c', script],
      { cwd: join(directory, 'in'), env: variables() },
    ).ended;
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('sealed as succeeded') });
    await rm(dataDir, { recursive: true });
    await run(variables(), 'import', '--from', exportDir);
    expect((await run(variables(), 'session', 'show', 'r')).stdout).toContain('sealed, succeeded');
    expect(await run(variables(), 'cat', 'r/result.txt')).toMatchObject({ stdout: 'done\n' });
  });
});

describe('a bucket', { timeout: 180_000 }, () => {
  it('that does not answer delays durable seals alone, and the seal stays', async () => {
    const fake = await FakeGcs.open();
    onTestFinished(() => fake[Symbol.asyncDispose]());
    const variables = {
      ARTIFACTA_BLOBS: 'gs://bucket/a',
      ARTIFACTA_SEAL_DURABILITY: 'shipped',
      ARTIFACTA_INLINE_BYTES_MAX: '32768',
      STORAGE_EMULATOR_HOST: fake.endpoint,
    };
    const served = startServe(dataDir, [], variables);
    await served.ready;
    await using client = await connect(`unix:${join(dataDir, 'run', 'sock')}`);
    // The export that changes are shipped after is in the bucket then.
    await client.push('first', { session: 'r', name: 'a' });
    await client.sessions.seal('r', 'succeeded');
    await client.push('hello', { session: 's', name: 'a' });
    fake.isDown = true;
    const waiting = client.sessions.seal('s', 'succeeded');
    await expect.poll(async () => (await client.sessions.get('s')).state).toBe('sealed');
    const { commit } = await client.admin.status();
    await client.push('still', { session: 't', name: 'b' });
    await client.sessions.seal('t', 'failed', { durability: 'local' });
    expect(await (await client.open('s/a')).text()).toBe('hello');
    fake.isDown = false;
    expect(await waiting).toMatchObject({ session: { state: 'sealed' } });
    const last = [...fake.buckets.bucket('bucket').values()].findLast(({ name }) =>
      name.startsWith('a/segments/'),
    );
    expect(decodeSegment(last!.name, last!.bytes).batches.at(-1)!.commit.seq).toBeGreaterThanOrEqual(commit);
    // The other session was sealed later, perhaps after that segment was begun.
    expect(await client.sessions.seal('t', 'failed')).toMatchObject({ alreadySealed: true });
    // Sealed again, it has nothing to wait for.
    fake.isDown = true;
    expect(await client.sessions.seal('s', 'succeeded')).toMatchObject({ alreadySealed: true });
  });
});
