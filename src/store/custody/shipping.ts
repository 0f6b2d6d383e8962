/**
 * Ships the durable batches of the index to the place of its exports, so that the loss of the volume loses seconds and
 * not the time since the last export. Batches gather for at most {@link gatherMs} or {@link segmentBytes}; without batches
 * nothing is written. An export begins a chain of segments; a gap in the commit numbers needs another export.
 */
import type { ExportFiles } from '../../blobs/export-files.ts';
import { Failure } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { CommitRecord } from '../../index/records.ts';
import type { Write } from '../../index/row.ts';
import {
  batchBytes,
  decodeSegment,
  encodeSegment,
  type ShippedBatch,
  segmentName,
  segmentOf,
} from './segments.ts';

const gatherMs = 5_000;
const segmentBytes = 8 * 1024 * 1024;
/** While the place takes nothing, batches wait in memory up to this number of bytes; then the chain ends. */
const pendingBytesMax = 64 * 1024 * 1024;
const retryMs = 2_000;
const exportRetryMs = 10_000;
/** After this number of segments an export is written, so that a restore reads no more of them. */
const segmentsMax = 1_000;

interface ShippingOptions {
  readonly files: ExportFiles;
  readonly after: After;
  readonly warn: (message: string) => void;
  /** Returns the name of a new chain. */
  readonly mintChain: () => string;
  /** Writes an export. Called when a chain must begin, and when it is long. */
  readonly onGap: () => Promise<unknown>;
}

/** The shipping of one store. */
export class Shipping {
  private readonly options: ShippingOptions;
  private storeId = '';
  private pending: ShippedBatch[] = [];
  private pendingBytes = 0;
  /** The newest commit that a segment has. */
  private shipped = 0;
  /** The newest commit that was noted. */
  private noted = 0;
  private shippedTimeMs = 0;
  /** While a chain has no export: the time of the last state that can be restored. */
  private brokenTimeMs: number | undefined;
  private chain = '';
  private segmentsSinceExport = 0;
  private cancelExport: (() => void) | undefined;
  private cancel: (() => void) | undefined;
  private running: Promise<void> | undefined;
  private isClosed = false;
  private warned = '';

  constructor(options: ShippingOptions) {
    this.options = options;
  }

  /**
   * The time of the state that can be restored, in milliseconds since the Unix epoch. What was removed from the index
   * later may be in it again after a loss, so its contents must stay.
   */
  get restorableTime(): number {
    if (this.brokenTimeMs !== undefined) return this.brokenTimeMs;
    return this.shipped === this.noted ? Number.POSITIVE_INFINITY : this.shippedTimeMs;
  }

  /** Takes no batches until {@link begin}: another index may be opened. */
  suspend(): void {
    this.storeId = '';
  }

  /**
   * Begins with an index whose newest commit is this one. Does not wait for an export, if one is needed.
   *
   * @param isReplaced true if another index was open before.
   */
  async begin(
    storeId: string,
    newest: Pick<CommitRecord, 'seq' | 'time'>,
    isReplaced: boolean,
  ): Promise<void> {
    await this.running;
    this.pending = [];
    this.pendingBytes = 0;
    const last = isReplaced ? undefined : await this.lastShipped(storeId).catch(() => undefined);
    this.storeId = storeId;
    this.noted = newest.seq;
    this.shipped = newest.seq;
    this.shippedTimeMs = newest.time;
    if (last?.seq === newest.seq) this.chain = last.chain;
    else this.beginChain();
  }

  /** Takes a batch that is durable. Returns at once. */
  note(commit: CommitRecord, writes: readonly Write[]): void {
    if (this.storeId === '' || this.isClosed) return;
    const hasGap = commit.seq !== this.noted + 1;
    this.noted = commit.seq;
    const batch = { commit: { seq: commit.seq, time: commit.time }, writes };
    this.pending.push(batch);
    this.pendingBytes += batchBytes(batch);
    if (hasGap) {
      this.pending = [batch];
      this.pendingBytes = batchBytes(batch);
      this.beginChain();
    } else if (this.pendingBytes > pendingBytesMax) {
      this.pending = [];
      this.pendingBytes = 0;
      this.options.warn(
        'too many changes of the index wait to be shipped: they are dropped, and an export is needed',
      );
      this.beginChain();
    }
    if (this.pendingBytes >= segmentBytes) this.ship();
    else this.cancel ??= this.options.after(gatherMs, () => this.ship());
  }

  /** Ships what waits, and takes no more. Never rejects. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.running;
    if (this.pending.length > 0) this.ship();
    await this.running;
    this.cancel?.();
    this.cancelExport?.();
  }

  private ship(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.running ??= this.shipAll().finally(() => {
      this.running = undefined;
    });
  }

  private async shipAll(): Promise<void> {
    while (this.pending.length > 0) {
      const { pending: batches } = this;
      this.pending = [];
      const bytes = this.pendingBytes;
      this.pendingBytes = 0;
      const last = batches.at(-1)!.commit;
      try {
        await this.write(batches);
        this.shipped = last.seq;
        this.shippedTimeMs = last.time;
        this.warned = '';
        if (++this.segmentsSinceExport >= segmentsMax) this.export();
      } catch (error) {
        this.pending = [...batches, ...this.pending];
        this.pendingBytes += bytes;
        this.tell(error);
        if (!this.isClosed) this.cancel ??= this.options.after(retryMs, () => this.ship());
        return;
      }
    }
  }

  private async write(batches: readonly ShippedBatch[]): Promise<void> {
    const { storeId, chain } = this;
    const { files } = this.options;
    const segment = encodeSegment({ storeId, chain }, batches);
    async function* bytes() {
      yield segment;
    }
    await files.write(segmentName(batches[0]!.commit.seq, storeId), storeId, bytes());
  }

  /** One warning for each cause, however many attempts are made. */
  private tell(error: unknown): void {
    const message = error instanceof Failure ? error.message : String(error);
    if (message === this.warned) return;
    this.warned = message;
    this.options.warn(`changes of the index cannot be shipped: ${message}`);
  }

  private beginChain(): void {
    this.chain = this.options.mintChain();
    this.brokenTimeMs ??= this.shippedTimeMs;
    this.export();
  }

  /** Writes an export, and tries it again until it succeeds. */
  private export(): void {
    const { chain } = this;
    this.segmentsSinceExport = 0;
    this.cancelExport?.();
    this.options.onGap().then(
      () => {
        if (chain === this.chain) this.brokenTimeMs = undefined;
      },
      (error: unknown) => {
        this.tell(error);
        if (!this.isClosed) this.cancelExport = this.options.after(exportRetryMs, () => this.export());
      },
    );
  }

  private async lastShipped(
    storeId: string,
  ): Promise<{ readonly seq: number; readonly chain: string } | undefined> {
    const { files } = this.options;
    const mine = (await files.list()).filter(({ name }) => segmentOf(name).storeId === storeId);
    const newest = mine.sort((a, b) => (a.name < b.name ? -1 : 1)).at(-1);
    if (newest === undefined) return undefined;
    const { chain, batches } = decodeSegment(newest.name, await files.read(newest.name, 0, newest.sizeBytes));
    return { seq: batches.at(-1)?.commit.seq ?? 0, chain };
  }
}
