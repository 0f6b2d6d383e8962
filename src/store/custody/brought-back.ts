/**
 * What an export brings back: what the store that it came from has deleted or revoked since. Another store's export
 * cannot be compared.
 */
import type { Index } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';
import type { Entry, Value } from '../../index/row.ts';
import { isEnded as isEndedKey } from '../rows/key-rows.ts';
import { isEnded as isEndedLink } from '../rows/link-rows.ts';
import type { ExportHeader } from './export.ts';
import { storeIdIn } from './store-id.ts';

interface Comparable {
  readonly code: number;
  /** What a row of an export brings back, given what is there now in its place; undefined: nothing. */
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
  {
    code: keys.links.record.code,
    broughtBack: (key, exported, present, now) => {
      const link = keys.links.record.decode(exported);
      if (isEndedLink(link, now)) return undefined;
      const isGone = present === undefined || keys.links.record.decode(present).revokeTime !== undefined;
      return isGone ? ['share link', link.ns, `lnk_${keys.links.record.parse(key)[0]}`] : undefined;
    },
  },
  {
    code: keys.credentials.apiKey.code,
    broughtBack: (key, exported, present, now) => {
      const apiKey = keys.credentials.apiKey.decode(exported);
      if (isEndedKey(apiKey, now)) return undefined;
      const isGone =
        present === undefined || keys.credentials.apiKey.decode(present).revokeTime !== undefined;
      return isGone ? ['API key', apiKey.ns, keys.credentials.apiKey.parse(key)[0]] : undefined;
    },
  },
];

const byCode = new Map(comparables.map((comparable) => [comparable.code, comparable]));

/** Compares an export, a block of rows after the other, with the index that it is to replace. */
export class BroughtBack {
  private readonly index: Index | undefined;
  private isSame = false;

  constructor(index: Index | undefined) {
    this.index = index;
  }

  async begin(header: ExportHeader): Promise<void> {
    if (this.index === undefined) return;
    await using snapshot = this.index.snapshot();
    this.isSame = header.storeId !== '' && (await storeIdIn(snapshot)) === header.storeId;
  }

  /** Rows that say which of these are back. */
  async of(rows: readonly Entry[]): Promise<Entry[]> {
    const { index } = this;
    if (index === undefined || !this.isSame) return [];
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
