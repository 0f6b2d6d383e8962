/**
 * Where the store was last opened, kept in its index: a copy of it finds there that it lies elsewhere than before. It may
 * as well have been moved, or restored; nothing waits for it.
 */
import type { Index, Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import { transact } from '../rows/transaction.ts';

/** What a directory is known by; a copy of it has others. */
export interface Place {
  /** When it was made, in nanoseconds. Undefined where the file system does not say. */
  readonly birth: string | undefined;
  readonly inode: string;
}

interface PlaceRecord extends Place {
  /** Since when the store is there, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** It was elsewhere before. */
  readonly wasElsewhere: boolean;
}

const placeSetting = 'place';
const shownMs = 7 * 24 * 3_600_000;

/**
 * Notes where the store is.
 *
 * @param now in milliseconds since the Unix epoch.
 * @returns what is to be said if that is another place than before; undefined otherwise.
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

/** The same, for a week; undefined if there is nothing to be said. */
export async function placeNotice(reader: Reader, now: number): Promise<string | undefined> {
  const record = await readPlace(reader);
  return record?.wasElsewhere && now - record.time < shownMs ? messageOf(record) : undefined;
}

async function readPlace(reader: Reader): Promise<PlaceRecord | undefined> {
  const value = await reader.get(keys.store.setting.key(placeSetting));
  return value === undefined ? undefined : (keys.store.setting.decode(value) as PlaceRecord);
}

/** Inodes are used again, and are alike in the roots of file systems; when something was made is not. */
function isSame(one: Place, other: Place): boolean {
  if (one.birth !== undefined && other.birth !== undefined) return one.birth === other.birth;
  return one.inode === other.inode;
}

function messageOf({ time }: PlaceRecord): string {
  return (
    `since ${new Date(time).toISOString()} the store lies in another directory than before: it was copied, moved or restored. ` +
    'Only one copy may be served: what is pushed to one is missing in the other'
  );
}
