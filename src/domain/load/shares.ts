import { nameOfPayer, type Payer } from '../principal.ts';

/** One use of a shared resource by a payer. The payer does not change while the use is counted. */
interface Use {
  readonly payer: Payer;
}

interface Group<U> {
  size: number;
  readonly payers: Map<string, Set<U>>;
}

const none: ReadonlySet<never> = new Set();

/**
 * The uses of a shared resource, and the choice of those that give way if no place is left for another use. A payer
 * that is alone may have everything. While others ask, groups are left with equal parts, and payers with equal parts
 * of the part of their group.
 */
export class Shares<U extends Use> implements Iterable<U> {
  private readonly uses = new Set<U>();
  private readonly groups = new Map<string, Group<U>>();

  constructor(uses: Iterable<U> = []) {
    for (const use of uses) this.add(use);
  }

  get size(): number {
    return this.uses.size;
  }

  /** Returns the uses in the order in which they began. */
  [Symbol.iterator](): Iterator<U> {
    return this.uses.values();
  }

  has(use: U): boolean {
    return this.uses.has(use);
  }

  add(use: U): void {
    this.uses.add(use);
    const { group: groupName } = use.payer;
    const name = nameOfPayer(use.payer);
    const group = this.groups.get(groupName) ?? { size: 0, payers: new Map<string, Set<U>>() };
    const own = group.payers.get(name) ?? new Set<U>();
    this.groups.set(groupName, group);
    group.payers.set(name, own);
    own.add(use);
    group.size++;
  }

  delete(use: U): boolean {
    if (!this.uses.delete(use)) return false;
    const { group: groupName } = use.payer;
    const name = nameOfPayer(use.payer);
    const group = this.groups.get(groupName)!;
    const own = group.payers.get(name)!;
    own.delete(use);
    group.size--;
    if (own.size === 0) group.payers.delete(name);
    if (group.size === 0) this.groups.delete(groupName);
    return true;
  }

  /**
   * Returns the uses of the payer that has too many. These are uses of the largest group, else of the largest payer
   * in the group of the asking payer. The group or payer must have at least two more uses than the asking one, so
   * that both can go on with what they then have. Empty: no payer has too many.
   */
  overShare(asking: Payer): ReadonlySet<U> {
    const own = this.groups.get(asking.group);
    const group = largest(this.groups.values());
    if (group !== undefined && group !== own && group.size >= (own?.size ?? 0) + 2)
      return largest(group.payers.values())!;
    const payer = own?.payers.get(nameOfPayer(asking));
    const most = own === undefined ? undefined : largest(own.payers.values());
    return most !== undefined && most !== payer && most.size >= (payer?.size ?? 0) + 2 ? most : none;
  }

  /**
   * Yields the uses of the payers that have more than the asking payer, and of the asking payer itself. Only these
   * may give way for another reason.
   */
  *notUnder(asking: Payer): Generator<ReadonlySet<U>, undefined> {
    const own = this.groups.get(asking.group);
    const name = nameOfPayer(asking);
    const payer = own?.payers.get(name);
    for (const group of this.groups.values()) {
      if (group !== own && group.size <= (own?.size ?? 0)) continue;
      for (const uses of group.payers.values())
        if (group !== own || uses === payer || uses.size > (payer?.size ?? 0)) yield uses;
    }
  }
}

function largest<T extends { readonly size: number }>(parts: Iterable<T>): T | undefined {
  let most: T | undefined;
  for (const part of parts) if (most === undefined || part.size > most.size) most = part;
  return most;
}
