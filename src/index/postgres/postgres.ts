/** The index on PostgreSQL: one process owns the whole store. The contract is in `door.ts`. */
import { afterRealTime } from '../../domain/timer.ts';
import type { Index } from '../door.ts';
import { continueAfterReplicas } from '../engine/commits.ts';
import type { Database } from '../engine/database.ts';
import { openEngine } from '../engine/engine.ts';
import type { OpeningOptions } from '../engine/options.ts';
import type { LockLost } from '../lock-lost.ts';
import { openMark } from '../mark.ts';
import { Connections } from './connections.ts';
import { openPostgresDatabase, type PostgresDatabaseOptions } from './database.ts';
import { Ownership } from './ownership.ts';
import { readMarked, requireMarked } from './replicas/marked.ts';
import { probe } from './schema.ts';

/** The place of the index, and its parts and settings. */
export interface PostgresIndexOptions
  extends Pick<PostgresDatabaseOptions, 'url' | 'schema' | 'momentsMax'>,
    OpeningOptions {
  /** The path of the high-water mark: it shows that a database which took over lacks commits. */
  readonly markPath: string;
  /** The path of the mark of a replica that ran with the same data directory. Default: none did. */
  readonly replicaMarkPath?: string | undefined;
  /** The time for which an opening waits until another process gives up the store. Default 5. */
  readonly waitSeconds?: number | undefined;
  /** Called once when another process has taken the store over. Default: nothing is called. */
  readonly onLost?: ((lost: LockLost) => void) | undefined;
  /** Opens the database. Default {@link openPostgresDatabase}. */
  readonly openDatabase?: (options: PostgresDatabaseOptions) => Promise<Database>;
}

/**
 * Opens the index, and creates it if it does not exist.
 *
 * Fails with {@link IndexDamaged} if commits are missing, and with `STORE_UNAVAILABLE` if it cannot be opened; the
 * metadata then says `lock: 'held'` if another process has it open.
 */
export async function openPostgresIndex(options: PostgresIndexOptions): Promise<Index> {
  const { url, schema, markPath, replicaMarkPath, momentsMax, waitSeconds, onLost, openDatabase, ...engine } =
    options;
  const { warn = () => undefined } = engine;
  const mark = await openMark({ path: markPath, after: engine.after ?? afterRealTime, warn });
  const marked = replicaMarkPath === undefined ? undefined : await readMarked(replicaMarkPath);
  const ownership = new Ownership({ schema, warn, waitSeconds, onLost });
  const connections = new Connections(url);
  const database = { url, schema, ownership, momentsMax, connections, after: afterRealTime };
  return await openEngine({
    probe: () => probe(connections),
    ...engine,
    mark,
    continueAfter: async (opened, newest) => {
      if (marked !== undefined) await requireMarked(opened, marked, ownership.history);
      return await continueAfterReplicas(opened, newest);
    },
    isReadable: () => connections.isReachable,
    abandon: () => connections.abandon(),
    openDatabase: () => (openDatabase ?? openPostgresDatabase)(database),
  });
}
