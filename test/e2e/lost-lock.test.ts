/** Processes that drop a lock of their own store: they write nothing more, and say so. Only Linux tells them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { someBytes, uploadMessages } from '../support/calls.ts';
import { newDirectory, start } from '../support/command.ts';
import { artifacta } from '../support/in-process.ts';
import { listed, untilUnderWay } from './embedded-rig.ts';
import { clientFor, startServe } from './serve-process.ts';

/** Has a process open and close that file when it is sent SIGUSR2, and say so on standard error. */
async function droppingOnSignal(path: string): Promise<Record<string, string>> {
  const preload = join(await newDirectory(), 'preload.mjs');
  await writeFile(
    preload,
    `import { closeSync, openSync } from 'node:fs';
    process.on('SIGUSR2', () => {
      closeSync(openSync(${JSON.stringify(path)}, 'r'));
      process.stderr.write('dropped\\n');
    });`,
  );
  return { NODE_OPTIONS: `--import=${preload}` };
}

describe.runIf(process.platform === 'linux')('a process that has lost its lock', () => {
  it.each(['index', 'lock'])('ends, if it is a service (%s)', async (name) => {
    const dataDir = join(await newDirectory(), 'data');
    const server = startServe(dataDir, [], await droppingOnSignal(join(dataDir, name, 'LOCK')));
    const client = clientFor(String((await server.ready).grpc));
    await client.uploadArtifact(uploadMessages({ session: 'run', name: 'a' }, someBytes(100)));
    server.child.kill('SIGUSR2');
    expect(await server.ended).toBe(1);
    expect(server.warnings()[0]).toContain(`this process has lost its lock ${join(dataDir, name, 'LOCK')}`);
    expect(await listed(dataDir)).toHaveLength(1);
  });

  it('is refused the next batch, if it is a command', async () => {
    const dataDir = join(await newDirectory(), 'data');
    await artifacta('push', import.meta.filename, '--session', 'run', '--data-dir', dataDir);
    const env = await droppingOnSignal(join(dataDir, 'index', 'LOCK'));
    const pusher = start(['push', '-', '--session', 'run', '--name', 'late', '--data-dir', dataDir], {
      stdin: 'pipe',
      env,
    });
    // More than is read ahead: the rest is waited for in the middle of the call.
    pusher.child.stdin!.write(Buffer.alloc(17 * 1024 * 1024));
    await untilUnderWay(dataDir);
    const dropped = new Promise((resolve) => pusher.child.stderr!.once('data', resolve));
    pusher.child.kill('SIGUSR2');
    await dropped;
    pusher.child.stdin!.end();
    const { code, stderr } = await pusher.ended;
    expect(code).toBe(4);
    expect(stderr).toContain('has lost its lock');
    expect((await listed(dataDir)).map(({ name }) => name)).toEqual(['lost-lock.test.ts']);
  });
});
