/**
 * Decides when to look for files that no row names. While a process may leave such files behind, the index has a mark.
 * The mark is durable before a file gets its name. It is removed when the store closes without work in progress. A
 * process that was killed leaves the mark, and so the next start requests a scan. Several processes of one store make no
 * mark: what one of them leaves behind is found by the weekly scan.
 */
import type { BlobStore, BlobTraffic, StagedBlob } from '../../blobs/blob-store.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { soleOwner } from '../../index/owners.ts';
import type { Entry } from '../../index/row.ts';
import { ifHere } from '../rows/here.ts';
import { transact } from '../rows/transaction.ts';

/** The setting with the state of the scans for files that no row names. */
export const orphanScanSetting = 'orphanScan';

/** The value of that setting. */
export interface OrphanScans {
  /** The time when the last scan ended. Absent: no scan has ended yet. */
  readonly lastTime?: number;
  /** True: another scan is needed. */
  readonly isWanted?: boolean;
}

/** The setting that exists while files may be left behind. */
const markSetting = 'filesUnderWay';

/** Returns a row for an index that was restored: files may have been written since its state. */
export function scanWanted(): Entry {
  const scans: OrphanScans = { isWanted: true };
  return [keys.store.setting.key(orphanScanSetting), keys.store.setting.encode(scans)];
}

/** Records that the process before was killed and may have left files, if that is so. */
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

/** A blob store that marks the index before it gives a file its name, or removes a file. */
export class MarkedBlobs implements BlobStore {
  private readonly index: Index;
  private readonly inner: BlobStore;
  /** Needs no mark: a row already has the name. */
  readonly uploadUrl?: NonNullable<BlobStore['uploadUrl']>;
  /** Resolves when the mark is durable; undefined while no mark exists. */
  private marked: Promise<void> | undefined;
  /** Resolves when the unclean end has been recorded. */
  private noted: Promise<void> | undefined;
  /** The number of operations that may leave files behind if they are interrupted. */
  private underWay = 0;
  /** False: other processes may leave files behind, too. Then nothing is marked. */
  private readonly isAlone: boolean;

  constructor(index: Index, inner: BlobStore) {
    this.index = index;
    this.inner = inner;
    this.isAlone = index.owners === soleOwner;
    if (inner.uploadUrl !== undefined) this.uploadUrl = (...what) => inner.uploadUrl!(...what);
  }

  /**
   * Records that the process before may have left files, if it was killed. Must be called before the first mark; if it
   * failed, the first mark tries it once more.
   */
  noteUncleanEnd(): Promise<void> {
    this.noted ??= ifHere(this.index, '', () => noteUncleanEnd(this.index));
    return this.noted.catch((error: unknown) => {
      this.noted = undefined;
      throw error;
    });
  }

  /** Removes the mark, unless an operation is in progress. No operation may begin afterwards. */
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
      if (this.isAlone) await this.mark();
      return await work();
    } finally {
      this.underWay--;
    }
  }

  private async mark(): Promise<void> {
    this.marked ??= this.noteUncleanEnd().then(() => this.write(true));
    await this.marked.catch((error: unknown) => {
      this.marked = undefined;
      throw error;
    });
  }

  async stage(name: string, signal?: AbortSignal): Promise<StagedBlob> {
    const staged = await this.inner.stage(name, signal);
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

  delete(name: string, generation?: string): Promise<void> {
    return this.whileMarked(() => this.inner.delete(name, generation));
  }

  prepareNamespace(internalId: string): Promise<void> {
    return this.inner.prepareNamespace(internalId);
  }

  read(...what: Parameters<BlobStore['read']>): AsyncIterable<Uint8Array> {
    return this.inner.read(...what);
  }

  stat(name: string, generation?: string): ReturnType<BlobStore['stat']> {
    return this.inner.stat(name, generation);
  }

  async readUrl(
    ...what: Parameters<NonNullable<BlobStore['readUrl']>>
  ): Promise<Awaited<ReturnType<NonNullable<BlobStore['readUrl']>>>> {
    return await this.inner.readUrl?.(...what);
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

  get traffic(): BlobTraffic | undefined {
    return this.inner.traffic;
  }

  get stagedCount(): number {
    return this.inner.stagedCount;
  }

  get stagedBytes(): number | undefined {
    return this.inner.stagedBytes;
  }
}
