import { open } from 'node:fs/promises';
import { UsageError } from '../exit.ts';
import { unreadable } from './cannot-read.ts';

/** Every service refuses a longer one. */
const tokenBytesMax = 16 * 1024;

/**
 * Returns the token in a file, without the white space around it. The file is read again each time, since issuers
 * replace tokens.
 *
 * @param warn called if every user can read the file.
 * @throws UsageError that names the file and does not show its content; also if other users can write to it, since they
 * could have put a token of theirs there.
 */
export async function readTokenFile(path: string, warn: (message: string) => void): Promise<string> {
  const refused = (why: string) => new UsageError(`the token file ${path} ${why}`);
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw refused('does not exist');
    throw refused(`cannot be read: ${unreadable[error.code ?? ''] ?? error.message}`);
  });
  try {
    const stats = await handle.stat();
    const { mode, uid, size } = stats;
    if (!stats.isFile()) throw refused('is not a regular file');
    const me = process.getuid?.();
    if (me !== undefined && uid !== me && uid !== 0)
      throw refused('belongs to another user; make a copy of your own, and run chmod 600 on it');
    if ((mode & 0o022) !== 0)
      throw refused('must not be writable by other users; chmod 600 makes it private');
    if ((mode & 0o004) !== 0) warn(`all users can read the token file ${path}; chmod 600 makes it private`);
    if (size > tokenBytesMax) throw refused(`must have at most ${tokenBytesMax} bytes`);
    const token = (await handle.readFile('utf8')).trim();
    if (token === '') throw refused('is empty');
    if (!/^[\x21-\x7e]+$/.test(token)) throw refused('must contain one token');
    return token;
  } finally {
    await handle.close();
  }
}
