/** The place of the index of a store: LevelDB in the data directory, or a schema of a database. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../blobs/files.ts';
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { modesBelow } from '../domain/system/file-modes.ts';
import { type IndexAddress, indexPlaceText } from '../domain/system/index-address.ts';
import type { EngineOptions } from '../index/engine/options.ts';
import type { IndexHome } from '../index/home.ts';
import { LevelHome } from '../index/leveldb/home.ts';
import { openLevelDatabase } from '../index/leveldb/leveldb.ts';
import type { LockWatch } from '../index/leveldb/lock-watch.ts';
import type { LockLost } from '../index/lock-lost.ts';
import { rowsOfRelease } from '../store/open.ts';
import { absentAsUndefined } from './directory-rights.ts';
import type { StartStage } from './slow-start.ts';

interface IndexPlaceOptions
  extends Pick<EngineOptions, 'clock' | 'onTrouble' | 'onLanded' | 'onReopened' | 'rowCacheBytes'> {
  readonly dataDir: string;
  /** Undefined: the data directory. */
  readonly address: IndexAddress | undefined;
  /** Given if other processes have the index open, too. Default: this process has it for itself. */
  readonly replica?: ReplicaPlace | undefined;
  /** The place of the contents, which must be the same for all replicas. */
  readonly contentsPlace: string;
  /** The kind of place to which the index is shipped, which must be the same for all replicas. Undefined: to none. */
  readonly shipsTo: 'bucket' | 'directory' | undefined;
  readonly locks: LockWatch;
  readonly warn: (message: string) => void;
  /** Called when another process has taken over the store in a database. */
  readonly onLost: (lost: LockLost) => void;
  readonly onStage: ((stage: StartStage) => void) | undefined;
  /** Called before each opening. Its errors are thrown. */
  readonly beforeOpening: () => Promise<void>;
}

/** The place of a process among the replicas of a store. */
export interface ReplicaPlace {
  /** `host:port` at which it takes the calls of the others. */
  readonly address: string;
  /** A text that two replicas have in common if they have the same secret. */
  readonly secretMark: string;
  /** Whether it speaks TLS with the others. */
  readonly isSecured: boolean;
  /** The time after which the others take over what it owned, if it has ended without a word. Default 10. */
  readonly leaseSeconds?: number | undefined;
}

/** The marks of indexes: a file shows of which kind the index of this data directory is. */
const levelMark = 'index.mark';
const databaseMark = 'postgres.mark';
const replicaMark = 'replica.mark';

/** Returns the place of the index for people. */
export function indexPlaceName(dataDir: string, address: IndexAddress | undefined): string {
  return address === undefined ? join(dataDir, 'index') : indexPlaceText(address);
}

/** Returns the home of the index. @throws Failure STORE_UNAVAILABLE if the index of this data directory is elsewhere. */
export async function indexHomeOf(options: IndexPlaceOptions): Promise<IndexHome> {
  const {
    dataDir,
    address,
    replica,
    contentsPlace,
    shipsTo,
    locks,
    onLost,
    onStage,
    beforeOpening,
    ...engine
  } = options;
  if (address !== undefined) {
    if (await exists(join(dataDir, levelMark)))
      throw elsewhere(
        `the index of this store is in ${dataDir}: --index cannot be given; to move it, import an export of it into ` +
          'a new store',
      );
    return await databaseHomeOf(address, dataDir, {
      ...engine,
      replica,
      contentsPlace,
      shipsTo,
      onLost,
      beforeOpening,
    });
  }
  if ((await exists(join(dataDir, databaseMark))) || (await exists(join(dataDir, replicaMark))))
    throw elsewhere(`the index of this store is in a database: give --index, as before`);
  return new LevelHome({
    ...engine,
    directory: join(dataDir, 'index'),
    markPath: join(dataDir, levelMark),
    ballastBytesMax: limits.ballastBytesMax,
    locks,
    beforeOpening: async () => {
      await beforeOpening();
      await makeDirectory(join(dataDir, 'index'), modesBelow(await stat(dataDir)));
      onStage?.('files');
    },
    openDatabase: async (...args) => {
      onStage?.('database');
      const database = await openLevelDatabase(...args);
      onStage?.('checks');
      return database;
    },
  });
}

async function databaseHomeOf(
  address: IndexAddress,
  dataDir: string,
  given: Omit<IndexPlaceOptions, 'dataDir' | 'address' | 'locks' | 'onStage'>,
): Promise<IndexHome> {
  const { replica, contentsPlace, shipsTo, ...options } = given;
  const { openPostgresDatabase } = await import('../index/postgres/database.ts');
  const { forgetStore, requireStoreOf } = await import('./contents/other-store.ts');
  const { url, schema } = address;
  const replicaMarkPath = join(dataDir, replicaMark);
  const openDatabase: typeof openPostgresDatabase = async (parts) => {
    const database = await openPostgresDatabase(parts);
    try {
      await requireStoreOf(dataDir, indexPlaceText(address), database);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  };
  if (replica !== undefined) {
    const { ReplicaHome } = await import('../index/postgres/replicas/home.ts');
    const { secretMark: secret, isSecured, ...place } = replica;
    // Its time is that of the database.
    const { clock: _, ...parts } = options;
    const settings = {
      'place of contents': contentsPlace,
      secret,
      'use of TLS': String(isSecured),
      'release’s rows': rowsOfRelease,
      // What one of them does not ship, none can.
      ...(shipsTo !== undefined && { 'place of exports': shipsTo }),
    };
    return new ReplicaHome({
      ...parts,
      markPath: replicaMarkPath,
      isShipped: shipsTo !== undefined,
      url,
      schema,
      ...place,
      settings,
      openDatabase,
    });
  }
  const { PostgresHome } = await import('../index/postgres/home.ts');
  const markPath = join(dataDir, databaseMark);
  const beforeAdopting = () => forgetStore(dataDir);
  return new PostgresHome({
    ...options,
    url,
    schema,
    markPath,
    replicaMarkPath,
    beforeAdopting,
    openDatabase,
  });
}

function elsewhere(message: string): Failure {
  return new Failure('STORE_UNAVAILABLE', message);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(absentAsUndefined)) !== undefined;
}
