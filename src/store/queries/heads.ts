/**
 * The names of a session and their latest versions, in the order of the names' UTF-8 bytes; and the names of two
 * sessions, side by side.
 */
import { Buffer } from 'node:buffer';
import type { ArtifactId, SessionUid } from '../../domain/ids.ts';
import type { Budget } from '../../domain/load/budget.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Reader } from '../../index/door.ts';
import { rangeAfter } from '../../index/family.ts';
import { keys } from '../../index/keys.ts';
import type { Range } from '../../index/row.ts';
import { afterPrefix } from '../../index/tuple.ts';

interface Head {
  readonly name: string;
  readonly bytes: Buffer;
  /** Undefined if the latest version was deleted. */
  readonly latest: ArtifactId | undefined;
}

/** Where to begin and how to read. */
interface HeadsOptions {
  /** Undefined: begin with the first name. */
  readonly after: string | undefined;
  /** The number of rows that are read at once. */
  readonly rowsTogether: number;
  readonly budget: Budget;
}

/** Reads the heads of a session one after another; only names that may exist for the principal. */
export class Heads {
  private readonly reader: Reader;
  private readonly options: HeadsOptions;
  /** The rows that have not been read yet; undefined at the end. */
  private rest: Range | undefined;
  private waiting: Head[] = [];

  constructor(reader: Reader, by: Principal, uid: SessionUid, options: HeadsOptions) {
    this.reader = reader;
    this.options = options;
    const { namespace: ns, restriction } = by;
    const all = rangeOf(ns, uid, restriction?.namePrefix ?? '');
    const after = options.after === undefined ? undefined : keys.artifacts.head.key(ns, uid, options.after);
    this.rest = after === undefined || Buffer.compare(after, all.gte) < 0 ? all : rangeAfter(all, after);
  }

  /** Returns the next head, which stays the next one until it is taken; undefined at the end. */
  async next(): Promise<Head | undefined> {
    if (this.waiting.length === 0 && this.rest !== undefined) await this.read(this.rest);
    return this.waiting.at(-1);
  }

  take(): void {
    this.waiting.pop();
  }

  private async read(range: Range): Promise<void> {
    const { rowsTogether, budget } = this.options;
    const found: Head[] = [];
    for await (const block of this.reader.scan({ ...range, limit: rowsTogether })) {
      for (const [key, value] of block) {
        const name = keys.artifacts.head.parse(key)[2];
        const { latest, deleted } = keys.artifacts.head.decode(value);
        found.push({ name, bytes: Buffer.from(name), latest: deleted ? undefined : latest });
        this.rest = rangeAfter(range, key);
      }
    }
    budget.spend('entries', Math.max(1, found.length));
    if (found.length < rowsTogether) this.rest = undefined;
    this.waiting = found.reverse();
  }
}

/** Returns the range of the heads whose names begin with `prefix`. */
function rangeOf(ns: string, uid: SessionUid, prefix: string): Range {
  if (prefix === '') return keys.artifacts.head.range(ns, uid);
  // A string in a key ends with a byte that does not belong to it, and the name is the last column.
  const gte = keys.artifacts.head.key(ns, uid, prefix).subarray(0, -1);
  return { gte, lt: afterPrefix(gte) };
}

/** A name that at least one of two sessions had, and its latest version in each. */
export interface NamePair {
  readonly name: string;
  /** Undefined if this session never had a version of the name, or if the latest one was deleted. */
  readonly base: ArtifactId | undefined;
  readonly compared: ArtifactId | undefined;
}

/** Yields the names of two sessions in order, each once. */
export async function* pairs(base: Heads, compared: Heads): AsyncGenerator<NamePair, void, void> {
  for (;;) {
    const left = await base.next();
    const right = await compared.next();
    const order = left === undefined ? 1 : right === undefined ? -1 : Buffer.compare(left.bytes, right.bytes);
    const first = order <= 0 ? left : right;
    if (first === undefined) return;
    if (order <= 0) base.take();
    if (order >= 0) compared.take();
    yield {
      name: first.name,
      base: order <= 0 ? left?.latest : undefined,
      compared: order >= 0 ? right?.latest : undefined,
    };
  }
}
