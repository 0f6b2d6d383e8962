/** What makes sure that a process writes only what it owns: the store, or some of its namespaces. */
import type { Buffer } from 'node:buffer';
import type { Write } from '../row.ts';
import type { Connection } from './connection.ts';

/** See the head of this file. `ownership.ts` and `replicas/replica-writer.ts` implement it. */
export interface WriteOwner {
  /** Makes the connection the one that this process writes through. Returns a number for its batches. @throws Failure */
  take(connection: Connection): Promise<number>;
  /**
   * Writes a batch, all or nothing. False if this process may not write it any more: nothing was written then.
   *
   * @param taken what {@link take} has returned for the connection.
   * @param arrays the removed keys, the written keys and their values.
   * @param fences see {@link Database.batch}.
   * @param writes what the arrays were made of, the commit last.
   */
  write(
    connection: Connection,
    taken: number,
    arrays: readonly Buffer[],
    fences: ReadonlyMap<string, number>,
    writes: readonly Write[],
  ): Promise<boolean>;
  /** Returns the error of a batch on this connection that was not written. @throws DatabaseTrouble */
  lostOn(connection: Connection, taken: number): Promise<Error>;
}
