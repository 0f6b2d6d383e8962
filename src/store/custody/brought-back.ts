/**
 * What an export brings back: things that the store, from which the export was taken, has deleted since. An export of
 * another store cannot be compared. `restored-credentials.ts` does the same for credentials.
 */
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Value } from '../../index/row.ts';
import type { ExportHeader } from './export.ts';
import { storeIdIn } from './store-id.ts';

interface Comparable {
  readonly code: number;
  /** What a row of an export brings back, given the present row in its place. Undefined: nothing. */
  broughtBack(
    key: Uint8Array,
    exported: Value,
    present: Value | undefined,
    now: number,
  ): readonly [kind: string, ns: string, id: string] | undefined;
}

const comparables: readonly Comparable[] = [
  {
    code: keys.artifacts.record.code,
    broughtBack: (key, exported, present, now) => {
      const [ns, id] = keys.artifacts.record.parse(key);
      const { expireTime = Number.POSITIVE_INFINITY, hold } = keys.artifacts.record.decode(exported);
      return present === undefined && (hold || expireTime > now) ? ['artifact', ns, id] : undefined;
    },
  },
  {
    code: keys.sessions.record.code,
    broughtBack: (key, exported, present) => {
      const [ns, uid] = keys.sessions.record.parse(key);
      if (keys.sessions.record.decode(exported).deleteTime !== undefined) return undefined;
      const isGone = present === undefined || keys.sessions.record.decode(present).deleteTime !== undefined;
      return isGone ? ['session', ns, uid] : undefined;
    },
  },
];

const byCode = new Map(comparables.map((comparable) => [comparable.code, comparable]));

/** The index that an export is to replace, if both are of the same store. */
export async function comparableTo(
  header: ExportHeader,
  index: Index | undefined,
): Promise<Index | undefined> {
  if (index === undefined || header.storeId === '') return undefined;
  await using snapshot = index.snapshot();
  return (await storeIdIn(snapshot)) === header.storeId ? index : undefined;
}

/** Compares an export, one block of rows after the other, with the index that it is to replace. */
export class BroughtBack {
  private readonly index: Index | undefined;

  /** @param index as {@link comparableTo} returns it. */
  constructor(index: Index | undefined) {
    this.index = index;
  }

  /** Returns rows that say which of these are back. */
  async of(rows: readonly Entry[]): Promise<Entry[]> {
    const { index } = this;
    if (index === undefined) return [];
    const candidates = rows.filter(([key]) => byCode.has(key[0]!));
    const present = await index.getMany(candidates.map(([key]) => key));
    return candidates.flatMap(([key, exported], at): Entry[] => {
      const parts = byCode.get(key[0]!)!.broughtBack(key, exported, present[at], index.now());
      return parts === undefined
        ? []
        : [[keys.store.cameBack.key(...parts), keys.store.cameBack.encode(true)]];
    });
  }
}
