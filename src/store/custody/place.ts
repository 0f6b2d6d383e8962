/**
 * The place where the store was last opened, kept in its index. A copy of the store finds there that it lies elsewhere
 * than before. The store may also have been moved, or restored; nothing waits for this notice.
 */
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { transact } from '../rows/transaction.ts';

/** The identity of a directory; a copy of the directory has another one. */
export interface Place {
  /** The time when the directory was made, in nanoseconds. Undefined where the file system does not record it. */
  readonly birth: string | undefined;
  readonly inode: string;
}

interface PlaceRecord extends Place {
  /** The time since when the store is in this place, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** True if the store was elsewhere before. */
  readonly wasElsewhere: boolean;
}

const placeSetting = 'place';
const shownMs = 7 * 24 * 3_600_000;

/**
 * Records where the store is.
 *
 * @param now in milliseconds since the Unix epoch.
 * @returns the notice to give if the store was in another place before; undefined otherwise.
 */
export async function notePlace(index: Index, place: Place, now: number): Promise<string | undefined> {
  const before = await readPlace(index);
  if (before !== undefined && isSame(before, place)) return undefined;
  const record: PlaceRecord = { ...place, time: now, wasElsewhere: before !== undefined };
  await transact(index, {
    ns: '',
    reads: [],
    *decide(tx) {
      tx.put(keys.store.setting, [placeSetting], record);
    },
  });
  return before === undefined ? undefined : messageOf(record);
}

/** Returns the same notice, for a week. Undefined if nothing is to be said. */
export async function placeNotice(reader: Reader, now: number): Promise<string | undefined> {
  const record = await readPlace(reader);
  return record?.wasElsewhere && now - record.time < shownMs ? messageOf(record) : undefined;
}

async function readPlace(reader: Reader): Promise<PlaceRecord | undefined> {
  const value = await reader.get(keys.store.setting.key(placeSetting));
  return value === undefined ? undefined : (keys.store.setting.decode(value) as PlaceRecord);
}

/** Inodes are used again, and the roots of file systems have the same one; the time of making is not used again. */
function isSame(one: Place, other: Place): boolean {
  if (one.birth !== undefined && other.birth !== undefined) return one.birth === other.birth;
  return one.inode === other.inode;
}

function messageOf({ time }: PlaceRecord): string {
  return (
    `since ${new Date(time).toISOString()} the store has been in another directory than before: it ` +
    'was copied, moved or restored. Serve only one copy: artifacts that are pushed to one copy are ' +
    'missing in the other'
  );
}
