/** Names the fault of a disk or of a database, in words, and says whether more room would mend it. */

import { quotaExceededCode } from '../domain/system/quota-code.ts';

/** An operation of a database on another machine failed. {@link words} may go to callers, the message is for operators. */
export class DatabaseTrouble extends Error {
  /** The fault, without names of machines, users and databases. */
  readonly words: string;
  /** The code of the system or of the database; undefined if none is known. */
  readonly code: string | undefined;

  constructor(words: string, code?: string, cause?: unknown) {
    const said = cause instanceof Error ? cause.message || String(code) : '';
    super(said === '' ? words : `${words}: ${said}`, { cause });
    this.name = 'DatabaseTrouble';
    this.words = words;
    this.code = code;
  }
}

/** The system's error codes of writes, LevelDB's words for them, and the words for people. */
const troubles: readonly (readonly [code: string, spelling: string, words: string])[] = [
  ['ENOSPC', 'No space left on device', 'the disk is full'],
  [quotaExceededCode, 'Disk quota exceeded', 'the disk quota is used up'],
  ['EFBIG', 'File too large', 'the file is too large for the file system'],
  ['EIO', 'Input/output error', 'the disk reports an input/output error'],
  ['EROFS', 'Read-only file system', 'the file system is read-only'],
  ['EACCES', 'Permission denied', 'permission is denied'],
  ['EPERM', 'Operation not permitted', 'permission is denied'],
  ['EMFILE', 'Too many open files', 'too many files are open'],
  ['ENFILE', 'Too many open files in system', 'too many files are open'],
];

function codeOf(error: unknown): string | undefined {
  for (let each: unknown = error, depth = 0; each !== undefined && each !== null && depth < 5; depth++) {
    const { code, message, cause } = each as { code?: unknown; message?: unknown; cause?: unknown };
    const text = typeof message === 'string' ? message : '';
    const found = troubles.find(([known, spelling]) => code === known || text.includes(spelling));
    if (found !== undefined) return found[0];
    each = cause;
  }
  return undefined;
}

/** Returns the fault in words that name no path. */
export function troubleOf(error: unknown): string {
  return knownTroubleOf(error) ?? 'the disk refused the operation';
}

/** Returns the same words for the known faults; undefined for others. */
function knownTroubleOf(error: unknown): string | undefined {
  const trouble = error instanceof Error && error.cause instanceof DatabaseTrouble ? error.cause : error;
  if (trouble instanceof DatabaseTrouble) return trouble.words;
  const code = codeOf(error);
  return troubles.find(([known]) => known === code)?.[2];
}

/** Returns the same text for errors of the same kind. */
export function causeOf(error: unknown): string {
  return knownTroubleOf(error) ?? String(error);
}

/** Returns true if no room was left: the reserve may help. */
export function lacksRoom(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === quotaExceededCode;
}
