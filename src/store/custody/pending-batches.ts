/** The durable batches that wait to be shipped, in order; how long they wait, and how many. */
import { keys } from '../../index/keys.ts';
import { batchBytes, type ShippedBatch } from './segments.ts';

/** Batches gather for this time, in milliseconds. */
export const gatherMsDefault = 5_000;
/** While a call waits for a batch, batches gather only for this long: the calls that come together share a segment. */
export const hurriedGatherMs = 100;
/** A segment takes no further batch when it has this size, in bytes. */
export const segmentBytes = 8 * 1024 * 1024;
/** While the place takes nothing, batches wait up to this number of bytes; then the chain ends. */
export const pendingBytesMax = 64 * 1024 * 1024;
/** What the place did not take is written again after this time, in milliseconds. */
export const retryMs = 2_000;
/** A stop waits for the export of its chain for this long, in milliseconds. */
export const rootingMs = 5_000;
/** After this number of segments an export is written, so that a restore reads no more of them. */
export const segmentsMax = 1_000;

/** The warning when batches are dropped. */
export const tooMany =
  'too many changes of the index wait to be shipped: they are dropped, and an export is needed';

/** A queue of batches that knows its size. */
export class PendingBatches {
  private batches: ShippedBatch[] = [];
  private size = 0;

  /** In bytes, as they take in segments. */
  get bytes(): number {
    return this.size;
  }

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** The number of the first commit; undefined if nothing waits. */
  get first(): number | undefined {
    return this.batches[0]?.commit.seq;
  }

  push(batch: ShippedBatch): void {
    this.batches.push(batch);
    this.size += batchBytes(batch);
  }

  /** Takes the first batches: as many as have this size together, or all. */
  take(bytesMin: number): readonly ShippedBatch[] {
    let bytes = 0;
    let count = 0;
    while (count < this.batches.length && bytes < bytesMin) bytes += batchBytes(this.batches[count++]!);
    this.size -= bytes;
    return this.batches.splice(0, count);
  }

  /** Puts batches that were taken back to the front. */
  putBack(batches: readonly ShippedBatch[]): void {
    this.batches.unshift(...batches);
    this.size += batches.reduce((sum, batch) => sum + batchBytes(batch), 0);
  }

  clear(): void {
    this.batches = [];
    this.size = 0;
  }
}

/** A store writes rows of these families by itself when it is opened. */
const ownFamilies = new Set([keys.store.setting.code, keys.store.commit.code]);

/** Returns true if a caller has brought about a batch. */
export function isUsed({ writes }: ShippedBatch): boolean {
  return writes.some(({ key }) => !ownFamilies.has(key[0]!));
}
