/**
 * Ships the durable batches of the index to the place of its exports, so that the loss of the volume loses seconds and
 * not the time since the last export. Batches gather for at most {@link gatherMsDefault} or {@link segmentBytes}; without
 * batches nothing is written. An export begins a chain of segments; a gap in the commit numbers needs another export.
 */
import { Failure, failedWith } from '../../domain/errors.ts';
import type { CommitRecord } from '../../index/records.ts';
import type { Write } from '../../index/row.ts';
import {
  gatherMsDefault,
  hurriedGatherMs,
  isUsed,
  PendingBatches,
  pendingBytesMax,
  retryMs,
  rootingMs,
  segmentBytes,
  segmentsMax,
  tooMany,
} from './pending-batches.ts';
import {
  anotherHasShipped,
  encodeSegment,
  highestCommitIn,
  readSegment,
  type SegmentOrigin,
  type ShippedBatch,
  segmentName,
  segmentOf,
  writeSegment,
} from './segments.ts';
import { replaced, ShippedWaits } from './shipped-waits.ts';
import type { Beginning, Commit, IndexShipping, ShippingOptions } from './shipping-options.ts';

const exportRetryMs = 10_000;
/** The shipping of one store. */
export class Shipping implements IndexShipping {
  private readonly options: ShippingOptions;
  private storeId = '';
  /** True until the first batch with more than the store's own rows. */
  private isUnused = false;
  private readonly pending = new PendingBatches();
  /** The newest commit that a segment has, or the export that began the chain. */
  private shipped: Commit = { seq: 0, time: 0 };
  /** The newest commit that was noted. */
  private noted: Commit = { seq: 0, time: 0 };
  /** The time of the newest commit at the beginning. */
  private begunTime = 0;
  /** While a chain has no export: the time of the last state that can be restored. */
  private brokenTimeMs: number | undefined;
  private chain = '';
  /** The first commit of the chain. */
  private chainStart = 0;
  private segmentsSinceExport = 0;
  private cancelExport: (() => void) | undefined;
  private exporting: Promise<void> | undefined;
  private timer: { readonly kind: 'gather' | 'hurry' | 'retry'; readonly cancel: () => void } | undefined;
  private running: Promise<void> | undefined;
  private isClosed = false;
  private warned = '';
  /** Another service has shipped commits with the same numbers: this one ships nothing any more. */
  private conflict: Failure | undefined;
  private readonly waits = new ShippedWaits();

  constructor(options: ShippingOptions) {
    this.options = options;
  }

  get restorableTime(): number {
    if (this.brokenTimeMs !== undefined) return this.brokenTimeMs;
    return this.shipped.seq >= this.noted.seq ? Number.POSITIVE_INFINITY : this.shipped.time;
  }

  /**
   * The time from the last state that can be restored to the newest commit, in milliseconds: what the loss of the volume
   * would cost. While nothing can be restored it is counted from the beginning.
   */
  get lagMs(): number {
    return Math.max(0, this.noted.time - Math.max(this.restorableTime, this.begunTime));
  }

  /** The chain of the present history, which its exports name. */
  get chainName(): string {
    return this.chain;
  }

  /** Takes no batches until {@link begin}: another index may be opened. */
  suspend(): void {
    this.storeId = '';
    this.waits.refuse(replaced());
  }

  async begin(
    storeId: string,
    newest: Commit,
    { isReplaced, isUnused }: Pick<Beginning, 'isReplaced' | 'isUnused'>,
  ): Promise<void> {
    await this.running;
    this.pending.clear();
    this.conflict = undefined;
    await this.options.files.removeStale(storeId).catch(() => undefined);
    const last = isReplaced ? undefined : await this.lastShipped(storeId).catch(() => undefined);
    this.storeId = storeId;
    this.noted = { seq: newest.seq, time: newest.time };
    this.shipped = this.noted;
    this.begunTime = newest.time;
    this.brokenTimeMs = undefined;
    this.isUnused = isUnused && last === undefined;
    if (this.isUnused) return;
    if (last?.seq === newest.seq && last.isRooted) this.chain = last.chain;
    // What can be restored before the export exists may be old.
    else this.beginChain(last?.time ?? 0);
  }

  reopened(newest: Commit): void {
    if (this.storeId === '' || this.isClosed || newest.seq === this.noted.seq) return;
    this.noted = { seq: newest.seq, time: newest.time };
    this.isUnused = false;
    this.beginChain();
  }

  note(commit: CommitRecord, writes: readonly Write[]): void {
    if (this.storeId === '' || this.isClosed) return;
    const hasGap = commit.seq !== this.noted.seq + 1;
    const batch = { commit: { seq: commit.seq, time: commit.time }, writes };
    if (this.conflict !== undefined || (this.isUnused && !isUsed(batch))) {
      this.noted = batch.commit;
      if (this.isUnused) this.shipped = batch.commit;
      return;
    }
    if (hasGap || this.pending.bytes > pendingBytesMax) this.pending.clear();
    this.pending.push(batch);
    // Not before: a batch that could not be kept must leave a gap.
    this.noted = batch.commit;
    if (this.isUnused || hasGap) {
      this.isUnused = false;
      this.beginChain();
    } else if (this.pending.bytes > pendingBytesMax) {
      this.pending.clear();
      this.options.warn(tooMany);
      this.beginChain();
    }
    if (this.pending.bytes >= segmentBytes && this.timer?.kind !== 'retry') this.ship();
    else this.schedule('gather');
  }

  async whenShipped(signal: AbortSignal): Promise<void> {
    if (this.conflict !== undefined) throw this.conflict;
    if (this.storeId === '') throw replaced();
    if (this.restorableTime === Number.POSITIVE_INFINITY) return;
    const waiting = this.waits.until(this.noted.seq, signal);
    if (!this.pending.isEmpty) this.schedule('hurry');
    await waiting;
  }

  /** The number of calls that wait in {@link whenShipped}. */
  get waiting(): number {
    return this.waits.size;
  }

  highestCommit(): Promise<number> {
    return highestCommitIn(this.options.files);
  }

  /**
   * Resolves when the chain has its export, or none comes in time. It is for a stop, while the index is still open: the
   * segments of a chain without an export restore nothing, and the next start would need another export.
   */
  async whenRooted(): Promise<void> {
    if (this.brokenTimeMs === undefined || this.conflict !== undefined) return;
    if (this.cancelExport !== undefined) this.export();
    const late = Promise.withResolvers<void>();
    const cancel = this.options.after(rootingMs, late.resolve);
    await Promise.race([this.exporting, late.promise]).finally(cancel);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.running;
    if (!this.pending.isEmpty) this.ship();
    await this.running;
    this.timer?.cancel();
    this.cancelExport?.();
    this.waits.refuse(new Failure('SHUTTING_DOWN', 'the service has stopped'));
  }

  /** A hurried gathering replaces a quiet one; a retry keeps its time. */
  private schedule(kind: 'gather' | 'hurry' | 'retry'): void {
    if (this.isClosed || this.running !== undefined) return;
    if (this.timer !== undefined && !(kind === 'hurry' && this.timer.kind === 'gather')) return;
    this.timer?.cancel();
    const { after, gatherMs = gatherMsDefault } = this.options;
    const ms = { gather: gatherMs, hurry: Math.min(hurriedGatherMs, gatherMs), retry: retryMs }[kind];
    this.timer = { kind, cancel: after(ms, () => this.ship()) };
  }

  private ship(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.running ??= this.shipAll().then((isTaken) => {
      this.running = undefined;
      if (this.pending.isEmpty) return;
      this.schedule(isTaken ? (this.waits.size > 0 ? 'hurry' : 'gather') : 'retry');
    });
  }

  /** Writes at least one segment, and all that are full. @returns false if the place took nothing. */
  private async shipAll(): Promise<boolean> {
    do {
      const batches = this.pending.take(segmentBytes);
      if (batches.length === 0 || this.storeId === '') return true;
      try {
        this.onShipped(await this.write(batches));
        this.warned = '';
        if (++this.segmentsSinceExport >= segmentsMax) this.export();
      } catch (error) {
        this.putBack(batches);
        this.tell(error);
        return false;
      }
    } while (this.pending.bytes >= segmentBytes || (this.isClosed && !this.pending.isEmpty));
    return true;
  }

  private putBack(batches: readonly ShippedBatch[]): void {
    // Meanwhile a gap may have begun another chain.
    if (this.conflict !== undefined || batches.at(-1)!.commit.seq < this.chainStart) return;
    this.pending.putBack(batches);
  }

  private onShipped(last: Commit): void {
    if (last.seq > this.shipped.seq) this.shipped = last;
    this.tellWaits();
  }

  private tellWaits(): void {
    if (this.brokenTimeMs === undefined) this.waits.reached(this.shipped.seq);
  }

  /** @returns the last commit that the place has now. */
  private async write(batches: readonly ShippedBatch[]): Promise<Commit> {
    const { storeId, chain, options } = this;
    const origin = { storeId, chain, isRooted: this.brokenTimeMs === undefined };
    if (await writeSegment(options.files, origin, batches, options.onStep)) return batches.at(-1)!.commit;
    return await this.afterAll(segmentName(batches[0]!.commit.seq, storeId), origin, batches);
  }

  /**
   * A segment with the name exists. It is ours if an earlier try has succeeded although its answer was lost: then it has
   * the first of these batches, or all.
   */
  private async afterAll(
    name: string,
    origin: SegmentOrigin,
    batches: readonly ShippedBatch[],
  ): Promise<Commit> {
    const stored = await readSegment(this.options.files, name);
    const { length } = stored.batches;
    const [first, rest] = [batches.slice(0, length), batches.slice(length)];
    const { isRooted, chain } = stored;
    const isOurs =
      chain === origin.chain &&
      first.length === length &&
      encodeSegment({ ...origin, isRooted }, first).equals(
        encodeSegment({ ...origin, isRooted }, stored.batches),
      );
    if (!isOurs) throw this.stopAt(name);
    this.pending.putBack(rest);
    return first.at(-1)!.commit;
  }

  private stopAt(name: string): Failure {
    this.conflict = anotherHasShipped(name);
    this.brokenTimeMs ??= this.shipped.time;
    // No export of this index may seem to go on with the segments of the other one.
    this.chain = this.options.mintChain();
    this.pending.clear();
    this.waits.refuse(this.conflict);
    return this.conflict;
  }

  /** One warning for each cause, however many attempts are made. */
  private tell(error: unknown): void {
    const message = error instanceof Failure ? error.message : String(error);
    if (message === this.warned) return;
    this.warned = message;
    this.options.warn(`changes of the index cannot be shipped: ${message}`);
  }

  private beginChain(restorableTimeMs = this.shipped.time): void {
    this.chain = this.options.mintChain();
    this.chainStart = this.pending.first ?? this.noted.seq + 1;
    this.brokenTimeMs ??= restorableTimeMs;
    this.export();
  }

  /** Writes an export, and tries it again until it succeeds. */
  private export(): void {
    const { chain, chainStart } = this;
    this.segmentsSinceExport = 0;
    this.cancelExport?.();
    this.cancelExport = undefined;
    this.exporting = this.options.onGap().then(
      (exported) => {
        if (chain !== this.chain || this.conflict !== undefined) return;
        if (exported.seq < chainStart - 1) return this.exportLater();
        this.brokenTimeMs = undefined;
        this.onShipped({ seq: exported.seq, time: exported.time });
      },
      (error: unknown) => {
        // The index that was just opened is not served yet.
        const soon = failedWith(error, 'SHUTTING_DOWN') ? error.retryAfterMs : undefined;
        if (soon === undefined) this.tell(error);
        if (chain === this.chain) this.exportLater(soon);
      },
    );
  }

  private exportLater(delayMs = exportRetryMs): void {
    if (this.isClosed || this.storeId === '') return;
    this.cancelExport = this.options.after(delayMs, () => this.export());
  }

  private async lastShipped(storeId: string) {
    const mine = (await this.options.files.list()).filter(({ name }) => segmentOf(name).storeId === storeId);
    const newest = mine.at(-1);
    if (newest === undefined) return undefined;
    const { chain, isRooted, batches } = await readSegment(this.options.files, newest.name);
    return { ...batches.at(-1)!.commit, chain, isRooted };
  }
}
