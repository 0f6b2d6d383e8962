/** Listening: the addresses on which it fails, and the place of a Unix socket. */
import { access, chmod, constants, lstat, mkdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { socketPathBytesMax } from '../domain/address.ts';
import { makeDirectories } from '../domain/system/make-directories.ts';

/** The error for an address on which the service cannot listen. Names the address and the reason. */
export class ListenError extends Error {
  readonly listener: 'grpc' | 'http' | 'admin' | 'socket';

  constructor(listener: ListenError['listener'], target: string, cause: Error) {
    super(`cannot listen on ${target}: ${reasonOf(cause.message)}`, { cause });
    this.name = 'ListenError';
    this.listener = listener;
  }
}

/**
 * Returns the reason in an error's message. Both grpc-js and Node have the code in the message; only Node also has it
 * elsewhere.
 */
function reasonOf(message: string): string {
  if (message.includes('EADDRINUSE')) return 'the address is in use';
  if (message.includes('EADDRNOTAVAIL')) return 'the machine does not have this address';
  if (message.includes('EACCES')) return 'permission denied';
  return message;
}

/**
 * Makes the place for a Unix socket: its directory, closed to all other users, without a socket that a dead process has
 * left.
 *
 * @throws Error if the path is too long, the directory is open to others, or the path is something other than a socket,
 * or a socket on which a process listens.
 */
export async function prepareSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > socketPathBytesMax)
    throw new Error(
      `the path of the socket must have at most ${socketPathBytesMax} bytes: ${path}. Give --socket a shorter path`,
    );
  await privateDirectory(dirname(path), path);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket())
    throw new Error(
      `cannot make the socket: something else exists at ${path}. Remove it, or give --socket another path`,
    );
  if (await answers(path))
    throw new Error(
      `another process listens on the socket: ${path}. Stop that process, or give --socket another path`,
    );
  await rm(path, { force: true });
}

/**
 * Makes the directory, or checks it. A user who may enter the directory may call the service: to be the only one is the
 * socket's authentication.
 */
async function privateDirectory(path: string, socket: string): Promise<void> {
  const created = await makeDirectories({ mkdir, stat }, path);
  if (created !== undefined) await chmod(path, 0o700);
  const { mode, uid } = await lstat(path);
  if ((mode & 0o077) !== 0) {
    // A directory that several containers share is not theirs to close.
    const closing = uid === process.getuid?.() ? `run "chmod 700 ${path}", or start` : 'start';
    const own = join(path, 'own');
    throw new Error(
      `the directory of the socket must be open only to its owner: ${closing} with --socket ` +
        `${join(own, basename(socket))} (the service makes ${own})`,
    );
  }
  const user = process.getuid?.();
  if (uid === user || !((await isForeign(path)) || (await isClosed(path)))) return;
  throw new Error(
    `the directory of the socket belongs to the user ${uid}, and this process runs as the user ${user}: ${path}. ` +
      `Give --socket a path whose directory does not exist yet, such as ${elsewhere(path, socket)}, or remove the directory`,
  );
}

/** Returns a path next to the directory, since no other user may make anything in it. */
function elsewhere(directory: string, socket: string): string {
  return join(`${directory}-${process.getuid?.()}`, basename(socket));
}

/** Returns true if this user cannot make a socket in it. */
async function isClosed(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => false,
    () => true,
  );
}

/**
 * Returns true if another user has made the directory where all may: a name in /tmp that can be guessed. Elsewhere the
 * owner of the parent directory decides whose it is.
 */
async function isForeign(path: string): Promise<boolean> {
  const [{ uid }, around] = await Promise.all([lstat(path), stat(dirname(path))]);
  return uid !== process.getuid?.() && (around.mode & 0o002) !== 0;
}

/** Like {@link answers}, but does not connect if another user may have put a socket there in place of this user's. */
export async function answersOurs(path: string): Promise<boolean> {
  const foreign = await isForeign(dirname(path)).catch(() => false);
  return !foreign && (await answers(path));
}

/** Returns true if a process accepts connections on the Unix socket. */
async function answers(path: string): Promise<boolean> {
  const socket = createConnection({ path });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
