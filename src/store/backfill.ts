/** Rows that stores made by earlier versions lack, written once when they are opened. */
import type { Index, Rows, Tx, Writer } from '../index/door.ts';
import { keys } from '../index/keys.ts';
import type { Key } from '../index/row.ts';
import { putDerivedOfKey } from './rows/key-rows.ts';
import { stateWords } from './rows/session-rows.ts';
import { transact } from './rows/transaction.ts';

interface Backfill {
  /** The setting that says that no row lacks any more. */
  readonly setting: string;
  /** What the rows are derived from. */
  range(): { readonly gte: Uint8Array; readonly lt: Uint8Array };
  /** Writes what one of these lacks, if it is still there. */
  write(tx: Tx, key: Uint8Array): void;
}

const all: readonly Backfill[] = [
  {
    // Sessions are listed by state and outcome.
    setting: 'sessionStates',
    range: () => keys.sessions.record.range(),
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
    range: () => keys.credentials.apiKey.range(),
    write: (tx, key) => {
      const [id] = keys.credentials.apiKey.parse(key);
      const record = tx.get(keys.credentials.apiKey, id);
      if (record !== undefined) putDerivedOfKey(tx, id, record);
    },
  },
];

const writtenTogether = 200;

/** The rows that {@link isComplete} and {@link noteComplete} need. */
export const backfillSettings = all.map(({ setting }) => setting);

/** True if nothing is left to be written. */
export function isComplete(rows: Rows): boolean {
  return all.every(({ setting }) => rows.get(keys.store.setting, setting) !== undefined);
}

/** For a store that is made: it lacks nothing. */
export function noteComplete(tx: Writer): void {
  for (const { setting } of all) tx.put(keys.store.setting, [setting], true);
}

/** Writes what is left to be written. Each part is done again from its beginning if it is interrupted. */
export async function backfill(index: Index, queue: string): Promise<void> {
  const write = (reads: readonly Key[], work: (tx: Tx) => void) =>
    transact(index, {
      ns: '',
      queue,
      reads,
      *decide(tx) {
        work(tx);
      },
    });
  for (const one of all) {
    const setting = keys.store.setting.key(one.setting);
    if ((await index.get(setting)) !== undefined) continue;
    for await (const block of index.scan(one.range())) {
      for (let at = 0; at < block.length; at += writtenTogether) {
        const wanted = block.slice(at, at + writtenTogether).map(([key]) => key);
        await write(wanted, (tx) => {
          for (const key of wanted) one.write(tx, key);
        });
      }
    }
    await write([], (tx) => tx.put(keys.store.setting, [one.setting], true));
  }
}
