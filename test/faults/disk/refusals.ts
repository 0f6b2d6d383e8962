/**
 * Every error that a disk gives, at every call by which the index writes, for a while: reads go on, writes are refused
 * and acknowledged on no handle that has failed, and all goes on when the disk takes writes again.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { toArtifactaError } from '../../../src/client/errors.ts';
import { removeDirectory } from '../../support/directories.ts';
import { openConnection } from '../connection.ts';
import { inTime, ServerProcess } from '../server-process.ts';
import { Pushes } from './pushes.ts';
import type { Outcome, Scenario } from './scenario.ts';

const errors = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'] as const;
const calls = { write: 'write,pwrite64,writev,pwritev', fdatasync: 'fdatasync,fsync' } as const;
const recoveryMs = 60_000;
const sizes = [100, 3_000, 20_000];

/** From now on calls on these files fail in a process, until it is ended. */
async function failing(pid: number, error: string, which: string, paths: readonly string[]) {
  const args = ['-f', '-o', '/dev/null', '-e', `trace=${which}`, '-e', `inject=${which}:error=${error}`];
  const child = spawn('strace', [...args, ...paths.flatMap((path) => ['-P', path]), '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const attached = once(createInterface({ input: child.stderr }), 'line');
  await inTime(attached, 'strace did not attach');
  return async () => {
    const ended = once(child, 'close');
    child.kill('SIGINT');
    await ended;
  };
}

async function play(error: string, which: string): Promise<Outcome> {
  const home = await mkdtemp(join(tmpdir(), 'artifacta-refused-'));
  const dataDir = join(home, 'data');
  const pushes = new Pushes();
  const reads = { ok: 0 };
  try {
    const given = { dataDir, inlineBytesMax: 4_096 };
    {
      await using server = new ServerProcess(given, join(home, 'cache'));
      const ready = await server.whenReady();
      if (ready === undefined) throw new Error(`the server does not start: ${server.stderr}`);
      await using connection = await openConnection(ready.address);
      for (const size of sizes) await pushes.push(connection, size);
      // The log of a new database, and what is tried before another one is begun.
      const paths = ['000003.log', 'probe'].map((name) => join(dataDir, 'index', name));
      const mend = await failing(ready.pid, error, which, paths);
      for (let round = 0; round < 4; round++) {
        if (await pushes.push(connection, 100)) pushes.faults.push(`round ${round}: a push was acknowledged`);
        await connection.client.delete({ session: 'disk', name: 'n1' }).then(
          () => pushes.faults.push(`round ${round}: a deletion was acknowledged`),
          (thrown: unknown) => {
            const { reason, message } = toArtifactaError(thrown);
            if (reason !== 'STORE_UNAVAILABLE') pushes.faults.push(`a deletion: ${reason} ${message}`);
          },
        );
        await pushes.check(connection);
        reads.ok++;
      }
      await mend();
      const endMs = performance.now() + recoveryMs;
      while (!(await pushes.push(connection, 20_000))) {
        if (performance.now() > endMs) throw new Error('pushes did not go on by themselves');
        await delay(100);
      }
      await pushes.check(connection);
    }
    await using server = new ServerProcess(given, join(home, 'cache'));
    const ready = await server.whenReady();
    if (ready === undefined) throw new Error(`the server does not start again: ${server.stderr}`);
    await using connection = await openConnection(ready.address);
    await pushes.check(connection);
  } catch (thrown) {
    pushes.faults.push(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  } finally {
    removeDirectory(home);
  }
  return {
    faults: pushes.faults,
    said: `${reads.ok} rounds of reads, ${pushes.count('acknowledged')} pushes`,
  };
}

export const refusals: readonly Scenario[] = errors.flatMap((error) =>
  Object.entries(calls).map(([name, which]) => ({
    name: `${error} at every ${name} of the index for a while`,
    obstacle: () => (spawnSync('strace', ['-V']).status === 0 ? undefined : 'there is no strace'),
    play: () => play(error, which),
  })),
);
