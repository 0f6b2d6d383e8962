/** Listening: what cannot be listened on, and the place of a Unix socket. */
import { access, chmod, constants, lstat, mkdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { socketPathBytesMax } from '../domain/address.ts';
import { makeDirectories } from '../domain/system/make-directories.ts';

/** An address that cannot be listened on. Names it and says why. */
export class ListenError extends Error {
  readonly door: 'grpc' | 'http' | 'admin' | 'socket';

  constructor(door: ListenError['door'], target: string, cause: Error) {
    super(`cannot listen on ${target}: ${reasonOf(cause.message)}`, { cause });
    this.name = 'ListenError';
    this.door = door;
  }
}

/** Both grpc-js and Node have the code in the message, and only the latter elsewhere. */
function reasonOf(message: string): string {
  if (message.includes('EADDRINUSE')) return 'the address is in use';
  if (message.includes('EADDRNOTAVAIL')) return 'the machine does not have this address';
  if (message.includes('EACCES')) return 'permission denied';
  return message;
}

/**
 * Makes the place for a Unix socket: its directory, open to nobody else, and no socket that a dead process has left.
 *
 * @throws Error if the path is too long, the directory is open to others, or something is there or listens there.
 */
export async function prepareSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > socketPathBytesMax)
    throw new Error(`the socket's path is longer than ${socketPathBytesMax} bytes: ${path}`);
  await privateDirectory(dirname(path), path);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`there is something else where the socket is to be: ${path}`);
  if (await answers(path)) throw new Error(`another process listens on the socket: ${path}`);
  await rm(path, { force: true });
}

/** Whoever may enter the directory may call the service: being the only one is the socket's authentication. */
async function privateDirectory(path: string, socket: string): Promise<void> {
  const created = await makeDirectories({ mkdir, stat }, path);
  if (created !== undefined) await chmod(path, 0o700);
  const { mode, uid } = await lstat(path);
  if ((mode & 0o077) !== 0) {
    // One that several containers share is not theirs to close.
    const closing = uid === process.getuid?.() ? `chmod 700 ${path}, or name ` : 'name ';
    const own = join(path, 'own', basename(socket));
    throw new Error(
      `the socket's directory must be open to its owner only: ${closing}${own}, whose directory is then made`,
    );
  }
  const user = process.getuid?.();
  if (uid === user || !((await isForeign(path)) || (await isClosed(path)))) return;
  throw new Error(
    `the socket's directory belongs to the user ${uid}, and this is the user ${user}: ${path}. ` +
      `Name a path by --socket whose directory is not there yet, such as ${elsewhere(path, socket)}, or remove it`,
  );
}

/** Beside the directory, since nobody else may make anything in it. */
function elsewhere(directory: string, socket: string): string {
  return join(`${directory}-${process.getuid?.()}`, basename(socket));
}

/** True if this user cannot make a socket in it. */
async function isClosed(path: string): Promise<boolean> {
  return await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => false,
    () => true,
  );
}

/**
 * True if somebody else has made the directory where all may: a name in /tmp that can be foretold. Elsewhere it is
 * for whoever owns what is around it to say whose it is.
 */
async function isForeign(path: string): Promise<boolean> {
  const [{ uid }, around] = await Promise.all([lstat(path), stat(dirname(path))]);
  return uid !== process.getuid?.() && (around.mode & 0o002) !== 0;
}

/** Like {@link answers}, but nobody is asked who may have put the socket there in the place of this user's. */
export async function answersOurs(path: string): Promise<boolean> {
  const foreign = await isForeign(dirname(path)).catch(() => false);
  return !foreign && (await answers(path));
}

/** True if something accepts connections on the Unix socket. */
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
