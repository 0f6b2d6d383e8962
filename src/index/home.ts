/**
 * Where an index lives: what opens it, reads what is left of one that is damaged, and puts another in its place.
 * `leveldb/home.ts` and `memory/home.ts` implement it, `test/index/leveldb/home.test.ts` holds both to it.
 */
import type { IndexDamaged } from './damage.ts';
import type { Examined, Index } from './door.ts';
import type { CommitRecord } from './records.ts';
import type { Entry } from './row.ts';

/** The place of one index. */
export interface IndexHome {
  /**
   * Opens the index, making it if there is none. A replacement that was adopted and could not finish taking its place
   * does so first.
   *
   * Fails with `IndexDamaged`, and with `STORE_UNAVAILABLE` if it cannot be opened; `lock: 'held'` in the metadata
   * then says that another process has it open.
   *
   * @param onDamage told once when damage is found while the index serves; every call fails with it from then on.
   */
  open(onDamage: (damage: IndexDamaged) => void): Promise<Index>;
  /** What can be read of an index that `open` refuses. It must not be open. Fails with `STORE_UNAVAILABLE`. */
  salvage(): Promise<Salvage>;
  /**
   * Begins an index that will take the place of this one, which may be open meanwhile. Only one is begun at a time,
   * over all processes: else `STORE_UNAVAILABLE` with `lock: 'held'`. Not adopted, it leaves no trace.
   */
  replace(): Promise<Replacement>;
}

/** Rows of a damaged index. */
export interface Salvage extends AsyncDisposable {
  /** The newest commit that can be read; number 0 if none can. */
  readonly newest: CommitRecord;
  /** Every row that can be read, in ascending order, but for the commits; and what is known to be damaged. */
  rows(): AsyncIterable<readonly Examined[]>;
}

/** An index that is being written. Disposing it before it is adopted discards it. */
export interface Replacement extends AsyncDisposable {
  /** Adds rows; none of them a commit. */
  put(rows: readonly Entry[]): Promise<void>;
  /**
   * Takes the place of the old index, which must be closed: all or nothing, durable when this resolves.
   *
   * @param newest the newest commit of all that is known: the replacement goes on after it, so that no mark and no
   * export of the past ever names a commit that is to come.
   */
  adopt(newest: Pick<CommitRecord, 'seq' | 'time'>): Promise<void>;
}
