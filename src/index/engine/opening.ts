/** Opens databases and checks them. */
import { Failure } from '../../domain/errors.ts';
import { IndexDamaged } from '../damage.ts';
import type { CommitRecord } from '../records.ts';
import { checkCommits } from './commits.ts';
import type { Database } from './database.ts';
import type { EngineOptions } from './options.ts';

/** Opens the database for reads. Undefined if it cannot be read either. */
export async function openReadable(options: EngineOptions, atLeast: number): Promise<Opened | undefined> {
  const { openForReads, warn } = options;
  if (openForReads === undefined) return undefined;
  try {
    return await openChecked({ ...options, openDatabase: openForReads }, atLeast);
  } catch (error) {
    if (isLoss(error)) throw error;
    warn?.(`the index cannot be opened for reads either: ${String(error)}`);
    return undefined;
  }
}

/** A database that has passed its check, and its newest commit. */
export interface Opened {
  readonly database: Database;
  readonly newest: CommitRecord;
}

/** Opens the database and checks it; nothing stays open if that fails. */
export async function openChecked(options: EngineOptions, atLeast: number): Promise<Opened> {
  const database = await options.openDatabase();
  try {
    const checked = await checkCommits(database, atLeast, options.ring);
    const newest = (await options.continueAfter?.(database, checked)) ?? checked;
    for (const line of database.dropped)
      options.warn?.(
        `the index is complete up to its high-water mark, but commits after that mark may be lost: ${line}`,
      );
    return { database, newest };
  } catch (error) {
    await database.close();
    if (!isLoss(error) || error instanceof IndexDamaged) throw error;
    throw new IndexDamaged(error.message, { lastCommit: atLeast }, error);
  }
}

/** Returns true if another process has the database open. */
export function isLocked(error: unknown): boolean {
  return error instanceof Failure && error.metadata.lock === 'held';
}

/** Returns true if acknowledged data is missing: another attempt does not help. */
export function isLoss(error: unknown): error is Failure {
  return error instanceof Failure && error.reason === 'DATA_LOSS';
}
