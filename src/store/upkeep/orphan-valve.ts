/**
 * A limit for deletions that no user asked for: files that no row knows. If they are many, perhaps the index is wrong;
 * then an operator is asked.
 */
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry } from '../../index/row.ts';
import { transact } from '../rows/transaction.ts';
import { type Pause, pauseSetting } from './pauses.ts';

/** The most files that are removed without a question. */
export const orphansMax = 1_000;
/** Without a question, at most one in this many of all bytes is removed. */
const bytesShare = 10;

/** Files and their bytes. */
export interface Files {
  readonly count: number;
  readonly bytes: number;
}

/** The question to an operator; resuming ends the pause and leaves this. */
const askedSetting = 'orphansAsked';

/**
 * Decides whether these orphans may be condemned: they are few, or an operator has resumed maintenance after the
 * question about at least as many. If not, begins the pause; under another id if the orphans have become more.
 *
 * @param allBytes the size of all files, these included.
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
  // Two questions may begin within one millisecond.
  const id = `manyOrphans-${now}-${count}-${bytes}`;
  return {
    id,
    cause: 'manyOrphans',
    startTime: now,
    message:
      `${count} files with ${bytes} bytes belong to no artifact (all files together have ${allBytes} bytes), so the ` +
      `index may be wrong; if the index is complete, run "artifacta fsck --resume ${id}" to remove these files`,
    objects: { count, bytes },
  };
}

/** The allowed removal is done: the next one needs another question. */
export async function endConfirmation(index: Index): Promise<void> {
  await transact(index, {
    ns: '',
    reads: [keys.store.setting.key(askedSetting)],
    *decide(tx) {
      if (tx.get(keys.store.setting, askedSetting) !== undefined) tx.del(keys.store.setting, askedSetting);
    },
  });
}

/** Returns a row for an index that was restored: a confirmation for another state does not count any more. */
export function withoutConfirmation(): Entry {
  return [keys.store.setting.key(askedSetting), keys.store.setting.encode({ count: 0, bytes: 0 })];
}
