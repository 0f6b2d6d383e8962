/** Puts a store together over an index and a blob store, and brings it to the state in which it can serve. */

import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { BlobStore } from '../blobs/blob-store.ts';
import { Failure, failedWith } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import { type Namespace, parseNamespace } from '../domain/names.ts';
import type { Principal } from '../domain/principal.ts';
import { type After, afterAwaitedTime } from '../domain/timer.ts';
import type { Index } from '../index/door.ts';
import { keys } from '../index/keys.ts';
import type { Owners } from '../index/owners.ts';
import { Artifacts } from './artifacts/artifacts.ts';
import { Commits, type RemoteCommits } from './artifacts/commits.ts';
import { DirectUploads } from './artifacts/direct-uploads.ts';
import { Downloads } from './artifacts/downloads.ts';
import { Readings } from './artifacts/readings.ts';
import { Uploads } from './artifacts/uploads.ts';
import { backfillSettings, Filling, type Lacking, lacking, noteComplete } from './backfill.ts';
import { Contents } from './contents/contents.ts';
import { recordingDamage } from './contents/damage.ts';
import { Space } from './contents/space.ts';
import { formatVersion, readableFormats } from './format.ts';
import { Paging } from './look/paging.ts';
import { Comparison } from './queries/comparison.ts';
import { FieldValues } from './queries/field-values.ts';
import { Lineage } from './queries/lineage.ts';
import { Listing } from './queries/listing.ts';
import { Quarantined } from './queries/quarantined.ts';
import { UsageScan } from './queries/usage-scan.ts';
import { Policies } from './retention/policies.ts';
import { doneAnywhere } from './rows/here.ts';
import { OlderRequestIds } from './rows/request-ids.ts';
import type { OnStep } from './rows/steps.ts';
import { transact } from './rows/transaction.ts';
import { Seals } from './sessions/seal.ts';
import { Sessions } from './sessions/sessions.ts';
import { Links } from './sharing/links.ts';
import { SharedContents } from './sharing/shared.ts';
import { ApiKeys } from './tenants/api-keys.ts';
import { Namespaces } from './tenants/namespaces.ts';
import { Collection } from './upkeep/collection.ts';
import { defaultGraces, type Graces } from './upkeep/graces.ts';
import { MarkedBlobs } from './upkeep/orphan-scans.ts';
import { Pace } from './upkeep/pace.ts';
import { type Pause, Pauses } from './upkeep/pauses.ts';
import { Reaper } from './upkeep/reaper.ts';
import { nextRoom } from './upkeep/room.ts';
import { Scrub } from './upkeep/scrub.ts';
import { announcing } from './watch/announcing-index.ts';
import { type WatchEvent, Watches, type WatchRequest } from './watch/watches.ts';

/** The namespace of callers that name none; it is made with the store. */
export const defaultNamespace: Namespace = parseNamespace('namespace', 'default');

/** The parts and settings of a store. */
export interface StoreOptions {
  readonly index: Index;
  readonly blobs: BlobStore;
  /**
   * Contents up to this size go into the index: at most 1 MiB, 0 for none. Default
   * {@link limits.inlineContentBytesMaxDefault}.
   */
  readonly inlineBytesMax?: number;
  /** Default {@link limits.artifactBytesMaxDefault}. */
  readonly artifactBytesMax?: number;
  /** Uploads are refused if less than this would be free after them; 0 for none. Default: see {@link Space}. */
  readonly reserveBytes?: number | undefined;
  /** A push to an unknown session opens it. Default true. */
  readonly opensSessions?: boolean;
  /** Returns milliseconds from any origin; for pauses only. Default: the clock of the process. */
  readonly elapsed?: () => number;
  /** The timer of retries. Default: real time. */
  readonly after?: After;
  /**
   * True: files that earlier processes have left staged are removed. Give false if this process had the store open
   * before. Default true.
   */
  readonly removesStale?: boolean;
  /** The times for which free contents are left alone. Default {@link defaultGraces}. */
  readonly graces?: Graces;
  /** The most rows, probes and records that one call of a listing may touch. Default {@link limits.queryTouchesMax}. */
  readonly queryTouchesMax?: number;
  /** See {@link Collection}. Default: the present state of the index cannot be lost. */
  readonly restorableTime?: (() => number) | undefined;
  /** Called at each step of the store's work. Default: nothing is called. */
  readonly onStep?: OnStep;
  /** Returns the pauses of maintenance because of the clock. Default: none. */
  readonly clockPauses?: () => readonly Pause[];
  /** Makes the way to the other processes that decide. Default: this process decides about everything. */
  readonly remoteCommits?: ((owners: Owners) => RemoteCommits) | undefined;
}

/** The operations of a store. Closing the store closes the index; calls in progress must have ended before. */
export interface Store extends AsyncDisposable {
  /**
   * Returns the store's time, in milliseconds since the Unix epoch. Every decision about things in the store uses it.
   */
  now(): number;
  /** The processes that decide. */
  readonly owners: Owners;
  readonly commits: Commits;
  readonly uploads: Uploads;
  readonly directUploads: DirectUploads;
  readonly artifacts: Artifacts;
  readonly downloads: Downloads;
  readonly readings: Readings;
  readonly listing: Listing;
  readonly fieldValues: FieldValues;
  readonly links: Links;
  readonly shared: SharedContents;
  readonly usage: UsageScan;
  readonly lineage: Lineage;
  readonly comparison: Comparison;
  /** See {@link Watches.watch}. */
  watch(by: Principal, request: WatchRequest, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Ends all watches: the service is about to stop. */
  endWatches(): void;
  readonly sessions: Sessions;
  readonly seals: Seals;
  readonly namespaces: Namespaces;
  readonly apiKeys: ApiKeys;
  /** The 32 bytes that sign the tokens minted for agents. */
  readonly tokenKey: Uint8Array;
  /** The place of the contents. */
  readonly blobs: BlobStore;
  readonly space: Space;
  readonly pauses: Pauses;
  readonly policies: Policies;
  readonly reaper: Reaper;
  readonly collection: Collection;
  readonly scrub: Scrub;
  readonly quarantined: Quarantined;
  /** The numbers of leftovers that the start handled. */
  readonly recovered: { readonly stagingFiles: number; readonly pendingSeals: number };
}

/** @throws Failure NOT_IMPLEMENTED if newer code wrote the store. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { opensSessions = true, onStep, graces = defaultGraces, elapsed = () => performance.now() } = options;
  const watches = new Watches(options.after);
  const index = announcing(options.index, watches);
  const inlineBytesMax = checkedInlineBytesMax(options.inlineBytesMax);
  const artifactBytesMax = options.artifactBytesMax ?? limits.artifactBytesMaxDefault;
  const started = await start(options, index, inlineBytesMax, watches);
  const { settings, filling, blobs, contents, namespaces, paging, pauses, seals, olderRequestIds } = started;
  const { lapses } = seals;
  const listing = new Listing(index, namespaces, contents, paging, filling);
  const pace = new Pace(elapsed, options.after);
  const collection = new Collection({
    index,
    blobs,
    pauses,
    graces,
    onStep,
    restorableTime: options.restorableTime,
  });
  const space = new Space(blobs, index, options.reserveBytes, {
    nextRoom: () => nextRoom(index, graces, pauses),
  });
  const remoteCommits = options.remoteCommits?.(index.owners);
  const commits = new Commits({ index, opensSessions, olderRequestIds, lapses, onStep, remoteCommits });
  const parts = { index, blobs, contents, namespaces, space, lapses, onStep, opensSessions, olderRequestIds };
  const uploads = new Uploads({ ...parts, inlineBytesMax, artifactBytesMax, commits });
  return {
    now: () => index.now(),
    owners: index.owners,
    commits,
    uploads,
    directUploads: new DirectUploads({ index, blobs, uploads, onStep }),
    artifacts: new Artifacts(index, namespaces, lapses, onStep),
    downloads: new Downloads(index, namespaces, contents),
    readings: new Readings(index, namespaces, contents, paging),
    listing,
    fieldValues: new FieldValues(index, namespaces, listing, paging),
    links: new Links(index, namespaces, paging),
    shared: new SharedContents(index, contents, elapsed),
    policies: new Policies(index, namespaces, listing, lapses),
    usage: new UsageScan(index, namespaces, paging),
    lineage: new Lineage(index, namespaces, paging),
    comparison: new Comparison(index, namespaces, paging),
    watch: (by, request, signal) => watches.watch(index, namespaces, by, request, signal),
    endWatches: () => watches.end(),
    sessions: new Sessions(index, namespaces, lapses, onStep),
    seals,
    namespaces,
    apiKeys: new ApiKeys(index, paging),
    tokenKey: settings.tokenKey,
    blobs,
    space,
    pauses,
    reaper: new Reaper({ ...parts, pauses, pace, finishSeals: () => seals.finishLeft() }),
    collection,
    scrub: new Scrub({ index, contents: contents.unjudged, onStep }),
    quarantined: new Quarantined(index, namespaces, paging),
    recovered: started.recovered,
    [Symbol.asyncDispose]: async () => {
      watches.end();
      seals.close();
      await filling.close();
      await collection.stop();
      // If the index takes no writes any more, the next start makes the store look for files that no row names.
      await blobs.close().catch(() => undefined);
      await index.close();
    },
  };
}

function checkedInlineBytesMax(asked: number | undefined): number {
  const inlineBytesMax = asked ?? limits.inlineContentBytesMaxDefault;
  if (inlineBytesMax > limits.inlineRequestBytesMax)
    throw new RangeError(
      `inlineBytesMax may be at most ${limits.inlineRequestBytesMax}, not ${inlineBytesMax}`,
    );
  return inlineBytesMax;
}

/** Brings the store to the state in which it can serve, in the order of docs/reliability.md. */
async function start(options: StoreOptions, index: Index, inlineBytesMax: number, watches: Watches) {
  const { onStep, after } = options;
  const settings = await doneAnywhere(after ?? afterAwaitedTime, () => readSettings(index));
  const filling = await begunFilling(index, settings.lacks, after);
  const blobs = new MarkedBlobs(index, options.blobs);
  await unlessUnwritable(index, () => blobs.noteUncleanEnd());
  await onStep?.('start.rowsFilled');
  const stagingFiles = options.removesStale === false ? 0 : await blobs.removeStale();
  await onStep?.('start.staleRemoved');
  const contents = new Contents(blobs, recordingDamage(index));
  const paging = new Paging({
    key: settings.pageTokenKey,
    now: () => index.now(),
    touchesMax: options.queryTouchesMax,
  });
  const namespaces = new Namespaces(index, blobs, paging);
  await doneAnywhere(after ?? afterAwaitedTime, () => namespaces.ensure(defaultNamespace));
  const pauses = new Pauses(index, options.clockPauses);
  const isClockSuspect = () => pauses.isClockSuspect;
  const timer = after === undefined ? {} : { after };
  const seals = new Seals({
    index,
    isClockSuspect,
    blobs,
    contents,
    namespaces,
    inlineBytesMax,
    onStep,
    ...timer,
  });
  watches.performLapsesBy((ns, uid) => seals.lapses.performHere(ns, uid));
  const pendingSeals = await seals.finishPending();
  await onStep?.('start.sealsFinished');
  const recovered = { stagingFiles, pendingSeals };
  const olderRequestIds = await OlderRequestIds.of(index);
  return {
    settings,
    filling,
    blobs,
    contents,
    namespaces,
    paging,
    pauses,
    seals,
    olderRequestIds,
    recovered,
  };
}

/**
 * Starts the backfill. Rows that the queries of types can do without may be written later if the disk takes no writes.
 */
async function begunFilling(index: Index, lacks: Lacking, after: After | undefined): Promise<Filling> {
  const filling = new Filling(index, lacks, after);
  if (lacks === 'rows') await filling.fill();
  if (lacks === 'what can wait') await unlessUnwritable(index, () => filling.fill());
  filling.goOn();
  return filling;
}

/**
 * Runs `work`. On a disk that takes no writes, the start still serves reads; the missing writes follow later, or at the
 * next start.
 */
async function unlessUnwritable(index: Index, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (index.trouble === undefined || !failedWith(error, 'STORE_UNAVAILABLE')) throw error;
  }
}

/** The kinds of rows that this release writes, as a text: releases with the same may write to one store together. */
export const rowsOfRelease = [formatVersion, ...backfillSettings, keys.calls.requestIdByDay.name].join(' ');

const settingNames = ['format', 'storeId', 'pageTokenKey', 'tokenKey', ...backfillSettings];

interface Settings {
  readonly pageTokenKey: Uint8Array;
  readonly tokenKey: Uint8Array;
  /** The rows that earlier versions have not written. */
  readonly lacks: Lacking;
}

/** Reads the settings that were fixed when the store was made; makes them the first time. */
async function readSettings(index: Index): Promise<Settings> {
  return (await readWritten(index)) ?? (await makeSettings(index));
}

/**
 * Reads the settings without a transaction, since writing may be impossible at the moment. Undefined if something is to
 * be written.
 */
async function readWritten(index: Index): Promise<Settings | undefined> {
  const values = await index.getMany(settingNames.map((name) => keys.store.setting.key(name)));
  const stored = values.map((value) => value && keys.store.setting.decode(value));
  const [format, storeId, pageTokenKey, tokenKey] = stored;
  if (!readableFormats.includes(format) || storeId === undefined) return undefined;
  if (typeof pageTokenKey !== 'string' || typeof tokenKey !== 'string') return undefined;
  return {
    pageTokenKey: Buffer.from(pageTokenKey, 'base64url'),
    tokenKey: Buffer.from(tokenKey, 'base64url'),
    lacks: lacking((setting) => stored[settingNames.indexOf(setting)] !== undefined),
  };
}

async function makeSettings(index: Index): Promise<Settings> {
  const fresh = { pageTokenKey: freshKey(), tokenKey: freshKey() };
  const freshId = randomBytes(16).toString('hex');
  return await transact(index, {
    ns: '',
    reads: settingNames.map((name) => keys.store.setting.key(name)),
    *decide(tx) {
      const format = tx.get(keys.store.setting, 'format');
      if (format === undefined) {
        tx.put(keys.store.setting, ['format'], formatVersion);
        noteComplete(tx);
      } else if (!readableFormats.includes(format))
        throw new Failure(
          'NOT_IMPLEMENTED',
          `the store has format ${String(format)}; this version reads ${readableFormats.join(' and ')}. Use the version ` +
            'of artifacta that wrote the store',
        );
      if (tx.get(keys.store.setting, 'storeId') === undefined)
        tx.put(keys.store.setting, ['storeId'], freshId);
      const keyNamed = (name: keyof typeof fresh) => {
        const key = tx.get(keys.store.setting, name);
        if (key === undefined) tx.put(keys.store.setting, [name], fresh[name]);
        return Buffer.from(typeof key === 'string' ? key : fresh[name], 'base64url');
      };
      return {
        pageTokenKey: keyNamed('pageTokenKey'),
        tokenKey: keyNamed('tokenKey'),
        lacks:
          format === undefined
            ? 'nothing'
            : lacking((setting) => tx.get(keys.store.setting, setting) !== undefined),
      };
    },
  });
}

function freshKey(): string {
  return randomBytes(32).toString('base64url');
}
