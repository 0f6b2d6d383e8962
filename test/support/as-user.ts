/** Command lines of other users of the machine; for root alone. */
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Ended } from './command.ts';

export interface OtherUser {
  readonly uid: number;
  /** The first is that of new files. */
  readonly gids: readonly [number, ...number[]];
  readonly umask?: number;
  /** A directory of theirs: their home, and where caches go. */
  readonly home: string;
  /** What they have instead of all that a user's directory is told by. */
  readonly env?: Readonly<Record<string, string>>;
}

const launcher = resolve(import.meta.dirname, '../../bin/artifacta');

/** Groups first: who is not root any more may not choose them. */
const become = `
const [user, command, ...args] = JSON.parse(process.argv[1]);
process.umask(user.umask ?? 0o022);
if (user.uid !== process.getuid()) {
  process.setgroups(user.gids);
  process.setgid(user.gids[0]);
  process.setuid(user.uid);
}
const { status, signal } = require('node:child_process').spawnSync(command, args, { stdio: 'inherit' });
process.exit(status ?? 128);
`;

/** Runs `artifacta ARGS` to its end. */
export function artifactaAs(user: OtherUser, args: readonly string[], timeoutMs = 30_000): Promise<Ended> {
  const argument = JSON.stringify([user, launcher, ...args]);
  const [cache, config] = ['cache', 'config'].map((name) => join(user.home, name));
  const own = { HOME: user.home, XDG_CACHE_HOME: cache, XDG_CONFIG_HOME: config };
  const { PATH = '' } = process.env;
  const env = user.env === undefined ? { ...process.env, ...own } : { PATH, ...user.env };
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['-e', become, argument],
      { env, timeout: timeoutMs },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : (error.code ?? error.signal ?? 'unknown');
        done({ code, stdout, stderr });
      },
    );
  });
}
