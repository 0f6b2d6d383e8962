/**
 * Holds a store through what may happen to its index: serves it, or is in recovery because it is damaged; replaces it
 * by an export, or by what is left of it.
 */
import { Failure } from '../../domain/errors.ts';
import type { ServiceClock } from '../../index/clock/clock.ts';
import { IndexDamaged, type Loss } from '../../index/damage.ts';
import type { Index } from '../../index/door.ts';
import { newestCommit } from '../../index/engine/commits.ts';
import type { IndexHome, Replacement } from '../../index/home.ts';
import { keys } from '../../index/keys.ts';
import { formatVersion, type Store } from '../open.ts';
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
import { facadeOf } from './facade.ts';
import { placeNotice } from './place.ts';
import { blocksOf, fillFromExport, fillFromSalvage, isEmpty, notEmpty } from './restore.ts';
import { putRevokedSince } from './restored-credentials.ts';
import { checkSalvage } from './salvage-check.ts';
import type { HostState, StoreStatus } from './status.ts';
import { storeIdIn } from './store-id.ts';

interface HostOptions {
  readonly home: IndexHome;
  /** Puts the store together. @param isFirst whether this process had it open before. */
  readonly open: (index: Index, isFirst: boolean) => Promise<Store>;
  /** Told when it begins or ceases to serve. */
  readonly onState?: (state: HostState) => void;
  /** Told what an operator should know and nobody else is told. */
  readonly warn: (message: string) => void;
  /** Milliseconds since the Unix epoch. Default: the service clock's, else `Date.now`. */
  readonly clock?: () => number;
  /** What the index goes by; told of each index that is opened. Default: the wall clock is believed. */
  readonly serviceClock?: ServiceClock;
}

interface Serving {
  readonly index: Index;
  readonly store: Store;
  readonly verifier: Verifier;
}

/** What a check is to look at, or a repair to repair. */
interface VerifyOptions extends CheckOptions {
  /** Repair what that report listed. Default: only report. */
  readonly repairReportId?: string | undefined;
  /** With a repair: write all derived rows anew. */
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
  /** What replaces the index waits for what did so before. */
  private switching: Promise<unknown> = Promise.resolve();
  /**
   * The store as it is now: its members are those of whatever store is open when they are asked for, and asking in
   * recovery is a failure.
   */
  readonly store: Store;

  private constructor(options: HostOptions) {
    this.options = options;
    this.clock = options.clock ?? options.serviceClock?.now ?? Date.now;
    this.store = facadeOf(
      () => this.live().store,
      () => this[Symbol.asyncDispose](),
    );
  }

  /** @throws Failure if the index can neither be opened nor is damaged: STORE_UNAVAILABLE, NOT_IMPLEMENTED. */
  static async open(options: HostOptions): Promise<StoreHost> {
    const host = new StoreHost(options);
    await host.openIndex();
    return host;
  }

  get state(): HostState {
    return this.current;
  }

  /** What is lost, in recovery. */
  get damage(): Loss | undefined {
    return this.loss;
  }

  private live(): Serving {
    if (this.serving !== undefined) return this.serving;
    if (this.current === 'recovery')
      throw new Failure(
        'STORE_IN_RECOVERY',
        `the store serves nothing until an operator has looked at it: ${this.loss?.message ?? ''}`,
      );
    throw new Failure('SHUTTING_DOWN', 'the store is not open at the moment', { retryAfterMs: 500 });
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

  /** Damage was found while it served. */
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

  /** What the store that is served is called. @throws Failure in recovery. */
  async identity(): Promise<{ readonly storeId: string }> {
    return { storeId: await storeIdIn(this.live().index) };
  }

  /** How the store is, in recovery too. */
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
      commit: (await newestCommit(snapshot)).seq,
      pauses: await this.serving.store.pauses.current(),
      losses: [],
      notice: await placeNotice(snapshot, common.time),
      space: await this.serving.store.space.status(),
      time: this.serving.index.now(),
    };
  }

  /** Ends a pause; one that has ended already is no failure. @throws Failure ETAG_MISMATCH for another of its cause. */
  async resume(pauseId: string): Promise<void> {
    const { index } = this.live();
    await resumeClock(index, this.options.serviceClock, pauseId);
    for (const pause of await readPauses(index)) {
      if (!pauseId.startsWith(`${pause.cause}-`)) continue;
      await transact(index, {
        ns: '',
        reads: [keys.store.setting.key(pauseSetting(pause.cause))],
        *decide(tx) {
          const held = tx.get(keys.store.setting, pauseSetting(pause.cause)) as Pause | undefined;
          if (held === undefined) return;
          if (held.id !== pauseId) throw anotherPause(held.id);
          tx.del(keys.store.setting, pauseSetting(pause.cause));
        },
      });
    }
  }

  /** The index at one instant; in recovery what can be read of it. */
  async *exportIndex(): AsyncGenerator<ExportPart> {
    if (this.current === 'recovery') {
      yield* this.exportSalvage();
      return;
    }
    await using snapshot = this.live().index.snapshot();
    const header: ExportHeader = {
      formatVersion,
      storeId: await storeIdIn(snapshot),
      commit: (await newestCommit(snapshot)).seq,
      time: this.live().index.now(),
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
   * @param replace what the store holds is lost; else it must be empty, which one in recovery is only if
   * nothing of its index is left.
   * @returns how many rows the export has.
   * @throws Failure STORE_NOT_EMPTY; INVALID_ARGUMENT, UPLOAD_INCOMPLETE, SIZE_MISMATCH, DIGEST_MISMATCH for what is
   * wrong with the export; STORAGE_FULL.
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
    // What was revoked while the export came.
    const last = present && (() => putRevokedSince(replacement, present, since, header.time));
    await this.exchange(replacement, { seq: header.commit, time: header.time }, replace, last);
    return rows;
  }

  private async requireEmpty(): Promise<void> {
    if (this.current === 'recovery' && this.loss?.isGone) return;
    if (this.current === 'recovery' || !(await isEmpty(this.live().index))) throw notEmpty();
  }

  /**
   * Serves what is left of a damaged index. Accepting the same loss again changes nothing.
   *
   * @throws Failure ETAG_MISMATCH if that is not the loss that was found.
   */
  async acceptLoss(lossId: string): Promise<void> {
    if (this.serving !== undefined) {
      const accepted = await this.serving.index.get(keys.store.setting.key('acceptedLoss'));
      if (accepted !== undefined && keys.store.setting.decode(accepted) === lossId) return;
    }
    if (this.loss?.id !== lossId)
      throw new Failure('ETAG_MISMATCH', 'loss_id: this is not the loss that was found', {
        metadata: this.loss === undefined ? {} : { loss: this.loss.id },
      });
    const { loss } = this;
    await this.switching;
    await using replacement = await this.options.home.replace();
    const now = this.clock();
    const waits = { pauseId: pauseIdOf('imported', now), now };
    const { newest, damaged, waiting } = await fillFromSalvage(replacement, this.options.home, waits);
    const message = `the store lost data (${loss.message}); ${damaged} damaged rows were left out; look at what \`artifacta fsck\` reports`;
    const pause = restoredPause(now, 'what was left of a damaged index was accepted', waiting);
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
   * Checks the store, or repairs what a check has found; repairing ends the pauses that wait for it, not those for
   * orphans and for credentials. In recovery it only tells what cannot be read.
   *
   * @throws Failure ETAG_MISMATCH for a report that is unknown, STORE_IN_RECOVERY for a repair in recovery.
   */
  async *verify(options: VerifyOptions): AsyncGenerator<VerifyEvent> {
    const { repairReportId, reindex, signal } = options;
    if (repairReportId === undefined && this.loss !== undefined)
      yield* checkSalvage(this.options.home, this.loss);
    else if (repairReportId === undefined) yield* this.live().verifier.check(options);
    else {
      for await (const event of this.live().verifier.repair(repairReportId, { reindex, signal })) {
        // Before its last word: nobody need listen after it.
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
   * @param last what is still to be read of the old index, of which nobody asks anything any more.
   */
  private exchange(
    replacement: Replacement,
    newest: { readonly seq: number; readonly time: number },
    replace: boolean,
    last: () => Promise<void> = async () => {},
  ): Promise<void> {
    const work = this.switching.then(async () => {
      if (this.current === 'closed') throw new Failure('SHUTTING_DOWN', 'the store is closing');
      // What was pushed while the export came would be lost.
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

  private async newestKnown(): Promise<{ readonly seq: number; readonly time: number }> {
    if (this.serving !== undefined) return await newestCommit(this.serving.index);
    return { seq: this.loss?.lastCommit ?? 0, time: this.loss?.lastIntactTime ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switching;
    const { serving } = this;
    this.serving = undefined;
    this.setState('closed');
    await serving?.store[Symbol.asyncDispose]();
  }
}
