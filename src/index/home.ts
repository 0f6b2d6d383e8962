/**
 * The place of an index. It opens the index, reads the remains of a damaged one, and puts another in its place.
 * `home.ts` of `leveldb/`, `postgres/` and `memory/` implements it; `test/index/home-contract.ts` tests them against it.
 */
import type { IndexDamaged } from './damage.ts';
import type { Examined, Index } from './door.ts';
import type { CommitRecord } from './records.ts';
import type { Entry } from './row.ts';

/** The place of one index. */
export interface IndexHome {
  /**
   * Opens the index, and makes it if it does not exist. If a replacement was adopted and could not finish taking its
   * place, it does so first.
   *
   * Fails with `IndexDamaged`, and with `STORE_UNAVAILABLE` if the index cannot be opened; `lock: 'held'` in the
   * metadata then says that another process has it open.
   *
   * @param onDamage called once when damage is found while the index serves; every call fails with it from then on.
   */
  open(onDamage: (damage: IndexDamaged) => void): Promise<Index>;
  /**
   * Opens the readable parts of an index that `open` refuses. The index must not be open. Fails with
   * `STORE_UNAVAILABLE`.
   */
  salvage(): Promise<Salvage>;
  /**
   * Begins an index that will take the place of this one, which may be open meanwhile. Over all processes, only one is
   * begun at a time: otherwise `STORE_UNAVAILABLE` with `lock: 'held'`. If it is not adopted, it leaves no trace.
   */
  replace(): Promise<Replacement>;
}

/** Rows of a damaged index. */
export interface Salvage extends AsyncDisposable {
  /** The newest commit that can be read; number 0 if none can. */
  readonly newest: CommitRecord;
  /** Yields every row that can be read, in ascending order, except the commits; and the damage that is known. */
  rows(): AsyncIterable<readonly Examined[]>;
}

/** An index that is being written. Disposing it before it is adopted discards it. */
export interface Replacement extends AsyncDisposable {
  /** Adds rows, none of which may be a commit. */
  put(rows: readonly Entry[]): Promise<void>;
  /**
   * Takes the place of the old index, which must be closed: all or nothing, durable when this resolves.
   *
   * @param newest the newest known commit of all: the replacement continues after it. So no mark and no export of the
   * past ever names a future commit.
   */
  adopt(newest: Pick<CommitRecord, 'seq' | 'time'>): Promise<void>;
}
