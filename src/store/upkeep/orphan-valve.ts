/**
 * A valve for what nobody asked to delete: files that no row knows. Many of them may mean that it is the index that is
 * wrong; then an operator is asked.
 */
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { transact } from '../rows/transaction.ts';
import { type Pause, pauseSetting } from './pauses.ts';

/** More are not removed unasked. */
export const orphansMax = 1_000;
/** Nor if they are more than one in so many of all bytes. */
const bytesShare = 10;

/** Files and their bytes. */
export interface Files {
  readonly count: number;
  readonly bytes: number;
}

/** What an operator was asked about; resuming ends the pause and leaves this. */
const askedSetting = 'orphansAsked';

/**
 * Whether these orphans may be condemned: they are few, or an operator has resumed maintenance after having been told
 * of so many. Begins the pause if not, under another id if they have become more.
 *
 * @param allBytes of all files, these included.
 */
export async function mayCondemn(index: Index, found: Files, allBytes: number): Promise<boolean> {
  const setting = pauseSetting('manyOrphans');
  return await transact(index, {
    ns: '',
    reads: [keys.store.setting.key(setting), keys.store.setting.key(askedSetting)],
    *decide(tx) {
      const pause = tx.get(keys.store.setting, setting) as Pause | undefined;
      const asked = tx.get(keys.store.setting, askedSetting) as Files | undefined;
      if (found.count <= orphansMax && found.bytes * bytesShare <= allBytes) {
        if (pause !== undefined) tx.del(keys.store.setting, setting);
        return true;
      }
      const isKnown = asked !== undefined && found.count <= asked.count && found.bytes <= asked.bytes;
      if (isKnown) return pause === undefined;
      tx.put(keys.store.setting, [askedSetting], { count: found.count, bytes: found.bytes });
      tx.put(keys.store.setting, [setting], pauseOver(found, allBytes, tx.now));
      return false;
    },
  });
}

function pauseOver({ count, bytes }: Files, allBytes: number, now: number): Pause {
  return {
    // Two questions may be asked within one millisecond.
    id: `manyOrphans-${now}-${count}-${bytes}`,
    cause: 'manyOrphans',
    startTime: now,
    message: `${count} files of ${bytes} bytes, of ${allBytes} in all, are known to no row: perhaps it is the index that is wrong; resume to have them removed`,
    objects: { count, bytes },
  };
}

/** What was allowed has been done: the next time it is asked again. */
export async function endConfirmation(index: Index): Promise<void> {
  await transact(index, {
    ns: '',
    reads: [keys.store.setting.key(askedSetting)],
    *decide(tx) {
      if (tx.get(keys.store.setting, askedSetting) !== undefined) tx.del(keys.store.setting, askedSetting);
    },
  });
}

/** Rows of an index that was restored: what was confirmed for another state is confirmed no more. */
export function withoutConfirmation(): Entry {
  return [keys.store.setting.key(askedSetting), keys.store.setting.encode({ count: 0, bytes: 0 })];
}
