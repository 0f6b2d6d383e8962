/**
 * The mark of a replica: a file in its data directory that names a commit of its own which was durable. The commits of
 * replicas have rings; the number of a replica, and so its ring, may be another at its next start. The epoch of the store
 * tells whether the index was replaced since: then the commit is not in it, and need not be.
 */
import type { After } from '../../../domain/timer.ts';
import { IndexDamaged } from '../../damage.ts';
import { checkCommits } from '../../engine/commits.ts';
import type { Database } from '../../engine/database.ts';
import type { Mark } from '../../engine/options.ts';
import { MarkFile, readMark } from '../../mark.ts';
import type { Connection } from '../connection.ts';

/** A commit of a replica. */
interface Marked {
  /** The epoch of the store when it was written. */
  readonly epoch: number;
  readonly ring: number;
  readonly seq: number;
}

/** The times of a store at which it had one process: each raises the epoch. */
export interface History {
  readonly epoch: number;
  /** The epoch in which the index was replaced last; 0 if it never was. */
  readonly replaced: number;
}

/** Returns the commit that the mark names; undefined if none exists. @throws IndexDamaged if it makes no sense. */
export async function readMarked(path: string): Promise<Marked | undefined> {
  const numbers = await readMark(path, 3);
  if (numbers === undefined) return undefined;
  const [epoch, ring, seq] = numbers as [number, number, number];
  return { epoch, ring, seq };
}

/** Returns the mark that a replica writes. It leaves the mark before as it is until the first commit is noted. */
export function markOf(
  { epoch, ring }: Pick<Marked, 'epoch' | 'ring'>,
  options: { readonly path: string; readonly after: After; warn(message: string): void },
): Mark {
  return new MarkFile({ ...options, before: [epoch, ring] }, 0);
}

/** Fails with IndexDamaged unless the database has a commit that a mark names. */
export async function requireMarked(database: Database, marked: Marked, history: History): Promise<void> {
  if (history.replaced > marked.epoch) return;
  await checkCommits(database, marked.seq, marked.ring);
  if (history.epoch < marked.epoch)
    throw new IndexDamaged(
      `the index lost what was written before commit ${marked.seq} of replica ${marked.ring}: ${database.whyLost}`,
      { lastCommit: marked.seq },
    );
}

const isReplaced = (schema: string) => `to_regclass('"${schema}".replaced') IS NOT NULL`;

/** Returns the history of a store, whose tables exist. */
export async function historyOf(connection: Connection, schema: string): Promise<History> {
  const [row] = await connection.query({
    name: 'history',
    text: `SELECT epoch, ${isReplaced(schema)} FROM "${schema}".store`,
  });
  const [epoch, hasTable] = row as [number, boolean];
  if (!hasTable) return { epoch, replaced: 0 };
  const [found] = await connection.query({
    name: 'replaced',
    text: `SELECT epoch FROM "${schema}".replaced`,
  });
  return { epoch, replaced: (found?.[0] as number | undefined) ?? 0 };
}

/** Returns a statement that notes that the index is replaced in an epoch, if replicas ever had the store open. */
export function noteReplaced(schema: string, epoch: number): string {
  return `DO $$ BEGIN
  IF ${isReplaced(schema)} THEN
    INSERT INTO "${schema}".replaced (epoch) VALUES (${epoch}) ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch;
  END IF;
END $$`;
}
