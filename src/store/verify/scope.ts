/** The extent of one check, and its memory while it runs. */
import { hexOf, textOf } from '../../index/bytes.ts';
import { keys } from '../../index/keys.ts';
import type { Key, Value } from '../../index/row.ts';
import type { Finding } from './finding.ts';
import { type AnyFamily, familyOf, type Owner } from './owners.ts';

/** The families whose first column is a time, and whose second is the namespace. */
const timed: readonly AnyFamily[] = [
  keys.calls.expiry,
  keys.calls.requestIdByDay,
  keys.blobs.maybeFree,
  keys.blobs.condemned,
  keys.blobs.bytesByTime,
];

/** The extent of one check, and its memory. */
export class Scope {
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  private readonly reported = new Set<string>();
  private readonly unsure = new Set<string>();
  /** Files with the names of contents whose records are lost, by content. */
  readonly homeless = new Map<string, { readonly key: Key; readonly ns: string; readonly name: string }>();

  constructor(namespace: string | undefined) {
    this.namespace = namespace;
  }

  /**
   * Returns the range of the rows of a family to look at. Where a time comes first, it is the whole family; {@link parse} leaves
   * out the rows of other namespaces.
   */
  rangeOf(family: AnyFamily): { gte: Key; lt: Key } {
    return this.namespace === undefined || timed.includes(family)
      ? family.range()
      : family.range(this.namespace);
  }

  /** Returns the columns of a key. Undefined if the row is not to be looked at, or if the key cannot be taken apart. */
  parse(family: AnyFamily, key: Key): readonly unknown[] | undefined {
    try {
      const parts = family.parse(key) as readonly unknown[];
      const ns = parts[timed.includes(family) ? 1 : 0];
      return this.namespace === undefined || ns === this.namespace ? parts : undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns the value; undefined if it cannot be decoded. */
  decode<V>(family: { decode(value: Value): V }, value: Value): V | undefined {
    try {
      return family.decode(value);
    } catch {
      return undefined;
    }
  }

  /** Records that a damaged row was reported by the check that knows what the row should be. */
  noteReported(key: Key): void {
    this.reported.add(textOf(key));
  }

  wasReported(key: Key): boolean {
    return this.reported.has(textOf(key));
  }

  /**
   * Records that a row that belongs to a count is wrong. Nothing can be said about that count before the row is
   * repaired. The things with an unsure count are named by their keys without the family.
   */
  noteWrong(key: Key): void {
    const family = familyOf.get(key[0]!);
    if (family !== keys.artifacts.version && family !== keys.blobs.reference) return;
    const parts = this.parse(family, key);
    if (parts === undefined) return;
    const counted = family === keys.artifacts.version ? keys.sessions.record : keys.blobs.record;
    this.unsure.add(textOf((counted as AnyFamily).key(parts[0], parts[1])).slice(1));
  }

  /** Records that a file exists for a content whose record does not. */
  noteHomeless(nameKey: Key, owner: Owner): void {
    const [ns, name] = keys.blobs.physicalName.parse(nameKey);
    this.homeless.set(textOf(owner.key).slice(1), { key: nameKey, ns, name });
  }

  /** @param group a session's or a content's key without the family. */
  isUnsure(group: string): boolean {
    return this.unsure.has(group);
  }

  /** Describes a row in words. */
  describe(key: Key): string {
    const family = familyOf.get(key[0]!);
    if (family === undefined) return `the row ${hexOf(key)}`;
    try {
      const parts = (family.parse(key) as readonly unknown[]).map((part) => JSON.stringify(part));
      return `the row ${family.name}(${parts.join(', ')})`;
    } catch {
      return `the row ${family.name} ${hexOf(key)}`;
    }
  }

  aboutOwner({ kind, ns, key }: Owner): Partial<Finding> {
    if (kind === 'artifact') return { namespace: ns, artifactId: keys.artifacts.record.parse(key)[1] };
    if (kind === 'blob') return { namespace: ns, sha256: keys.blobs.record.parse(key)[1] };
    return { namespace: ns };
  }
}
