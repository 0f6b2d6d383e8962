/**
 * Ships what several processes write to one index. Each of them does the same: it looks at what waits, of all of them,
 * and ships it when the oldest is old enough. So what a process has acknowledged is shipped although that process was
 * killed, and none leads. Two that ship at once write the same segments under the same names.
 */
import { Failure } from '../../../domain/errors.ts';
import type { Index, IndexCut } from '../../../index/door.ts';
import type { CommitRecord } from '../../../index/records.ts';
import type { Write } from '../../../index/row.ts';
import type { Cut, ShippingState, WaitingSegment } from '../../../index/shipments.ts';
import { isHere } from '../../rows/here.ts';
import {
  gatherMsDefault,
  hurriedGatherMs,
  pendingBytesMax,
  retryMs,
  rootingMs,
  segmentBytes,
  segmentsMax,
  tooMany,
} from '../pending-batches.ts';
import { isUnused } from '../restore.ts';
import {
  anotherHasShipped,
  batchBytes,
  encodeSegment,
  highestCommitIn,
  readSegment,
  type ShippedBatch,
  segmentName,
  writeSegment,
} from '../segments.ts';
import { replaced, ShippedWaits } from '../shipped-waits.ts';
import type { Beginning, Commit, IndexShipping, ShippingOptions } from '../shipping-options.ts';

/** While a chain has no export, it is looked at again after this time. */
const pollMs = 1_000;
/** An export that has failed is tried again after this time. */
const exportRetryMs = 10_000;
/** A batch was decided at most so long before all processes can see it. */
const decidedMs = 90_000;
/** A chain that has no export after this number of looks gets one from any process that looks: its owner may hang. */
const patientLooks = 10;
/** Batches that no process ships for this time, since no chain can begin or another service ships, are dropped. */
const abandonedMs = 60_000;

type Shipments = NonNullable<Index['shipments']>;

/** See the head of this file. */
export class ReplicaShipping implements IndexShipping {
  private readonly options: ShippingOptions;
  private readonly gatherMs: number;
  private readonly waits = new ShippedWaits();
  private storeId = '';
  private index: Index | undefined;
  private shipments: Shipments | undefined;
  /** The number of calls of {@link whenShipped}: a round serves those before it. */
  private asked = 0;
  /** The time of the newest known commit, and the bytes of this process's own since the last round. */
  private newestTime = 0;
  private notedBytes = 0;
  /** The server's time until which everything can be restored; 0: it is not known yet. */
  private restorable = 0;
  /** The time of the beginning. */
  private begunTime = 0;
  /** True once the place was seen to be as the index says. Before that, another chain makes up for it. */
  private isCompared = false;
  private looksWithoutExport = 0;
  private timer: { readonly ms: number; readonly isRetry: boolean; readonly cancel: () => void } | undefined;
  private running: Promise<void> | undefined;
  /** True: another round begins when the one that is under way has ended. */
  private isWanted = false;
  private exporting: Promise<void> | undefined;
  /** Set for a while after an export has failed. */
  private cancelExportPause: (() => void) | undefined;
  private isClosed = false;
  private warned = '';
  /** Another service has shipped commits with the same numbers: this one ships nothing any more. */
  private conflict: Failure | undefined;

  constructor(options: ShippingOptions) {
    this.options = options;
    this.gatherMs = options.gatherMs ?? gatherMsDefault;
  }

  get restorableTime(): number {
    return this.restorable - decidedMs;
  }

  get lagMs(): number {
    return Math.max(0, this.newestTime - Math.max(this.restorable, this.begunTime));
  }

  suspend(): void {
    this.index = undefined;
    this.waits.refuse(replaced());
  }

  async begin(storeId: string, _newest: Commit, { index }: Beginning): Promise<void> {
    await this.running;
    await this.shipments?.close();
    this.storeId = storeId;
    this.index = index;
    this.shipments = index.shipments;
    this.conflict = undefined;
    this.isCompared = false;
    this.begunTime = index.now();
    // What killed processes have left; one that is writing at this moment tries again.
    await this.options.files.removeStale(storeId).catch(() => undefined);
    this.next(0);
  }

  /** Nothing depends on what is known here: the batches wait in the database. */
  reopened(): void {}

  note(commit: CommitRecord, writes: readonly Write[]): void {
    this.newestTime = Math.max(this.newestTime, commit.time);
    this.notedBytes += batchBytes({ commit, writes });
    if (this.notedBytes >= segmentBytes) this.next(0);
  }

  async whenShipped(signal: AbortSignal): Promise<void> {
    if (this.conflict !== undefined) throw this.conflict;
    if (this.index === undefined) throw replaced();
    const waiting = this.waits.until(++this.asked, signal);
    this.next(Math.min(hurriedGatherMs, this.gatherMs));
    await waiting;
  }

  highestCommit(): Promise<number> {
    return highestCommitIn(this.options.files);
  }

  /** Returns the state of the index for an export, from which the segments after it go on. Undefined: none do. */
  async cutIndex(): Promise<IndexCut | undefined> {
    const { shipments } = this;
    if (shipments === undefined || this.conflict !== undefined) return undefined;
    const cut = (await this.comparedCut(shipments)) && (await shipments.cutIndex());
    if (cut !== undefined) return cut;
    await this.beginChain(shipments);
    return await shipments.cutIndex();
  }

  /** Called when an export of the chain exists. */
  async exported(chain: string | undefined): Promise<void> {
    if (chain === undefined) return;
    await this.shipments?.root(chain);
    if (this.waits.size > 0) this.next(0);
  }

  async whenRooted(): Promise<void> {
    const { shipments } = this;
    if (shipments === undefined || this.conflict !== undefined) return;
    const state = await shipments.state().catch(() => undefined);
    if (state?.chain === undefined || state.isRooted) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.options.after(rootingMs, late.resolve);
    await this.export().catch(() => undefined);
    await Promise.race([this.exporting, late.promise]).finally(cancel);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
    await this.running;
    // The index is closed by now, and what waits can still be shipped.
    if (this.notedBytes > 0 && this.shipments !== undefined)
      await this.round(this.shipments).catch((error: unknown) => this.tell(error));
    this.cancelExportPause?.();
    this.waits.refuse(new Failure('SHUTTING_DOWN', 'the service has stopped'));
    this.index = undefined;
    await this.shipments?.close();
  }

  /** Begins a round after this time, unless one begins earlier. A retry keeps its time. */
  private next(ms: number, isRetry = false): void {
    if (this.isClosed || this.index === undefined) return;
    if (this.timer !== undefined && (this.timer.isRetry || this.timer.ms <= ms)) return;
    this.timer?.cancel();
    this.timer = { ms, isRetry, cancel: this.options.after(ms, () => this.run()) };
  }

  private run(): void {
    this.timer = undefined;
    const { shipments } = this;
    if (shipments === undefined) return;
    if (this.running !== undefined) {
      this.isWanted = true;
      return;
    }
    this.running = this.round(shipments).then(
      (ms) => this.ended(this.isWanted ? 0 : ms),
      (error: unknown) => {
        this.tell(error);
        this.ended(retryMs, true);
      },
    );
  }

  private ended(ms: number, isRetry = false): void {
    this.running = undefined;
    this.isWanted = false;
    this.next(ms, isRetry);
  }

  /** @returns the time until the next round, in milliseconds. */
  private async round(shipments: Shipments): Promise<number> {
    const { asked, notedBytes, gatherMs } = this;
    const state = await shipments.state();
    const { now, oldest = now } = state;
    if (state.oldest !== undefined) this.newestTime = Math.max(this.newestTime, oldest);
    if (state.chain === undefined || this.conflict !== undefined)
      return await this.withoutChain(shipments, state);
    const isHurried = this.waits.size > 0 || this.isClosed || notedBytes >= segmentBytes;
    const isDue = isHurried || now - oldest >= gatherMs || !this.isCompared;
    if (state.oldest !== undefined && !isDue) return gatherMs - (now - oldest);
    const isShipping = state.oldest !== undefined || !this.isCompared;
    if (isShipping) {
      if (!(await shipments.alone(() => this.shipAll(shipments)))) return 0;
      this.notedBytes -= notedBytes;
    }
    this.warned = '';
    return await this.shippedUntil(now, asked, isShipping ? await shipments.state() : state);
  }

  private async withoutChain(shipments: Shipments, { chain, now, oldest }: ShippingState): Promise<number> {
    if (oldest !== undefined && now - oldest > abandonedMs) await shipments.end(chain);
    if (this.conflict !== undefined || this.index === undefined || this.isClosed) return this.gatherMs;
    // Nothing is written to the place before the first use.
    if (await isUnused(this.index)) return this.gatherMs;
    await this.beginChain(shipments);
    return 0;
  }

  /** Called when everything that was written before that time is in the place. */
  private async shippedUntil(
    now: number,
    asked: number,
    { chain, isRooted, segments }: ShippingState,
  ): Promise<number> {
    this.looksWithoutExport = isRooted ? 0 : this.looksWithoutExport + 1;
    if (chain !== undefined && (!isRooted || segments >= segmentsMax) && !this.isClosed) await this.export();
    if (chain === undefined || !isRooted) return pollMs;
    this.restorable = Math.max(this.restorable, now);
    this.waits.reached(asked);
    return this.asked > asked ? hurriedGatherMs : this.gatherMs;
  }

  private async beginChain(shipments: Shipments): Promise<void> {
    await shipments.begin(this.options.mintChain(), await highestCommitIn(this.options.files, this.storeId));
    this.isCompared = true;
  }

  /** Undefined if no chain exists, or it has ended: because of a gap, or since the place is not as the index says. */
  private async comparedCut(shipments: Shipments): Promise<Cut | undefined> {
    const { isCompared } = this;
    const { files, hasExportOf, warn } = this.options;
    // Before the cut: what other processes ship after it has higher positions.
    const highest = isCompared ? undefined : await highestCommitIn(files, this.storeId).catch(asError);
    const cut = await shipments.cut();
    if (cut === undefined) return undefined;
    // Whether or not the place answers.
    if (cut.bytes > pendingBytesMax) {
      warn(tooMany);
      await shipments.end(cut.chain);
      return undefined;
    }
    if (highest === undefined) return cut;
    if (highest instanceof Error) throw highest;
    const isBehind = highest > cut.position;
    // It may be another place than before.
    const isElsewhere = cut.isRooted && (await hasExportOf?.(cut.chain)) === false;
    if (!isBehind && !isElsewhere) return cut;
    await shipments.end(cut.chain);
    return undefined;
  }

  /** Ships what waits. @returns false if the chain has ended instead. */
  private async shipAll(shipments: Shipments): Promise<boolean> {
    const cut = await this.comparedCut(shipments);
    if (cut === undefined) return false;
    for (const first of await shipments.waiting()) {
      const segment = await shipments.read(first);
      // Another process has shipped it meanwhile, or its chain has ended. Then those that wait are of another chain.
      if (segment === undefined) continue;
      if (!(await this.write(segment))) {
        await shipments.end(segment.chain);
        return false;
      }
      await shipments.remove(first);
    }
    this.isCompared = true;
    return true;
  }

  /** @returns false if the place has others under that name, and this process has shipped nothing yet. */
  private async write({ chain, isRooted, ...waiting }: WaitingSegment): Promise<boolean> {
    const { storeId, options } = this;
    const batches = waiting.batches.map(
      ({ position: seq, time, writes }): ShippedBatch => ({ commit: { seq, time }, writes }),
    );
    if (await writeSegment(options.files, { storeId, chain, isRooted }, batches, options.onStep)) return true;
    return await this.isSame(segmentName(batches[0]!.commit.seq, storeId), chain, batches);
  }

  /** A segment with the name exists: it is the same, unless a service on a copy of this store has written it. */
  private async isSame(name: string, chain: string, batches: readonly ShippedBatch[]): Promise<boolean> {
    const stored = await readSegment(this.options.files, name);
    const origin = { storeId: this.storeId, chain, isRooted: stored.isRooted };
    const isSame = encodeSegment(origin, stored.batches).equals(encodeSegment(origin, batches));
    if (stored.chain === chain && isSame) return true;
    if (!this.isCompared) return false;
    this.conflict = anotherHasShipped(name);
    this.waits.refuse(this.conflict);
    throw this.conflict;
  }

  /** Begins an export, if this process owns the store as a whole: one is enough. */
  private async export(): Promise<void> {
    const { index, options } = this;
    if (index === undefined || this.exporting !== undefined || this.cancelExportPause !== undefined) return;
    if (this.looksWithoutExport <= patientLooks && !(await isHere(index, ''))) return;
    this.exporting ??= options.onGap().then(
      () => {
        this.exporting = undefined;
        this.next(0);
      },
      (error: unknown) => {
        this.exporting = undefined;
        this.tell(error);
        this.cancelExportPause = options.after(exportRetryMs, () => {
          this.cancelExportPause = undefined;
        });
      },
    );
  }

  /** One warning for each cause, however many attempts are made. */
  private tell(error: unknown): void {
    const message = error instanceof Failure ? error.message : String(error);
    if (message === this.warned) return;
    this.warned = message;
    this.options.warn(`changes of the index cannot be shipped: ${message}`);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
