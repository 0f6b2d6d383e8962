/** Opens the store in this process: the one file that knows the index and the blobs that it is made of. */
import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskExports, diskSegments } from '../blobs/disk-exports.ts';
import { makeDirectory, syncDirectory } from '../blobs/files.ts';
import { Failure } from '../domain/errors.ts';
import type { BucketAddress } from '../domain/system/bucket-address.ts';
import { modesBelow } from '../domain/system/file-modes.ts';
import type { IndexAddress } from '../domain/system/index-address.ts';
import { makeDirectories } from '../domain/system/make-directories.ts';
import { inWords } from '../domain/system/words.ts';
import { afterRealTime, pause } from '../domain/timer.ts';
import { ServiceClock } from '../index/clock/clock.ts';
import { systemTime } from '../index/clock/system-time.ts';
import type { Index } from '../index/door.ts';
import { newestCommit } from '../index/engine/commits.ts';
import { takeLock } from '../index/leveldb/lock.ts';
import { LockWatch } from '../index/leveldb/lock-watch.ts';
import { answersOurs } from '../server/addresses.ts';
import type { ExportPlace, Exports } from '../store/custody/exports.ts';
import { type Figures, figuresOf } from '../store/custody/figures.ts';
import { StoreHost } from '../store/custody/host.ts';
import { notePlace } from '../store/custody/place.ts';
import { isUnused } from '../store/custody/restore.ts';
import type { IndexShipping } from '../store/custody/shipping-options.ts';
import type { HostState } from '../store/custody/status.ts';
import { storeIdIn } from '../store/custody/store-id.ts';
import { openStore, type StoreOptions } from '../store/open.ts';
import type { OnStep, Step } from '../store/rows/steps.ts';
import { clockPauses } from '../store/upkeep/clock-pauses.ts';
import type { Graces } from '../store/upkeep/graces.ts';
import { ContentsPlace } from './contents/contents-place.ts';
import { shippedCommit, shippingTo } from './contents/shipping.ts';
import { keepOwnersRights, requireRights, settleFilesIn } from './directory-rights.ts';
import { indexHomeOf, indexPlaceName, type ReplicaPlace } from './index-place.ts';
import { placeOf } from './place.ts';
import type { StartStage } from './slow-start.ts';
import { takeOverSocketDirectory } from './socket-directory.ts';

/** The options for opening a store. */
export interface EmbeddedOptions extends Pick<StoreOptions, 'remoteCommits'> {
  /**
   * The path, absolute. The directory is made if absent, open to its owner only: `lock/`, `index/`, `index.mark`,
   * `blobs/`, `tmp/`, `run/`.
   */
  readonly dataDir: string;
  /** In bytes. */
  readonly artifactBytesMax: number;
  /** In bytes. */
  readonly inlineBytesMax: number;
  /** The place of the contents. Default: the data directory. */
  readonly blobs?: BucketAddress | undefined;
  /** The place of the index. Default: the data directory. */
  readonly index?: IndexAddress | undefined;
  /** The place of this process among others that have the store open. Default: it has the store for itself. */
  readonly replica?: ReplicaPlace | undefined;
  /** In bytes; 0 for none. Default: see `src/store/contents/space.ts`. */
  readonly reserveBytes: number | undefined;
  /** The memory for rows of the index that are read often, in bytes; 0 for none. Default 16 MiB. */
  readonly rowCacheBytes?: number | undefined;
  /** The directory for exports of the index. Absolute. Default: none, or with a bucket a place in that. */
  readonly exportDir?: string | undefined;
  /** The version of the software, for the headers of exports. Default: empty. */
  readonly version?: string | undefined;
  /** The time for which changes gather before they are shipped, in milliseconds. Default: see `shipping-options.ts`. */
  readonly gatherMs?: number | undefined;
  /** The times for which free contents are left alone. Default: the usual ones. */
  readonly graces?: Graces | undefined;
  /** Called at each step of the store's work. Default: nothing is called. */
  readonly onStep?: OnStep | undefined;
  /** Called when {@link Embedded.trouble} may have changed. */
  readonly onTrouble?: () => void;
  /** Called when the store begins or ceases to serve. */
  readonly onState?: (state: HostState) => void;
  /** Called with the next stage of a start. Default: nothing is called. */
  readonly onStage?: (stage: StartStage) => void;
  /** Gets what an operator should know and no other output says. */
  readonly warn: (message: string) => void;
  /** Gets details that only a search for a fault needs. Default: does nothing. */
  readonly debug?: (message: string) => void;
  /**
   * Whether this process opens files of its users, each of which could be a lock: see {@link LockWatch}. Default false.
   */
  readonly opensUsersFiles?: boolean;
}

/** A store that this process has open. */
export interface Embedded {
  readonly host: StoreHost;
  readonly figures: () => Promise<Figures>;
  /**
   * Returns why the index takes no writes at the moment, and whether it can still be read; undefined if it takes
   * writes.
   */
  readonly trouble: () => { readonly message: string; readonly isReadable: boolean } | undefined;
  /** The place of exports and segments; undefined if none is configured. */
  readonly exportPlace: ExportPlace | undefined;
  /** The exports there. */
  readonly exports: Exports | undefined;
  /** What is shipped there between exports; undefined if nothing is. */
  readonly shipping: IndexShipping | undefined;
  /** Says that calls are taken from now on: see {@link Owners.serve}. */
  serve(): Promise<void>;
  /** Closes the store. Calls must have ended. */
  close(): Promise<void>;
}

/**
 * Opens the store; if its data are damaged, it is then in recovery.
 *
 * @throws Failure STORE_UNAVAILABLE with metadata `lock: 'held'` if another process has the directory open, and without
 * if it cannot be used.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir } = options;
  keepOwnersRights();
  const sharing = await makeDataDir(dataDir);
  const locks = watchOf(options);
  const lock = await takeLock(join(dataDir, 'lock'), locks).catch((error: unknown) => {
    throw isLocked(error) ? lockedBy(dataDir, '', error) : error;
  });
  let contents: ContentsPlace | undefined;
  try {
    const { blobs: bucket, index: address, warn, onTrouble } = options;
    const indexPlace = { name: indexPlaceName(dataDir, address), isHere: address === undefined };
    const place = await ContentsPlace.open({ dataDir, bucket, indexPlace, warn, onTrouble });
    contents = place;
    if (sharing !== undefined) {
      await tellOfSharing(sharing, options);
      await takeOverSocketDirectory(dataDir);
    }
    let index: Index | undefined;
    const serviceClock = new ServiceClock({ source: systemTime(), warn: options.warn });
    const exportPlace = exportPlaceOf(options, place);
    const opening = Promise.withResolvers<StoreHost>();
    opening.promise.catch(() => undefined);
    const { version = '', gatherMs, onStep } = options;
    const isShared = options.replica !== undefined;
    const toShip = { host: opening.promise, version, warn, gatherMs, onStep, isShared };
    const shipped = exportPlace && (await shippingTo(exportPlace, toShip));
    const shipping = shipped?.shipping;
    const parts = { serviceClock, locks, contents, shipping };
    const host = await openHost(options, parts, (opened) => {
      index = opened;
    });
    opening.resolve(host);
    const endWatch = serviceClock.watch(afterRealTime);
    const close = async () => {
      endWatch();
      await shipping?.whenRooted();
      await host[Symbol.asyncDispose]();
      await shipping?.close();
      place[Symbol.dispose]();
      await settleFiles(dataDir);
      await lock[Symbol.asyncDispose]();
    };
    const trouble = () => {
      // Of contents that cannot be reached, none can be read.
      if (place.trouble !== undefined) return { message: place.trouble, isReadable: false };
      return index?.trouble === undefined
        ? undefined
        : { message: index.trouble, isReadable: index.isReadable };
    };
    const exports = shipped?.exportsOf(host);
    const figures = () => figuresOf(host, index, shipping);
    const serve = async () => await index?.owners.serve();
    return { host, figures, trouble, exportPlace, exports, shipping, serve, close };
  } catch (error) {
    contents?.[Symbol.dispose]();
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

function watchOf({ opensUsersFiles, warn, debug, onState }: EmbeddedOptions): LockWatch {
  return new LockWatch({
    beforeBatches: opensUsersFiles ?? false,
    onLost: (lost) => {
      warn(lost.message);
      onState?.('failed');
    },
    debug: debug ?? (() => undefined),
  });
}

/** The parts of a store that exist before its index is open. */
interface Parts {
  readonly serviceClock: ServiceClock;
  readonly locks: LockWatch;
  readonly contents: ContentsPlace;
  readonly shipping: IndexShipping | undefined;
}

async function openHost(
  { dataDir, warn, onState, onStage, onTrouble, ...settings }: EmbeddedOptions,
  { serviceClock, locks, contents, shipping }: Parts,
  onIndex: (index: Index) => void,
): Promise<StoreHost> {
  return await StoreHost.open({
    home: await indexHomeOf({
      dataDir,
      address: settings.index,
      replica: settings.replica,
      contentsPlace: contents.name,
      shipsTo: shipping && (settings.exportDir === undefined ? 'bucket' : 'directory'),
      clock: serviceClock.now,
      rowCacheBytes: settings.rowCacheBytes,
      ...(onTrouble === undefined ? {} : { onTrouble }),
      warn,
      locks,
      onLost: (lost) => {
        warn(lost.message);
        onState?.('failed');
      },
      onStage,
      onLanded: (commit, writes) => shipping?.note(commit, writes),
      onReopened: (newest) => shipping?.reopened(newest),
      beforeOpening: async () => {
        onStage?.('contents');
        shipping?.suspend();
        await contents.requireIndex();
      },
    }),
    open: async (index, isFirst) => {
      onStage?.('rows');
      onIndex(index);
      await settleFiles(dataDir);
      const store = await openStore({
        index,
        blobs: await contents.contentsOf(index),
        artifactBytesMax: settings.artifactBytesMax,
        inlineBytesMax: settings.inlineBytesMax,
        reserveBytes: settings.reserveBytes,
        removesStale: isFirst,
        remoteCommits: settings.remoteCommits,
        ...(shipping === undefined ? {} : { restorableTime: () => shipping.restorableTime }),
        clockPauses: () => clockPauses(serviceClock),
        ...(settings.graces === undefined ? {} : { graces: settings.graces }),
        onStep: (step) => {
          stageAfter(step, onStage);
          return settings.onStep?.(step);
        },
      });
      await contents.settle(index);
      const beginning = { isReplaced: !isFirst, isUnused: await isUnused(index), index };
      await shipping?.begin(await storeIdIn(index), await newestCommit(index), beginning);
      // Each replica has a directory of its own.
      if (settings.replica === undefined) await tellOfPlace(index, dataDir, warn);
      if (settings.index !== undefined) {
        const { noteStore } = await import('./contents/other-store.ts');
        await noteStore(dataDir, await storeIdIn(index));
      }
      return store;
    },
    ...(shipping === undefined ? {} : { shippedCommit: () => shippedCommit(shipping, warn) }),
    warn,
    serviceClock,
    ...(onState === undefined ? {} : { onState }),
  });
}

function exportPlaceOf({ exportDir }: EmbeddedOptions, contents: ContentsPlace): ExportPlace | undefined {
  if (exportDir === undefined) return contents.shipping;
  return { name: exportDir, exports: diskExports(exportDir), segments: diskSegments(exportDir) };
}

function stageAfter(step: Step, onStage: EmbeddedOptions['onStage']): void {
  if (step === 'start.rowsFilled') onStage?.('staging');
  if (step === 'start.staleRemoved') onStage?.('seals');
}

/** Notes the identity of the directory. If it cannot be noted now, since the disk is full, another start notes it. */
async function tellOfPlace(index: Index, dataDir: string, warn: (message: string) => void): Promise<void> {
  const place = await placeOf(dataDir);
  const notice = await notePlace(index, place, index.now()).catch(() => undefined);
  if (notice !== undefined) warn(notice);
}

/** Settles the rights, so that another user of the group can open the store next, and no other user. */
async function settleFiles(dataDir: string): Promise<void> {
  for (const name of ['lock', 'index']) await settleFilesIn(join(dataDir, name));
}

/** Warns that the directory is shared: a service at each start, commands when they make a store. */
async function tellOfSharing(
  sharing: string,
  { dataDir, warn, opensUsersFiles }: EmbeddedOptions,
): Promise<void> {
  if (!opensUsersFiles || !(await readdir(dataDir)).includes('index')) warn(sharing);
}

/** The time between tries to open a store that another process has open. */
const lockPollMs = 50;

/**
 * Opens the store like {@link openEmbedded}, but waits up to `lockWaitMs` for another process to leave. While a process
 * answers on the socket, nothing of the index is touched: that process may have lost its lock, and serve nevertheless.
 *
 * @param onWait called before each further try; true ends the waiting.
 * @returns undefined if `onWait` has ended it.
 */
export async function openWhenFree(
  options: EmbeddedOptions & { readonly lockWaitMs: number; readonly socket: string },
  onWait: () => Promise<boolean>,
): Promise<Embedded | undefined> {
  const deadline = performance.now() + options.lockWaitMs;
  for (;;) {
    try {
      if (await answersOurs(options.socket))
        throw lockedBy(
          options.dataDir,
          `; it answers on ${options.socket}. Use that service, stop it, or give --data-dir another directory`,
        );
      return await openEmbedded(options);
    } catch (error) {
      if (!isLocked(error) || performance.now() > deadline) throw error;
    }
    if (await onWait()) return undefined;
    await pause(lockPollMs);
  }
}

/** Returns true if the store could not be opened because another process has it open. */
function isLocked(error: unknown): boolean {
  return error instanceof Failure && error.metadata.lock === 'held';
}

function lockedBy(dataDir: string, more: string, cause?: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', `another process has the data directory open: ${dataDir}${more}`, {
    metadata: { lock: 'held' },
    cause,
  });
}

/** The files that a store makes in its directory, and those in any directory that is a file system of its own. */
const ours = new Set([
  'index',
  'index.mark',
  'index.mark.tmp',
  'postgres.mark',
  'postgres.mark.tmp',
  'replica.mark',
  'replica.mark.tmp',
  'postgres.store',
  'postgres.store.tmp',
  'index.rebuild',
  'lock',
  'blobs',
  'exports',
  'tmp',
  'run',
  'lost+found',
]);

/**
 * Refuses a directory with other things in it and no store. It was most likely named by mistake, and the content of
 * `tmp` would be removed.
 */
async function refuseForeign(dataDir: string): Promise<void> {
  const entries = await readdir(dataDir);
  if (['index.mark', 'index.rebuild', 'postgres.mark', 'replica.mark'].some((name) => entries.includes(name)))
    return;
  const isStore = entries.includes('index') && (await readdir(join(dataDir, 'index'))).includes('CURRENT');
  if (isStore) return;
  const inTmp = entries.includes('tmp') ? await readdir(join(dataDir, 'tmp')) : [];
  const foreign =
    entries.find((name) => !ours.has(name)) ?? (inTmp.length > 0 ? `tmp/${inTmp[0]}` : undefined);
  if (foreign !== undefined)
    throw new Error(
      `it is not empty and is not a store: it contains ${foreign}. Give --data-dir a new or empty directory, or one ` +
        'that contains a store',
    );
}

/**
 * Makes the data directory, with durable entries: files written below them later must not vanish with them.
 *
 * @returns a message for a directory that is shared.
 */
async function makeDataDir(dataDir: string): Promise<string | undefined> {
  try {
    const created = await makeDirectories({ mkdir, stat }, dataDir);
    const sharing = created === undefined ? await requireRights(dataDir) : undefined;
    if (created === undefined) await refuseForeign(dataDir);
    else await chmod(dataDir, 0o700);
    await makeDirectory(join(dataDir, 'lock'), modesBelow(await stat(dataDir)));
    if (created === undefined) return sharing;
    for (let path = dataDir; path.length >= created.length; path = dirname(path)) {
      await syncDirectory(dirname(path));
    }
    return undefined;
  } catch (error) {
    const reason = inWords(error);
    throw new Failure('STORE_UNAVAILABLE', `cannot use the data directory ${dataDir}: ${reason}`, {
      cause: error,
    });
  }
}
