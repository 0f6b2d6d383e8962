/** Commands that have a store open, for tests. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { answersOurs } from '../../src/server/addresses.ts';
import { someBytes, type UploadMessage, uploadMessages } from '../support/calls.ts';
import { type Running, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { clientFor } from './serve-process.ts';

/** Every version of every artifact in the session `run`. */
export async function listed(dataDir: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await artifacta(
    'ls',
    'run',
    '--all-versions',
    '--json',
    '--data-dir',
    dataDir,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** More than the command line reads ahead of standard input: the rest is waited for in the middle of the call. */
export const beyondReadAhead = 17 * 1024 * 1024;

/** A push from standard input that goes on until its input is ended. */
export async function slowPush(dataDir: string, name: string, sizeBytes = 3_000_000): Promise<Running> {
  const pusher = start(['push', '-', '--session', 'run', '--name', name, '--data-dir', dataDir], {
    stdin: 'pipe',
  });
  onTestFinished(async () => {
    pusher.child.kill('SIGKILL');
    await pusher.ended;
  });
  pusher.child.stdin!.write(Buffer.alloc(sizeBytes, name));
  return pusher;
}

/** An upload that is finished when the test says so. */
export function slowUpload(address: string, name: string) {
  const gate = Promise.withResolvers<void>();
  const bytes = someBytes(600_000);
  async function* parts(): AsyncGenerator<UploadMessage> {
    for await (const message of uploadMessages({ session: 'run', name }, bytes)) {
      if (message.part?.case === 'finish') await gate.promise;
      yield message;
    }
  }
  return { answer: clientFor(address).uploadArtifact(parts()), goOn: gate.resolve };
}

/** Where the socket is, unless the path is too long. */
export const socketOf = (dataDir: string) => join(dataDir, 'run', 'sock');

/** Resolves when a process accepts connections: a socket exists a moment before. */
export async function untilServed(path: string): Promise<void> {
  await expect.poll(() => answersOurs(path), { timeout: 15_000 }).toBe(true);
}

/** Resolves when there is no socket. */
export async function untilGone(path: string): Promise<void> {
  await expect.poll(async () => await stat(path).catch(() => 'gone'), { timeout: 15_000 }).toBe('gone');
}

/** An upload is once its bytes are on the disk: nothing but the staging file tells. */
export async function untilUnderWay(dataDir: string): Promise<void> {
  await expect.poll(async () => (await readdir(join(dataDir, 'tmp'))).length, { timeout: 15_000 }).toBe(1);
}
