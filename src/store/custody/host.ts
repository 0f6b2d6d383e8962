/**
 * Keeps a store, whatever happens to its index. The host serves the store, or is in recovery because the index is
 * damaged. It replaces the index by an export, or by the remains of the damaged index.
 */
import { Failure } from '../../domain/errors.ts';
import type { ServiceClock } from '../../index/clock/clock.ts';
import { IndexDamaged, type Loss } from '../../index/damage.ts';
import type { Index, IndexCut } from '../../index/door.ts';
import { newestOfRings } from '../../index/engine/commits.ts';
import type { IndexHome, Replacement } from '../../index/home.ts';
import { keys } from '../../index/keys.ts';
import { formatVersion } from '../format.ts';
import type { Store } from '../open.ts';
import { transact } from '../rows/transaction.ts';
import { beginClock, resumeClock } from '../upkeep/clock-pauses.ts';
import { scanWanted } from '../upkeep/orphan-scans.ts';
import { withoutConfirmation } from '../upkeep/orphan-valve.ts';
import {
  anotherPause,
  type Pause,
  pauseIdOf,
  pauseRow,
  pauseSetting,
  readPauses,
  restoredPause,
} from '../upkeep/pauses.ts';
import { type CheckOptions, Verifier, type VerifyEvent } from '../verify/verifier.ts';
import { type ExportHeader, type ExportPart, exportRows, readableRows } from './export.ts';
import { placeNotice } from './place.ts';
import { blocksOf, fillFromExport, fillFromSalvage, isEmpty, notEmpty } from './restore.ts';
import { putRevokedSince } from './restored-credentials.ts';
import { checkSalvage } from './salvage-check.ts';
import type { HostState, StoreStatus } from './status.ts';
import { storeIdIn } from './store-id.ts';

interface HostOptions {
  readonly home: IndexHome;
  /** Puts the store together. @param isFirst false if this process had it open before. */
  readonly open: (index: Index, isFirst: boolean) => Promise<Store>;
  /** Called when the store begins or ceases to serve. */
  readonly onState?: (state: HostState) => void;
  /** Returns the newest commit that was shipped. Default: nothing is shipped. */
  readonly shippedCommit?: () => Promise<number>;
  /** Called with messages that an operator should know and that appear in no other place. */
  readonly warn: (message: string) => void;
  /** Milliseconds since the Unix epoch. Default: the service clock, if given, or `Date.now`. */
  readonly clock?: () => number;
  /** The clock that the index uses; it learns of each index that is opened. Default: the wall clock is believed. */
  readonly serviceClock?: ServiceClock;
}

interface Serving {
  readonly index: Index;
  readonly store: Store;
  readonly verifier: Verifier;
}

/** The extent of a check, or of a repair. */
interface VerifyOptions extends CheckOptions {
  /** Repair what the report with this id listed. Default: only report. */
  readonly repairReportId?: string | undefined;
  /** With a repair: write all derived rows again. */
  readonly reindex: boolean;
}

/** The store of a service, through all states. */
export class StoreHost implements AsyncDisposable {
  private readonly options: HostOptions;
  private readonly clock: () => number;
  private serving: Serving | undefined;
  private loss: Loss | undefined;
  private current: HostState = 'switching';
  private wasOpen = false;
  /** Each replacement of the index waits for those before it. */
  private switching: Promise<unknown> = Promise.resolve();
  private constructor(options: HostOptions) {
    this.options = options;
    this.clock = options.clock ?? options.serviceClock?.now ?? Date.now;
  }

  /** @throws Failure if the index cannot be opened and is not damaged: STORE_UNAVAILABLE, NOT_IMPLEMENTED. */
  static async open(options: HostOptions): Promise<StoreHost> {
    const host = new StoreHost(options);
    await host.openIndex();
    return host;
  }

  /**
   * The store that is open. Another one may be open later: do not keep it longer than a call.
   *
   * @throws Failure STORE_IN_RECOVERY, SHUTTING_DOWN if none is open.
   */
  get store(): Store {
    return this.live().store;
  }

  get state(): HostState {
    return this.current;
  }

  /** The loss, in recovery. */
  get damage(): Loss | undefined {
    return this.loss;
  }

  private live(): Serving {
    if (this.serving !== undefined) return this.serving;
    if (this.current === 'recovery')
      throw new Failure(
        'STORE_IN_RECOVERY',
        'the store serves nothing until an operator imports an export or accepts the loss, which "artifacta fsck" ' +
          `shows: ${this.loss?.message ?? ''}`,
      );
    throw new Failure(
      'SHUTTING_DOWN',
      'the store is being opened, replaced or closed; try again in a moment',
      { retryAfterMs: 500 },
    );
  }

  private setState(state: HostState): void {
    this.current = state;
    this.options.onState?.(state);
  }

  private async openIndex(): Promise<void> {
    const { home, open } = this.options;
    let index: Index | undefined;
    try {
      index = await home.open((damage) => void this.enterRecovery(damage));
      const endBeginning = await beginClock(index, this.options.serviceClock);
      const store = await open(index, !this.wasOpen);
      await endBeginning(this.options.warn);
      this.wasOpen = true;
      this.serving = { index, store, verifier: new Verifier(index, store.blobs) };
      this.loss = undefined;
      for (const pause of await readPauses(index))
        if (pause.credentials !== undefined) this.options.warn(`${pause.id}: ${pause.message}`);
      this.setState('serving');
    } catch (error) {
      await index?.close();
      if (!(error instanceof IndexDamaged)) throw error;
      this.loss = error.loss;
      this.setState('recovery');
    }
  }

  private async openAgain(): Promise<void> {
    try {
      await this.openIndex();
    } catch (error) {
      this.setState('failed');
      throw error;
    }
  }

  /** Called when damage was found while the store served. */
  private async enterRecovery(damage: IndexDamaged): Promise<void> {
    const { serving } = this;
    if (serving === undefined) return;
    this.options.warn(`the store is in recovery and serves nothing any more: ${damage.message}`);
    this.serving = undefined;
    this.loss = damage.loss;
    this.setState('recovery');
    this.switching = this.switching
      .then(() => serving.store[Symbol.asyncDispose]())
      .catch((error: unknown) =>
        this.options.warn(`the damaged store could not be closed: ${String(error)}`),
      );
    await this.switching;
  }

  /** Returns the identity of the store that is served, and whether anything was ever pushed. @throws Failure in recovery. */
  async identity(): Promise<{ readonly storeId: string; readonly isEmpty: boolean }> {
    const { index } = this.live();
    return { storeId: await storeIdIn(index), isEmpty: await isEmpty(index) };
  }

  /** Returns the status of the store, in recovery too. */
  async status(): Promise<StoreStatus> {
    const common = { state: this.current, formatVersion, time: this.clock() };
    const unread = { ...common, storeId: '', pauses: [], space: undefined };
    if (this.serving === undefined) {
      const { loss } = this;
      return { ...unread, commit: loss?.lastCommit ?? 0, losses: loss === undefined ? [] : [loss] };
    }
    const { trouble, isReadable } = this.serving.index;
    if (!isReadable) return { ...unread, commit: 0, losses: [], trouble };
    await using snapshot = this.serving.index.snapshot();
    return {
      ...common,
      trouble,
      storeId: await storeIdIn(snapshot),
      commit: (await newestOfRings(snapshot)).seq,
      pauses: await this.serving.store.pauses.current(),
      losses: [],
      notice: await placeNotice(snapshot, common.time),
      space: await this.serving.store.space.status(),
      time: this.serving.index.now(),
    };
  }

  /**
   * Ends a pause. A pause that has ended already is not a failure. @throws Failure ETAG_MISMATCH for another pause of
   * the same cause.
   */
  async resume(pauseId: string): Promise<void> {
    const { index } = this.live();
    await resumeClock(index, this.options.serviceClock, pauseId);
    for (const pause of await readPauses(index)) {
      if (!pauseId.startsWith(`${pause.cause}-`)) continue;
      await transact(index, {
        ns: '',
        reads: [keys.store.setting.key(pauseSetting(pause.cause))],
        *decide(tx) {
          const current = tx.get(keys.store.setting, pauseSetting(pause.cause)) as Pause | undefined;
          if (current === undefined) return;
          if (current.id !== pauseId) throw anotherPause(current.id);
          tx.del(keys.store.setting, pauseSetting(pause.cause));
        },
      });
    }
  }

  /** Yields the index at one instant; in recovery, the part of it that can be read. @param cut default: this instant. */
  async *exportIndex(cut?: IndexCut): AsyncGenerator<ExportPart> {
    if (this.current === 'recovery') {
      yield* this.exportSalvage();
      return;
    }
    await using snapshot = cut?.snapshot ?? this.live().index.snapshot();
    const storeId = await storeIdIn(snapshot);
    const { seq, time } = await newestOfRings(snapshot);
    const header: ExportHeader = {
      formatVersion,
      storeId,
      commit: cut?.position ?? seq,
      // Another process may be ahead of this one's time.
      time: Math.max(this.live().index.now(), time),
    };
    yield { kind: 'header', header };
    yield* exportRows(blocksOf(snapshot));
  }

  private async *exportSalvage(): AsyncGenerator<ExportPart> {
    await using salvage = await this.options.home.salvage();
    const header = { formatVersion, storeId: '', commit: salvage.newest.seq, time: this.clock() };
    yield { kind: 'header', header };
    yield* exportRows(readableRows(salvage.rows()));
  }

  /**
   * Puts an export in the place of the index, all or nothing.
   *
   * @param replace true: the present contents of the store are lost. False: the store must be empty; a store in
   * recovery counts as empty only if nothing of its index is left.
   * @returns the number of rows in the export.
   * @throws Failure STORE_NOT_EMPTY; INVALID_ARGUMENT, UPLOAD_INCOMPLETE, SIZE_MISMATCH, DIGEST_MISMATCH for a fault of
   * the export; STORAGE_FULL.
   */
  async importIndex(parts: AsyncIterable<ExportPart>, replace: boolean): Promise<number> {
    if (!replace) await this.requireEmpty();
    await using replacement = await this.options.home.replace();
    const now = this.clock();
    const waits = { pauseId: pauseIdOf('imported', now), now };
    const since = this.serving?.index.now() ?? now;
    const filled = await fillFromExport(replacement, parts, this.serving?.index, waits);
    const { header, rows, waiting, present } = filled;
    const message = `the index was restored to its state of ${new Date(header.time).toISOString()}; look at what \`artifacta fsck\` reports`;
    const pause = restoredPause(now, message, waiting) ?? pauseRow('imported', now, message);
    await replacement.put([pause, withoutConfirmation(), scanWanted()]);
    // Credentials that were revoked while the export arrived.
    const last = present && (() => putRevokedSince(replacement, present, since, header.time));
    await this.exchange(replacement, { seq: header.commit, time: header.time }, replace, last);
    return rows;
  }

  private async requireEmpty(): Promise<void> {
    if (this.current === 'recovery' && this.loss?.isGone) return;
    if (this.current === 'recovery' || !(await isEmpty(this.live().index))) throw notEmpty();
  }

  /**
   * Serves the remains of a damaged index. Accepting the same loss again changes nothing.
   *
   * @throws Failure ETAG_MISMATCH if the id is not that of the loss that was found.
   */
  async acceptLoss(lossId: string): Promise<void> {
    if (this.serving !== undefined) {
      const accepted = await this.serving.index.get(keys.store.setting.key('acceptedLoss'));
      if (accepted !== undefined && keys.store.setting.decode(accepted) === lossId) return;
    }
    if (this.loss?.id !== lossId)
      throw new Failure('ETAG_MISMATCH', lossMessage(this.loss), {
        metadata: this.loss === undefined ? {} : { loss: this.loss.id },
      });
    const { loss } = this;
    await this.switching;
    await using replacement = await this.options.home.replace();
    const now = this.clock();
    const waits = { pauseId: pauseIdOf('imported', now), now };
    const { newest, damaged, waiting } = await fillFromSalvage(replacement, this.options.home, waits);
    const message = `the store lost data (${loss.message}); ${damaged} damaged rows were left out; look at what \`artifacta fsck\` reports`;
    const pause = restoredPause(
      now,
      'a loss was accepted, and the rest of the damaged index is in use',
      waiting,
    );
    await replacement.put([
      pauseRow('inconsistent', now, message),
      ...(pause === undefined ? [] : [pause]),
      [keys.store.setting.key('acceptedLoss'), keys.store.setting.encode(lossId)],
      withoutConfirmation(),
      scanWanted(),
    ]);
    await this.exchange(replacement, { seq: Math.max(newest.seq, loss.lastCommit), time: newest.time }, true);
  }

  /**
   * Checks the store, or repairs what a check has found. A repair ends the pauses that wait for it, but not those for
   * orphans and for credentials. In recovery the check only reports what cannot be read.
   *
   * @throws Failure ETAG_MISMATCH for an unknown report, STORE_IN_RECOVERY for a repair in recovery.
   */
  async *verify(options: VerifyOptions): AsyncGenerator<VerifyEvent> {
    const { repairReportId, reindex, signal } = options;
    if (repairReportId === undefined && this.loss !== undefined)
      yield* checkSalvage(this.options.home, this.loss);
    else if (repairReportId === undefined) yield* this.live().verifier.check(options);
    else {
      for await (const event of this.live().verifier.repair(repairReportId, { reindex, signal })) {
        // Before its last event: the caller need not listen after it.
        if (event.kind === 'summary')
          for (const { cause, id, credentials } of await readPauses(this.live().index))
            if (cause !== 'manyOrphans' && credentials === undefined) await this.resume(id);
        yield event;
      }
    }
  }

  /**
   * Closes the store, lets the replacement take the place of its index, and opens it again.
   *
   * @param last reads the last facts from the old index, when nothing else uses that index any more.
   */
  private exchange(
    replacement: Replacement,
    newest: { readonly seq: number; readonly time: number },
    replace: boolean,
    last: () => Promise<void> = async () => {},
  ): Promise<void> {
    const work = this.switching.then(async () => {
      if (this.current === 'closed') throw new Failure('SHUTTING_DOWN', 'the store is closing');
      // Data that was pushed while the export arrived would be lost.
      if (!replace) await this.requireEmpty();
      const known = await this.newestKnown();
      const { serving } = this;
      this.serving = undefined;
      this.setState('switching');
      try {
        await last().finally(() => serving?.store[Symbol.asyncDispose]());
        await replacement.adopt({
          seq: Math.max(newest.seq, known.seq),
          time: Math.max(newest.time, known.time),
        });
      } finally {
        await this.openAgain();
      }
    });
    this.switching = work.catch(() => undefined);
    return work;
  }

  /** The numbers of commits go on after all that any state of the store has had: segments are named by them. */
  private async newestKnown(): Promise<{ readonly seq: number; readonly time: number }> {
    const shipped = (await this.options.shippedCommit?.()) ?? 0;
    const { seq, time } =
      this.serving === undefined
        ? { seq: this.loss?.lastCommit ?? 0, time: this.loss?.lastIntactTime ?? 0 }
        : await newestOfRings(this.serving.index);
    return { seq: Math.max(seq, shipped), time };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switching;
    const { serving } = this;
    this.serving = undefined;
    this.setState('closed');
    await serving?.store[Symbol.asyncDispose]();
  }
}

/** Returns the words of the refusal of an id that is not the loss's. @param loss undefined: nothing is lost. */
function lossMessage(loss: unknown): string {
  return loss === undefined
    ? 'loss_id: no loss is reported now, so none can be accepted'
    : 'loss_id: must be the id of the reported loss; "artifacta fsck" shows it';
}
