/**
 * Quarantines contents that readers find damaged, at once. The error asks for a push of the same bytes, and that push
 * then heals the content.
 */
import type { Sha256 } from '../../domain/digest.ts';
import { Failure } from '../../domain/errors.ts';
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { isSameCopy, quarantine, release } from '../rows/blob-rows.ts';
import { transact } from '../rows/transaction.ts';
import type { OnDamage, Stored } from './contents.ts';

/** A content that was found damaged. */
export interface Damaged {
  readonly ns: string;
  readonly sha256: Sha256;
  readonly size: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly message: string;
}

/**
 * @returns the time of the quarantine, which is now, in milliseconds since the Unix epoch. Undefined if the content had
 * been removed, replaced or quarantined meanwhile.
 */
export async function quarantineStored(
  index: Index,
  { ns, sha256, record }: Stored,
  message: string,
): Promise<number | undefined> {
  return await transact(index, {
    ns,
    reads: [keys.blobs.record.key(ns, sha256)],
    *decide(tx) {
      const current = tx.get(keys.blobs.record, ns, sha256);
      if (current === undefined || current.quarantined || !isSameCopy(current, record)) return undefined;
      quarantine(tx, sha256, current, { time: tx.now, message });
      return tx.now;
    },
  });
}

/** Ends a quarantine. @returns false if it had ended meanwhile, or if other bytes had taken the place. */
export async function releaseStored(index: Index, { ns, sha256, record }: Stored): Promise<boolean> {
  return await transact(index, {
    ns,
    reads: [keys.blobs.record.key(ns, sha256)],
    *decide(tx) {
      const current = tx.get(keys.blobs.record, ns, sha256);
      if (!current?.quarantined || !isSameCopy(current, record)) return false;
      release(tx, sha256, current);
      return true;
    },
  });
}

/**
 * Returns a function that quarantines the contents it is called with. If the quarantine cannot be written, the reader
 * learns of the damage all the same.
 */
export function recordingDamage(index: Index): OnDamage {
  return async (stored, message) => {
    try {
      await quarantineStored(index, stored, message);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  };
}
