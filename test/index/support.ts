/** What the tests of the index share. */
import { Buffer } from 'node:buffer';
import type { After } from '../../src/domain/timer.ts';
import type { Index, Transaction, Tx } from '../../src/index/door.ts';
import { ringSlots } from '../../src/index/engine/commits.ts';
import { keys } from '../../src/index/keys.ts';
import type { Key, Range, Value, Write } from '../../src/index/row.ts';
import type { Faults } from './faults.ts';
import { operations } from './under-way.ts';

export interface RigOptions {
  readonly clock?: () => number;
  readonly warn?: (message: string) => void;
}

/** An index and the means to hurt it. */
export interface Rig extends AsyncDisposable {
  readonly index: Index;
  readonly faults: Faults;
  readonly timer: ManualTimer;
  /** The number of the ring that its commits go to. */
  readonly ring: number;
  /** Closes the index and opens it again. */
  reopen(options?: RigOptions): Promise<void>;
  /** Abandons the index: no batch that is under way reaches the database any more. Then opens it again. */
  crash(): Promise<void>;
}

export type OpenRig = (options?: RigOptions) => Promise<Rig>;

/** Time passes when the test says so. */
export class ManualTimer {
  private readonly tasks = new Map<() => void, number>();

  readonly after: After = (delayMs, task) => {
    const entry = () => task();
    this.tasks.set(entry, delayMs);
    return () => this.tasks.delete(entry);
  };

  get pending(): number {
    return this.tasks.size;
  }

  /** Runs what waits for exactly so long, when there is something that does. */
  async fireWhenDue(delayMs: number): Promise<void> {
    while (![...this.tasks.values()].includes(delayMs)) await turns(1);
    this.fire(delayMs);
  }

  /** Runs everything that waits now, or of that what was to wait for exactly so long. */
  fire(delayMs?: number): void {
    const due = [...this.tasks].filter(([, each]) => delayMs === undefined || each === delayMs);
    for (const [task] of due) this.tasks.delete(task);
    for (const [task] of due) task();
  }
}

/** A key of no family. */
export function key(text: string): Key {
  return Buffer.concat([Buffer.from([0xf0]), Buffer.from(text, 'latin1')]);
}

export function value(text: string): Value {
  return Buffer.from(text, 'latin1');
}

/** The text that {@link value} was given. */
export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('latin1');
}

/** The text that {@link key} was given. */
export function keyText(bytes: Key): string {
  return Buffer.from(bytes).toString('latin1').slice(1);
}

/** Every key of {@link key}. */
export const everything: Range = { gte: key(''), lt: Buffer.from([0xf1]) };

export function put(name: string, content: string): Write {
  return { type: 'put', key: key(name), value: value(content) };
}

export function del(name: string): Write {
  return { type: 'del', key: key(name) };
}

type Options = Pick<Transaction<unknown>, 'queue' | 'bytesHint'>;

/** What a decision of these tests ends with. */
interface Decided<T> {
  readonly writes: readonly Write[];
  readonly result: T;
}

/** Writes without reading. */
export function write(index: Index, writes: readonly Write[], options: Options = {}): Promise<void> {
  return decide(index, [], () => ({ writes, result: undefined }), options);
}

/** Reads rows and decides by their texts, in the order of the names. */
export function decide<T>(
  index: Index,
  names: readonly string[],
  decision: (texts: (string | undefined)[], tx: Tx) => Decided<T>,
  options: Options = {},
): Promise<T> {
  return index.transact({
    ns: 'q',
    reads: names.map(key),
    *decide(tx) {
      const { writes, result } = decision(
        names.map((name) => text(tx.value(key(name)))),
        tx,
      );
      for (const write of writes) tx.write(write);
      return result;
    },
    ...options,
  });
}

/** Reads one row in a transaction that writes nothing. */
export function look(index: Index, name: string): Promise<string | undefined> {
  return decide(index, [name], ([found]) => ({ writes: [], result: found }));
}

export function increment(index: Index, name: string): Promise<number> {
  return decide(index, [name], ([found]) => {
    const next = Number(found ?? 0) + 1;
    return { writes: [put(name, String(next))], result: next };
  });
}

/** The key of a slot of the ring of an index. */
export function commitKey({ ring }: Pick<Rig, 'ring'>, slot: number): Key {
  return keys.store.commit.key(ring * ringSlots + slot);
}

/** All rows of a range as texts. */
export async function rowsOf(
  reader: { scan: Index['scan'] },
  range: Range = everything,
): Promise<[name: string, content: string][]> {
  const found: [string, string][] = [];
  for await (const block of reader.scan(range)) {
    for (const [name, content] of block) found.push([keyText(name), text(content)!]);
  }
  return found;
}

/** Lets everything run that can run, except what a test holds up: so many turns in which no database is at work. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (operations.size === 0) continue;
    await Promise.allSettled(operations);
    turn = -1;
  }
}

export interface Watched<T> {
  state: 'pending' | 'fulfilled' | 'rejected';
  value?: T;
  error?: unknown;
  /** Resolves when it is settled, however. */
  readonly settled: Promise<void>;
}

/** Shows whether a promise is settled. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = {
    state: 'pending',
    settled: promise.then(
      (result) => {
        watched.state = 'fulfilled';
        watched.value = result;
      },
      (error: unknown) => {
        watched.state = 'rejected';
        watched.error = error;
      },
    ),
  };
  return watched;
}
