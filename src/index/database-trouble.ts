/** The fault of a database on another machine, in words. */

/** An operation failed; {@link words} may go to callers, the message is for operators. */
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
