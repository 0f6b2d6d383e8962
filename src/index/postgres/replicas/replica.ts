/** The index of a replica: several processes over one database, each of which decides about the namespaces it owns. */
import { Failure } from '../../../domain/errors.ts';
import { afterRealTime } from '../../../domain/timer.ts';
import type { Index, Transaction } from '../../door.ts';
import { newestCommit } from '../../engine/commits.ts';
import type { Database } from '../../engine/database.ts';
import { openEngine } from '../../engine/engine.ts';
import type { OpeningOptions } from '../../engine/options.ts';
import { decodeRow } from '../../engine/stored-row.ts';
import type { LockLost } from '../../lock-lost.ts';
import { notOwner } from '../../owners.ts';
import { Connections } from '../connections.ts';
import { openPostgresDatabase, type PostgresDatabaseOptions } from '../database.ts';
import { readMany } from '../reads.ts';
import { probe } from '../schema.ts';
import { statementsOf } from '../statements.ts';
import { Control, failureOf } from './control.ts';
import { markOf, readMarked, requireMarked } from './marked.ts';
import { Membership } from './membership.ts';
import { ReplicaOwners, type Tenure } from './replica-owners.ts';
import { ReplicaWriter } from './replica-writer.ts';
import { PostgresShipments } from './shipments.ts';
import { replicaStatementsOf } from './tables.ts';

/** The place of the index, and the parts and settings of a replica. */
export interface ReplicaOptions
  extends Pick<PostgresDatabaseOptions, 'url' | 'schema' | 'momentsMax'>,
    Omit<OpeningOptions, 'clock'> {
  /** Milliseconds since the Unix epoch. Default: the server's time. */
  readonly clock?: () => number;
  /**
   * The path of the high-water mark: it shows that a database which took over lacks commits of this replica. Default:
   * none is kept.
   */
  readonly markPath?: string | undefined;
  /** `host:port` at which this replica takes the calls of the others. */
  readonly address: string;
  /** What must be the same for all replicas of a store, by its name in words. Default: nothing. */
  readonly settings?: Readonly<Record<string, string>>;
  /** True: each batch waits to be shipped, see {@link Index.shipments}. Default false. */
  readonly isShipped?: boolean | undefined;
  /** The time after which others take over what a replica owned that has ended without a word. Default 10. */
  readonly leaseSeconds?: number | undefined;
  /** Returns milliseconds from any origin. Default: the clock of the process. */
  readonly elapsed?: () => number;
  /** Called once when another process has the place of this one among the replicas. Default: nothing is called. */
  readonly onLost?: ((lost: LockLost) => void) | undefined;
  /** Opens the database. Default {@link openPostgresDatabase}. */
  readonly openDatabase?: (options: PostgresDatabaseOptions) => Promise<Database>;
}

const leaseSecondsDefault = 10;

/**
 * Opens the index as one of several processes, and creates it if it does not exist. Its time is that of the server.
 *
 * Fails with {@link IndexDamaged} if commits are missing, and with `STORE_UNAVAILABLE` if it cannot be opened.
 */
export async function openPostgresReplica(options: ReplicaOptions): Promise<Index> {
  const {
    url,
    schema,
    markPath,
    momentsMax,
    address,
    settings = {},
    isShipped = false,
    openDatabase,
    onLost,
    ...engine
  } = options;
  const { leaseSeconds = leaseSecondsDefault, elapsed = () => performance.now() } = options;
  const { warn = () => undefined, after = afterRealTime } = engine;
  const statements = replicaStatementsOf(schema);
  const connections = new Connections(url);
  const control = new Control({ open: () => connections.connect(), schema, warn });
  const leaseMs = Math.round(leaseSeconds * 1_000);
  // What an operator has set for one of them, and waits for, is not what another does.
  const same = { ...settings, lease: `${leaseSeconds} seconds` };
  const place = { url, schema, connections };
  const own = { schema, address, settings: same, leaseMs };
  const parts = { ...own, control, statements, after, elapsed, warn, onLost };
  let membership: Membership | undefined;
  try {
    const marked = markPath === undefined ? undefined : await readMarked(markPath);
    membership = await Membership.join(parts);
    const { number } = membership;
    const newestTime = newestTimeBy(control, schema);
    const owners = new ReplicaOwners({ control, statements, membership, newestTime, warn });
    // A process that had the store for itself wrote to the first ring.
    owners.timeMin = await newestTime(0);
    if (owners.timeMin > 0) owners.timeMin++;
    const { clock = () => membership!.now() } = engine;
    const ownership = new ReplicaWriter(statements, membership, owners, isShipped);
    const database = { ...place, ownership, momentsMax, isShared: true, after: afterRealTime };
    const index = await openEngine({
      probe: () => probe(connections),
      ...engine,
      clock: () => Math.max(owners.timeMin, clock()),
      ring: number,
      ...(markPath && {
        mark: markOf({ epoch: control.history.epoch, ring: number }, { path: markPath, after, warn }),
      }),
      continueAfter: async (opened, newest) => {
        if (marked !== undefined) await requireMarked(opened, marked, control.history);
        return newest;
      },
      ownRows: owners,
      isReadable: () => connections.isReachable,
      abandon: () => connections.abandon(),
      openDatabase: () => (openDatabase ?? openPostgresDatabase)(database),
    });
    const shipments = isShipped ? shipmentsIn(place, control) : undefined;
    return replicaIndex(index, { owners, membership, control, shipments });
  } catch (error) {
    await membership?.leave();
    await control.close();
    throw failureOf(error);
  }
}

/** The last batches are shipped after the index was closed: the connection is another one, which they end. */
function shipmentsIn({ url, schema }: Pick<ReplicaOptions, 'url' | 'schema'>, { history }: Control) {
  return new PostgresShipments({
    open: () => new Connections(url).connect(),
    schema,
    epoch: history.epoch,
  });
}

/** Returns a function for the time of the newest commit of a member. */
function newestTimeBy(control: Control, schema: string) {
  const statements = statementsOf(schema);
  return async (number: number): Promise<number> => {
    const getMany = async (keys: readonly Uint8Array[]) => {
      const stored = await control.use((connection) => readMany(connection, statements, keys));
      return stored.map((row, at) => (row === undefined ? undefined : decodeRow(keys[at]!, row)));
    };
    return (await newestCommit({ getMany }, number)).time;
  };
}

interface ReplicaParts {
  readonly owners: ReplicaOwners;
  readonly membership: Membership;
  readonly control: Control;
  readonly shipments: PostgresShipments | undefined;
}

/** Returns the index with transactions about the namespaces that this replica owns, and no others. */
function replicaIndex(engine: Index, { owners, membership, control, shipments }: ReplicaParts): Index {
  let closing: Promise<void> | undefined;
  const end = async () => {
    // What was accepted is finished.
    await Promise.all([owners.leave(), engine.close()]);
    await membership.leave();
    await control.close();
  };
  const close = () => {
    closing ??= end();
    return closing;
  };
  return {
    transact: async (transaction) => {
      if (closing !== undefined) throw new Failure('SHUTTING_DOWN', 'the index is closing');
      return await transactOwned(engine, owners, transaction);
    },
    get: (key) => engine.get(key),
    getMany: (wanted) => engine.getMany(wanted),
    cached: engine.cached,
    scan: (range) => engine.scan(range),
    snapshot: () => engine.snapshot(),
    compact: (range) => engine.compact(range),
    now: () => engine.now(),
    get trouble() {
      return engine.trouble;
    },
    get isReadable() {
      return engine.isReadable;
    },
    get epoch() {
      return engine.epoch;
    },
    nextEpoch: () => engine.nextEpoch(),
    owners,
    shipments,
    get stats() {
      return { ...engine.stats, replica: owners.stats };
    },
    get waiting() {
      return engine.waiting;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** @throws Failure NOT_OWNER. Nothing was done then. */
async function transactOwned<T>(
  engine: Index,
  owners: ReplicaOwners,
  transaction: Transaction<T>,
): Promise<T> {
  // Whatever is owned already is accepted at once.
  const tenure = owners.find(transaction.ns) ?? (await tenureOf(owners, transaction.ns));
  tenure.underWay++;
  let hasWritten = false;
  try {
    const result = await engine.transact<T>({
      ...transaction,
      fence: tenure.epoch,
      *decide(tx) {
        if (!owners.isGood(tenure)) throw notOwner(tenure.ns, undefined);
        const decided = yield* transaction.decide(tx);
        hasWritten = tx.written.size > 0;
        return decided;
      },
    });
    // What was written was fenced. What was only read may be another owner's by now.
    if (!hasWritten && !owners.isGood(tenure)) throw notOwner(tenure.ns, undefined);
    return result;
  } finally {
    if (--tenure.underWay === 0) tenure.onRest?.();
  }
}

async function tenureOf(owners: ReplicaOwners, ns: string): Promise<Tenure> {
  const owner = await owners.ownerOf(ns);
  const tenure = owners.find(ns);
  if (tenure === undefined) throw notOwner(ns, owner.isHere ? undefined : owner.address);
  return tenure;
}
