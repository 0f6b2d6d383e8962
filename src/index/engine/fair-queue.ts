/**
 * Deficit round robin. Lanes take turns, and in its turn a lane passes items that cost as much as its allowance. So
 * over time every waiting lane passes the same cost, whatever the size of its items. Every operation takes constant
 * time, except for an item that costs many allowances.
 */

/**
 * The allowance of a lane for each turn, in bytes. It is small against a batch, so that every batch is shared fairly.
 */
const turnBytes = 16 * 1024;
/** The least cost of an item. No item is free: otherwise a lane of free items would never end its turn. */
const itemBytesMin = 64;

interface Item<T> {
  readonly value: T;
  readonly bytes: number;
  next: Item<T> | undefined;
}

/** First in, first out. Lanes that have items form a ring. */
interface Lane<T> {
  readonly name: string;
  first: Item<T>;
  last: Item<T>;
  length: number;
  allowance: number;
  nextLane: Lane<T>;
}

/** Items in lanes that take turns. */
export class FairQueue<T> {
  private readonly lanes = new Map<string, Lane<T>>();
  /** The lane before the one whose turn it is. */
  private tail: Lane<T> | undefined;
  private count = 0;

  get length(): number {
    return this.count;
  }

  lengthOf(lane: string): number {
    return this.lanes.get(lane)?.length ?? 0;
  }

  /** `bytes` is the cost of the item. */
  push(laneName: string, value: T, bytes: number): void {
    const item: Item<T> = { value, bytes: Math.max(itemBytesMin, bytes), next: undefined };
    const lane = this.lanes.get(laneName);
    this.count++;
    if (lane === undefined) {
      this.addLane(laneName, item);
      return;
    }
    lane.last.next = item;
    lane.last = item;
    lane.length++;
  }

  private addLane(name: string, item: Item<T>): void {
    const lane = { name, first: item, last: item, length: 1, allowance: turnBytes } as Lane<T>;
    lane.nextLane = this.tail?.nextLane ?? lane;
    if (this.tail !== undefined) this.tail.nextLane = lane;
    this.tail = lane;
    this.lanes.set(name, lane);
  }

  /** Takes the next item in turn. */
  shift(): T | undefined {
    if (this.tail === undefined) return undefined;
    let lane = this.tail.nextLane;
    while (lane.allowance < lane.first.bytes) {
      lane.allowance += turnBytes;
      this.tail = lane;
      lane = lane.nextLane;
    }
    const item = lane.first;
    lane.allowance -= item.bytes;
    lane.length--;
    this.count--;
    if (item.next === undefined) this.removeCurrent(lane);
    else lane.first = item.next;
    return item.value;
  }

  private removeCurrent(lane: Lane<T>): void {
    this.lanes.delete(lane.name);
    if (lane.nextLane === lane) this.tail = undefined;
    else this.tail!.nextLane = lane.nextLane;
  }
}
