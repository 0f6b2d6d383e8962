/**
 * Rows that stores of earlier versions lack, or have in another form. They are written once, when the store is opened. Of
 * several processes, each writes the rows of the namespaces that it owns. None records that nothing lacks while another
 * owns a namespace with such rows, so the next start looks again.
 */
import { Buffer } from 'node:buffer';
import { mediaTypeOf } from '../domain/content-type.ts';
import { type After, afterRealTime } from '../domain/timer.ts';
import type { Index, Tx, Writer } from '../index/door.ts';
import { keys } from '../index/keys.ts';
import type { Entry, Key, Range } from '../index/row.ts';
import { rowOwner } from '../index/row-owner.ts';
import { formatVersion } from './format.ts';
import { ifHere } from './rows/here.ts';
import { putDerivedOfKey } from './rows/key-rows.ts';
import { stateWords } from './rows/session-rows.ts';
import { transact } from './rows/transaction.ts';

interface Backfill {
  /** The setting that says that all these rows are as they should be. */
  readonly setting: string;
  /** True: the store can serve without these rows for a while, see {@link Filling.isComplete}. */
  readonly mayWait?: true;
  /** Yields the rows to look at. */
  rows(index: Index): AsyncIterable<readonly Entry[]>;
  /** Writes what one of these rows lacks, if the row still exists. */
  write(tx: Tx, key: Uint8Array): void;
  /** Further settings that are written with {@link setting}. */
  readonly with?: Readonly<Record<string, unknown>>;
}

const all: readonly Backfill[] = [
  {
    // New contents in the index are placed by time. Older versions must not open such a store.
    setting: 'contentsByTime',
    mayWait: true,
    rows: async function* () {},
    write: () => {},
    with: { format: formatVersion },
  },
  {
    // Sessions are listed by state and outcome.
    setting: 'sessionStates',
    rows: (index) => index.scan(keys.sessions.record.range()),
    write: (tx, key) => {
      const [ns, uid] = keys.sessions.record.parse(key);
      const record = tx.get(keys.sessions.record, ns, uid);
      if (record === undefined) return;
      for (const word of stateWords(record)) tx.put(keys.sessions.byState, [ns, word, uid], true);
    },
  },
  {
    // API keys that end are queued for the reaper.
    setting: 'endedKeys',
    rows: (index) => index.scan(keys.credentials.apiKey.range()),
    write: (tx, key) => {
      const [id] = keys.credentials.apiKey.parse(key);
      const record = tx.get(keys.credentials.apiKey, id);
      if (record !== undefined) putDerivedOfKey(tx, id, record);
    },
  },
  {
    // Artifacts are listed by type and subtype; earlier versions had the parameters in the row, too.
    setting: 'mediaTypes',
    mayWait: true,
    rows: rowsWithParameters,
    write: (tx, key) => {
      const [ns, type, id] = keys.latest.byType.parse(key);
      const signature = tx.get(keys.latest.byType, ns, type, id);
      if (signature === undefined) return;
      tx.del(keys.latest.byType, ns, type, id);
      tx.put(keys.latest.byType, [ns, mediaTypeOf(type), id], signature);
    },
  },
];

const writtenTogether = 500;

/**
 * Yields the rows with parameters. If all rows of a block have one type, without parameters, the other rows of that
 * type are skipped.
 */
async function* rowsWithParameters(index: Index): AsyncIterable<readonly Entry[]> {
  const { gte, lt } = keys.latest.byType.range();
  for (let from: Key | undefined = gte; from !== undefined; ) {
    const range: Range = { gte: from, lt };
    from = undefined;
    for await (const block of index.scan(range)) {
      const rows = block.filter(([key]) => hasParameters(keys.latest.byType.parse(key)[1]));
      if (rows.length > 0) yield rows;
      const [ns, type] = keys.latest.byType.parse(block.at(-1)![0]);
      const ofType = keys.latest.byType.range(ns, type);
      if (hasParameters(type) || Buffer.compare(block[0]![0], ofType.gte) < 0) continue;
      from = ofType.lt;
      break;
    }
  }
}

function hasParameters(type: string): boolean {
  return mediaTypeOf(type) !== type;
}

/** The settings that {@link lacking} needs. */
export const backfillSettings = all.map(({ setting }) => setting);

/**
 * The rows that are still to be written: none, rows that can wait while the disk takes no writes, or rows that cannot.
 */
export type Lacking = 'nothing' | 'what can wait' | 'rows';

/** @param isSet returns true if a setting exists. */
export function lacking(isSet: (setting: string) => boolean): Lacking {
  const left = all.filter(({ setting }) => !isSet(setting));
  if (left.length === 0) return 'nothing';
  return left.every(({ mayWait }) => mayWait) ? 'what can wait' : 'rows';
}

/** Records that a new store lacks nothing. */
export function noteComplete(tx: Writer): void {
  for (const { setting } of all) tx.put(keys.store.setting, [setting], true);
}

/**
 * Writes the missing rows. Each part begins again from its start if it is interrupted.
 *
 * @returns false if other processes own some of the rows.
 */
export async function backfill(index: Index): Promise<boolean> {
  let isWhole = true;
  for (const one of all) {
    const setting = keys.store.setting.key(one.setting);
    if ((await index.get(setting)) !== undefined) continue;
    let isDone = true;
    for await (const { ns, wanted } of slices(one.rows(index))) {
      const isWritten = await write(index, ns, wanted, (tx) => {
        for (const key of wanted) one.write(tx, key);
      });
      isDone &&= isWritten;
    }
    isDone &&= await write(index, '', [], (tx) => {
      for (const [name, value] of Object.entries({ [one.setting]: true, ...one.with }))
        tx.put(keys.store.setting, [name], value);
    });
    isWhole &&= isDone;
  }
  return isWhole;
}

/** Returns false if another process owns the rows. */
async function write(
  index: Index,
  ns: string,
  reads: readonly Key[],
  work: (tx: Tx) => void,
): Promise<boolean> {
  const isWritten = await ifHere(index, ns, () =>
    transact(index, {
      ns,
      reads,
      *decide(tx) {
        work(tx);
        return true;
      },
    }),
  );
  return isWritten ?? false;
}

interface Slice {
  readonly ns: string;
  readonly wanted: readonly Key[];
}

/** Yields the same rows, as many of one owner together as are written together. */
async function* slices(blocks: AsyncIterable<readonly Entry[]>): AsyncIterable<Slice> {
  const open = new Map<string, Key[]>();
  for await (const block of blocks) {
    for (const [key, value] of block) {
      const ns = rowOwner(key, value)!;
      const wanted = open.get(ns) ?? [];
      open.set(ns, wanted);
      wanted.push(key);
      if (wanted.length < writtenTogether) continue;
      open.delete(ns);
      yield { ns, wanted };
    }
  }
  for (const [ns, wanted] of open) yield { ns, wanted };
}

/**
 * The time until the next attempt: after a start that could write nothing, and after each further attempt that failed.
 */
const againMs = 10_000;

/**
 * The backfill of a start. It continues after the start if the disk took no writes then, and when this process takes
 * another namespace.
 */
export class Filling {
  /** True: all content types are listed without parameters. */
  isComplete: boolean;
  private readonly index: Index;
  private readonly after: After;
  private cancel: (() => void) | undefined;
  private underWay: Promise<void> = Promise.resolve();
  /** True: other processes own the rows that are left. */
  private isDoneHere = false;
  private isClosed = false;

  constructor(index: Index, lacks: Lacking, after: After = afterRealTime) {
    this.index = index;
    this.after = after;
    this.isComplete = lacks === 'nothing';
    index.owners.onTaken(() => {
      this.isDoneHere = false;
      this.goOn();
    });
  }

  /** Resolves when nothing is left to write here. @throws Failure STORE_UNAVAILABLE */
  async fill(): Promise<void> {
    this.isDoneHere = true;
    try {
      this.isComplete = await backfill(this.index);
    } catch (error) {
      this.isDoneHere = false;
      throw error;
    }
  }

  /** Tries again and again until nothing is left to write here. */
  goOn(): void {
    if (this.isComplete || this.isDoneHere || this.isClosed) return;
    this.cancel?.();
    this.cancel = this.after(againMs, () => {
      // Nothing is written while the disk is known to take no writes.
      const mayFill = this.index.trouble === undefined && !this.isComplete;
      const filled = mayFill ? this.fill() : Promise.resolve();
      this.underWay = filled.catch(() => undefined).then(() => this.goOn());
    });
  }

  /** Resolves when nothing is being written, and nothing will be written. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.cancel?.();
    await this.underWay;
  }
}
