/**
 * The lock of a directory. Taking it writes nothing, so that it can be taken on a disk that is full.
 *
 * It is a POSIX lock on the file `LOCK`, which the system drops when the process ends. Node offers no such lock.
 * SQLite, which is part of Node, takes one on a database that it opens, and never writes to the file as long as nothing
 * is committed. LevelDB locks its own `LOCK` in the same way, the whole file. If LevelDB made this file, as earlier
 * versions of the program did, each of the two locks excludes the other.
 *
 * POSIX locks belong to the process. A process that opens `LOCK` in any other way and closes it has lost the lock;
 * {@link LockWatch} notices that.
 */
import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../../domain/errors.ts';
import { isAbsent, makePrivate } from '../files.ts';
import { troubleOf } from '../trouble.ts';
import type { LockWatch } from './lock-watch.ts';

/** SQLite's code for a database that another connection has locked. */
const sqliteBusy = 5;

/**
 * With a journal on the disk, the lock would need room. IMMEDIATE takes the one byte that only one process may write:
 * of several simultaneous requests exactly one gets it, which is not so with EXCLUSIVE. SQLite opens a read-only file
 * for reads without an error, and its lock is shared then. A change, which is never committed, fails in that case.
 */
const taking = 'PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE; PRAGMA user_version = 1';

/** The garbage collector would close a database without references, and release its lock. */
const taken = new Set<DatabaseSync>();

/**
 * Keeps every other process from taking the same lock until it is disposed, or until this process has ended.
 *
 * Fails with `STORE_UNAVAILABLE`; `lock: 'held'` in the metadata says that the lock is taken already, by another process
 * or by this one.
 */
export async function takeLock(directory: string, locks?: LockWatch): Promise<AsyncDisposable> {
  const path = join(directory, 'LOCK');
  let database: DatabaseSync | undefined;
  try {
    await makePrivate(directory);
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec(taking);
  } catch (error) {
    database?.close();
    throw await lockFailure(path, error);
  }
  const locked = database;
  taken.add(locked);
  await locks?.add(directory);
  return {
    async [Symbol.asyncDispose]() {
      if (!taken.delete(locked)) return;
      locks?.remove(directory);
      locked.close();
    },
  };
}

async function lockFailure(path: string, error: unknown): Promise<Failure> {
  if ((error as { errcode?: unknown }).errcode === sqliteBusy)
    return new Failure('STORE_UNAVAILABLE', `another process has the index open: ${path}`, {
      metadata: { lock: 'held' },
      cause: error,
    });
  const cause = (error as { errcode?: unknown }).errcode === undefined ? error : await causeOf(path, error);
  return new Failure(
    'STORE_UNAVAILABLE',
    `the lock cannot be taken: ${path}: ${troubleOf(cause)}: ${cause}`,
    {
      cause,
    },
  );
}

/** Returns the error of the system, which SQLite does not report. */
async function causeOf(path: string, error: unknown): Promise<unknown> {
  const obstacle = (at: string) =>
    access(at, constants.R_OK | constants.W_OK).then(
      () => undefined,
      (found: unknown) => found,
    );
  const found = await obstacle(path);
  // If the file is absent, it could not be made.
  return (found !== undefined && isAbsent(found) ? await obstacle(dirname(path)) : found) ?? error;
}
