/** The place of the contents of a store: files in the data directory, or objects in a bucket. */
import type { BlobStore } from '../../blobs/blob-store.ts';
import { openDiskBlobs } from '../../blobs/disk.ts';
import type { GcsBlobs } from '../../blobs/gcs/blobs.ts';
import { Failure } from '../../domain/errors.ts';
import type { BucketAddress } from '../../domain/system/bucket-address.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { ExportPlace } from '../../store/custody/exports.ts';
import { storeIdIn } from '../../store/custody/store-id.ts';
import { ifHere } from '../../store/rows/here.ts';
import { transact } from '../../store/rows/transaction.ts';
import {
  hasContents,
  requireIndexBesideBucket,
  requireIndexBesideContents,
  requireRowsBesideContents,
} from './lost-index.ts';

/** The setting that names the place of a store whose contents are in a bucket. */
const placeSetting = 'contentsAt';

interface PlaceOptions {
  readonly dataDir: string;
  /** Undefined: the data directory. */
  readonly bucket: BucketAddress | undefined;
  readonly indexPlace: IndexPlaceName;
  readonly warn: (message: string) => void;
  /** Called when {@link ContentsPlace.trouble} may have changed. */
  readonly onTrouble: (() => void) | undefined;
}

/** The place of the index for people, and whether it is in the data directory. */
interface IndexPlaceName {
  readonly name: string;
  readonly isHere: boolean;
}

/** The place, from before the index is open. */
export class ContentsPlace implements Disposable {
  private readonly dataDir: string;
  private readonly indexPlace: IndexPlaceName;
  private readonly bucket: GcsBlobs | undefined;
  private readonly warn: (message: string) => void;

  private constructor(options: PlaceOptions, bucket: GcsBlobs | undefined) {
    this.dataDir = options.dataDir;
    this.indexPlace = options.indexPlace;
    this.warn = options.warn;
    this.bucket = bucket;
  }

  /** Finds the credentials for a bucket, and uses neither yet. */
  static async open(options: PlaceOptions): Promise<ContentsPlace> {
    const { bucket: address, warn, onTrouble } = options;
    if (address === undefined) return new ContentsPlace(options, undefined);
    const { openGcsBlobs } = await import('../../blobs/gcs/blobs.ts');
    const bucket: GcsBlobs = await openGcsBlobs({
      address,
      warn,
      onTrouble: () => {
        if (bucket.trouble !== undefined) warn(bucket.trouble);
        onTrouble?.();
      },
    });
    return new ContentsPlace(options, bucket);
  }

  /** The place for people. */
  get name(): string {
    return this.bucket?.place ?? this.dataDir;
  }

  /** Returns why the contents cannot be used at the moment; undefined if nothing is known. */
  get trouble(): string | undefined {
    return this.bucket?.trouble;
  }

  /** Returns the place in the bucket for exports and segments; undefined for contents on the volume. */
  get shipping(): ExportPlace | undefined {
    const { bucket } = this;
    return bucket && { name: bucket.place, exports: bucket.exports(), segments: bucket.segments() };
  }

  /** Refuses contents without an index. Must be called before the index is opened. @throws IndexDamaged */
  async requireIndex(): Promise<void> {
    // Whether a database has rows shows only when it is open.
    if (!this.indexPlace.isHere) return;
    await requireIndexBesideContents(this.dataDir);
    const { dataDir, bucket } = this;
    if (bucket !== undefined) await ofBlobs(() => requireIndexBesideBucket(dataDir, bucket));
  }

  /**
   * Returns the contents of the store with this index, and claims the bucket for it.
   *
   * @throws IndexDamaged if nothing was ever written to the index, and contents exist. Failure STORE_UNAVAILABLE if the
   *   contents are elsewhere, or the place belongs to another store.
   */
  async contentsOf(index: Index): Promise<BlobStore> {
    const { dataDir, indexPlace, bucket } = this;
    await ofBlobs(() => requireRowsBesideContents(dataDir, indexPlace.name, index, bucket));
    await this.requireSamePlace(index);
    if (bucket === undefined) return await openDiskBlobs({ root: dataDir });
    const storeId = await storeIdIn(index);
    if (storeId !== '') await ofBlobs(() => bucket.claimFor(storeId));
    for (const warning of await bucket.warnings()) this.warn(warning);
    return bucket;
  }

  /** Claims the bucket for a store that has just been made, and notes in its index where its contents are. */
  async settle(index: Index): Promise<void> {
    const { bucket } = this;
    if (bucket === undefined) return;
    const storeId = await storeIdIn(index);
    await ofBlobs(() => bucket.claimFor(storeId));
    if ((await placeIn(index)) === bucket.place) return;
    // The owner of the store as a whole has the same bucket, or has refused to start.
    await ifHere(index, '', () =>
      transact(index, {
        ns: '',
        reads: [],
        *decide(tx) {
          tx.put(keys.store.setting, [placeSetting], bucket.place);
        },
      }),
    );
  }

  [Symbol.dispose](): void {
    this.bucket?.[Symbol.dispose]();
  }

  private async requireSamePlace(index: Index): Promise<void> {
    const noted = await placeIn(index);
    const { bucket, dataDir } = this;
    if (noted === bucket?.place) return;
    if (noted !== undefined)
      throw elsewhere(`the contents of this store are in ${noted}: give --blobs ${noted}`);
    if (await hasContents(dataDir))
      throw elsewhere(
        `the contents of this store are files in ${dataDir}: --blobs cannot be given. To move them, push them to a ` +
          'new store',
      );
  }
}

async function placeIn(index: Index): Promise<string | undefined> {
  const value = await index.get(keys.store.setting.key(placeSetting));
  return value === undefined ? undefined : String(keys.store.setting.decode(value));
}

/** Names the setting in the failures of a bucket that cannot be used. */
async function ofBlobs<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure && error.reason === 'STORE_UNAVAILABLE')) throw error;
    const { reason, message, metadata } = error;
    throw new Failure(reason, `blobs: ${message}`, { metadata, cause: error });
  }
}

function elsewhere(message: string): Failure {
  return new Failure('STORE_UNAVAILABLE', message);
}
