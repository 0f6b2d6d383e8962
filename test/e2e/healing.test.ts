/** Damaged contents at the command line and over HTTP: whoever sends the bytes heals them. */
import { readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { someBytes } from '../support/calls.ts';
import { newDirectory } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { startServe } from './serve-process.ts';

/** The client sends the larger one by its digest first. */
const sizes: readonly [string, number][] = [
  ['100 kB', 100_000],
  ['9 MB', 9_000_000],
];

let directory: string;
let dataDir: string;
/** The file of the only content there is. */
let stored: string;

beforeEach(async () => {
  directory = await newDirectory();
  dataDir = join(directory, 'data');
});

/** Where the store is: opened by each command, or served by another process. */
type Where = readonly string[];

const embedded = (): Where => ['--data-dir', dataDir];

async function filled(where: Where, size: number): Promise<void> {
  await writeFile(join(directory, 'it.bin'), someBytes(size));
  await push(where, 's');
  const blobs = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  const [file, ...others] = blobs.filter((entry) => entry.isFile());
  expect(others).toEqual([]);
  stored = join(file!.parentPath, file!.name);
}

async function push(where: Where, session: string): Promise<void> {
  const ran = await artifacta('push', join(directory, 'it.bin'), '--session', session, ...where);
  expect(ran).toMatchObject({ code: 0 });
}

async function flip(): Promise<void> {
  const bytes = await readFile(stored);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(stored, bytes);
}

async function expectDamaged(where: Where, session: string): Promise<void> {
  const ran = await artifacta('cat', `${session}/it.bin`, ...where);
  expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('DATA_LOSS') });
}

async function expectRight(where: Where, ...sessions: string[]): Promise<void> {
  for (const session of sessions) {
    const to = join(directory, `pulled-${session}`);
    expect(await artifacta('pull', session, '--to', to, ...where)).toMatchObject({ code: 0 });
    const bytes = await readFile(join(to, 'it.bin'));
    expect(bytes.equals(await readFile(join(directory, 'it.bin')))).toBe(true);
  }
  expect(await artifacta('fsck', '--contents', ...where)).toMatchObject({ code: 0 });
}

describe.each(sizes)('%s, of which a byte is flipped', { timeout: 120_000 }, (_size, size) => {
  it.each(['s', 't'])('heal as the message says once they were read, pushed to session %s', async (to) => {
    await filled(embedded(), size);
    await flip();
    expect(await artifacta('fsck', ...embedded())).toMatchObject({ code: 0 });
    await expectDamaged(embedded(), 's');
    expect(await artifacta('fsck', ...embedded())).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^CONTENT_CORRUPT .*do not match their checksum/m),
    });
    await push(embedded(), to);
    await expectRight(embedded(), ...new Set(['s', to]));
  });

  it('heal when they are sent, though nobody has read them', async () => {
    const server = startServe(dataDir);
    const { grpc, http } = await server.ready;
    const where = ['--url', `grpc://${String(grpc)}`];
    await filled(where, size);
    await flip();
    const url = `http://${String(http)}/v1/sessions/t/artifacts/it.bin`;
    const answer = await fetch(url, { method: 'PUT', body: await readFile(join(directory, 'it.bin')) });
    expect(answer.ok).toBe(true);
    // Whoever opens the directory is served by the process that has it.
    await expectRight(embedded(), 's', 't');
  });

  it('heal when they were cut, though nobody has read them', async () => {
    await filled(embedded(), size);
    await truncate(stored, size >> 1);
    await push(embedded(), 't');
    await expectRight(embedded(), 's', 't');
  });
});

it('a directory of contents that is not there is no damage', { timeout: 120_000 }, async () => {
  const server = startServe(dataDir);
  const where = ['--url', `grpc://${String((await server.ready).grpc)}`];
  await filled(where, 100_000);
  await rename(join(dataDir, 'blobs'), join(dataDir, 'away'));
  const ran = await artifacta('pull', 's', '--to', join(directory, 'pulled'), ...where);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toMatch(/is the disk mounted\? \(STORE_UNAVAILABLE\)/);
  await rename(join(dataDir, 'away'), join(dataDir, 'blobs'));
  await expectRight(embedded(), 's');
});
