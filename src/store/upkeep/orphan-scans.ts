/**
 * When files that no row names are looked for. While a process may leave some behind, a mark in the index says so: it is
 * durable before a file is given its name, and is removed when the store is closed with nothing under way. What a
 * process that was killed leaves is the mark, and the next start has a scan made.
 */
import type { BlobStore, StagedBlob } from '../../blobs/blob-store.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { transact } from '../rows/transaction.ts';

/** The setting that says when files that no row names were looked for. */
export const orphanScanSetting = 'orphanScan';

/** Its value. */
export interface OrphanScans {
  /** When the last scan ended. Absent: none has. */
  readonly lastTime?: number;
  /** There is reason for another one. */
  readonly isWanted?: boolean;
}

/** The setting that is there while files may be left behind. */
const markSetting = 'filesUnderWay';

/** A row of an index that was restored: files may have been written since. */
export function scanWanted(): Entry {
  const scans: OrphanScans = { isWanted: true };
  return [keys.store.setting.key(orphanScanSetting), keys.store.setting.encode(scans)];
}

/** Notes what the process before has left, if it was killed. */
async function noteUncleanEnd(index: Index): Promise<void> {
  if ((await index.get(keys.store.setting.key(markSetting))) === undefined) return;
  await transact(index, {
    ns: '',
    reads: [keys.store.setting.key(markSetting), keys.store.setting.key(orphanScanSetting)],
    *decide(tx) {
      if (tx.get(keys.store.setting, markSetting) === undefined) return;
      const scans = tx.get(keys.store.setting, orphanScanSetting) as OrphanScans | undefined;
      tx.put(keys.store.setting, [orphanScanSetting], { ...scans, isWanted: true });
      tx.del(keys.store.setting, markSetting);
    },
  });
}

/** A blob store that marks the index before it gives a file its name, or removes one. */
export class MarkedBlobs implements BlobStore {
  private readonly index: Index;
  private readonly inner: BlobStore;
  /** Resolves when the mark is durable; undefined while it is not there. */
  private marked: Promise<void> | undefined;
  /** Resolves when what was left has been noted. */
  private noted: Promise<void> | undefined;
  /** Operations that may leave something behind if they are broken off. */
  private underWay = 0;

  constructor(index: Index, inner: BlobStore) {
    this.index = index;
    this.inner = inner;
  }

  /** Notes what the process before has left, if it was killed. Must be before the first mark, and is tried once more then. */
  noteUncleanEnd(): Promise<void> {
    this.noted ??= noteUncleanEnd(this.index);
    return this.noted.catch((error: unknown) => {
      this.noted = undefined;
      throw error;
    });
  }

  /** Removes the mark, unless something is under way. Nothing must be begun afterwards. */
  async close(): Promise<void> {
    if (this.marked === undefined || this.underWay > 0 || this.inner.stagedCount > 0) return;
    await this.write(false);
  }

  private async write(isThere: boolean): Promise<void> {
    await transact(this.index, {
      ns: '',
      reads: [],
      *decide(tx) {
        if (isThere) tx.put(keys.store.setting, [markSetting], true);
        else tx.del(keys.store.setting, markSetting);
      },
    });
  }

  private async whileMarked<T>(work: () => Promise<T>): Promise<T> {
    this.underWay++;
    try {
      this.marked ??= this.noteUncleanEnd().then(() => this.write(true));
      await this.marked.catch((error: unknown) => {
        this.marked = undefined;
        throw error;
      });
      return await work();
    } finally {
      this.underWay--;
    }
  }

  async stage(name: string): Promise<StagedBlob> {
    const staged = await this.inner.stage(name);
    return {
      name: staged.name,
      get bytesWritten() {
        return staged.bytesWritten;
      },
      write: (bytes) => staged.write(bytes),
      commit: () => this.whileMarked(() => staged.commit()),
      discard: () => staged.discard(),
      [Symbol.asyncDispose]: () => staged[Symbol.asyncDispose](),
    };
  }

  delete(name: string): Promise<void> {
    return this.whileMarked(() => this.inner.delete(name));
  }

  prepareNamespace(internalId: string): Promise<void> {
    return this.inner.prepareNamespace(internalId);
  }

  read(name: string, offset: number, length: number, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.inner.read(name, offset, length, signal);
  }

  stat(name: string): ReturnType<BlobStore['stat']> {
    return this.inner.stat(name);
  }

  list(internalId: string, shard?: string): AsyncIterable<string> {
    return this.inner.list(internalId, shard);
  }

  space(): ReturnType<BlobStore['space']> {
    return this.inner.space();
  }

  removeStale(): Promise<number> {
    return this.inner.removeStale();
  }

  get stagedCount(): number {
    return this.inner.stagedCount;
  }

  get stagedBytes(): number | undefined {
    return this.inner.stagedBytes;
  }
}
