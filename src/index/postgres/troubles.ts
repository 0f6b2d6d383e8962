/** The faults of PostgreSQL and of the connection to it, in words. */
import { Failure } from '../../domain/errors.ts';
import { DatabaseTrouble } from '../trouble.ts';

export { DatabaseTrouble };

/** The words for a connection that ended without a reason. */
export const cutWords = 'the connection to the database was cut';

/** The words for a pooler that shares connections. */
export const poolerWords =
  'a pooler in front of the database gives connections to others between two transactions; set it to session mode';

/** The code of the server for a statement that was prepared on another connection. */
export const poolerCode = '26000';

/** By the system's error codes, and by those of https://www.postgresql.org/docs/current/errcodes-appendix.html */
const wordsByCode: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the database cannot be reached'],
  ['EHOSTUNREACH', 'the database cannot be reached'],
  ['ENETUNREACH', 'the database cannot be reached'],
  ['ENOENT', 'the database cannot be reached'],
  ['ENOTFOUND', 'the host of the database is not known'],
  ['EAI_AGAIN', 'the host of the database is not known'],
  ['ETIMEDOUT', 'the database does not answer'],
  ['ECONNRESET', cutWords],
  ['EPIPE', cutWords],
  ['08P01', 'the database or a pooler in front of it refuses the connection'],
  ['25006', 'the database is read-only'],
  ['25P03', 'the database ended a transaction in which nothing was read for five minutes'],
  [poolerCode, poolerWords],
  ['28000', 'the database refuses the user'],
  ['28P01', 'the database refuses the password'],
  ['3D000', 'the database does not exist'],
  ['3F000', 'the schema of the index is missing'],
  ['40001', 'the database ended the transaction because of another'],
  ['40P01', 'the database ended the transaction because of another'],
  ['42501', 'the user of the database lacks a privilege'],
  ['42704', 'the database does not know a setting: it is older than PostgreSQL 14, or another product'],
  ['42P01', 'a table of the index is missing'],
  ['42P05', poolerWords],
  ['53100', 'the disk of the database is full'],
  ['53200', 'the database has no memory left'],
  ['53300', 'the database has no connection left'],
  ['55P03', 'a lock in the database was not free in time'],
  ['57014', 'the database took too long'],
  ['57P01', 'the database has ended the connection'],
  ['57P02', 'the database has crashed'],
  ['57P05', 'the database has ended the connection'],
  ['57P03', 'the database is being started or stopped'],
  ['58030', 'the database reports an input/output error'],
]);

/** The messages of `pg` that have no code. */
const wordsByMessage: readonly (readonly [part: string, words: string])[] = [
  ['timeout expired', 'the database does not answer'],
  ['Query read timeout', 'the database does not answer'],
  ['Connection terminated', cutWords],
  ['not queryable', cutWords],
  ['received invalid response', cutWords],
];

/** Data that cannot be read: a block or an index of PostgreSQL is damaged. */
const damageCodes: ReadonlySet<string | undefined> = new Set(['XX001', 'XX002']);

/** Returns the trouble with the words for an error of `pg`. */
export function troubleWith(error: unknown): DatabaseTrouble {
  if (error instanceof DatabaseTrouble) return error;
  const { message, code } = error as { message?: string; code?: string };
  const words =
    wordsByCode.get(code ?? '') ??
    wordsByMessage.find(([part]) => message?.includes(part))?.[1] ??
    'the database refused the operation';
  return new DatabaseTrouble(words, code, error);
}

/** Returns the failure of an opening. @param advice what to do next, after the words of the trouble. */
export function refusal(trouble: DatabaseTrouble, advice?: string): Failure {
  const message = advice === undefined ? trouble.message : `${trouble.message}; ${advice}`;
  return new Failure('STORE_UNAVAILABLE', `the index could not be opened: ${message}`, {
    cause: trouble,
    retryAfterMs: 1_000,
  });
}

/** Returns the failure of a read. */
export function readFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const trouble = troubleWith(error);
  if (damageCodes.has(trouble.code))
    return new Failure('DATA_LOSS', `the index is damaged: ${trouble.message}`, { cause: trouble });
  return new Failure('STORE_UNAVAILABLE', `the index could not be read: ${trouble.words}`, {
    cause: trouble,
    retryAfterMs: 1_000,
  });
}
