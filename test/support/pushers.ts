/** Many command lines that push at once into one data directory that nobody serves. */
import { mkdir, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ended, type Running, start } from './command.ts';

interface Pushed {
  readonly name: string;
  readonly requestId: string;
  readonly ended: Ended;
  /** How often it was killed and run again. */
  readonly kills: number;
}

interface PushersOptions {
  readonly directory: string;
  readonly dataDir: string;
  readonly count: number;
  /** Kill whoever holds the store so many times. Default 0. */
  readonly kills?: number;
}

/** Runs them all to their ends; one that was killed is run again with the same request id. */
export async function pushAtOnce({
  directory,
  dataDir,
  count,
  kills = 0,
}: PushersOptions): Promise<Pushed[]> {
  await mkdir(directory, { recursive: true });
  const running = new Map<number, Running>();
  let killsLeft = kills;
  let unfinished = count;
  const pushers = Array.from({ length: count }, async (_, at): Promise<Pushed> => {
    const name = `file-${at}.txt`;
    const requestId = `push-${at}`;
    const path = join(directory, name);
    // Every third is a file of its own in the store.
    await writeFile(path, at % 3 === 0 ? `${at} `.repeat(20_000) : `content ${at}`);
    const args = [
      'push',
      path,
      '--session',
      'run',
      '--name',
      name,
      '--request-id',
      requestId,
      '--data-dir',
      dataDir,
    ];
    for (let killed = 0; ; killed++) {
      const process = start(args);
      running.set(process.child.pid!, process);
      const ended = await process.ended;
      running.delete(process.child.pid!);
      if (ended.code === 'SIGKILL') continue;
      unfinished--;
      return { name, requestId, ended, kills: killed };
    }
  });
  const killer = (async () => {
    while (killsLeft > 0 && unfinished > 0) {
      const opener = await openerOf(dataDir);
      const process = opener === undefined ? undefined : running.get(opener);
      // It may have come to its own end before the signal came.
      if (process?.child.kill('SIGKILL') && (await process.ended).code === 'SIGKILL') killsLeft--;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const pushed = await Promise.all(pushers);
  await killer;
  return pushed;
}

/** The process that has the store open: the one that has its lock open. */
export async function openerOf(dataDir: string): Promise<number | undefined> {
  const lock = join(dataDir, 'index', 'LOCK');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (target === lock) return Number(pid);
    }
  }
  return undefined;
}
