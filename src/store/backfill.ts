/** Rows that stores made by earlier versions lack, written once when they are opened. */
import type { Index } from '../index/door.ts';
import { sessions, store as storeKeys } from '../index/keys.ts';
import { stateWords } from './session-rows.ts';
import { transact } from './transaction.ts';

/** The setting that says that every session is in the lists by state. */
export const sessionStatesSetting = 'sessionStates';

const sessionsTogether = 200;

/** Lists every session by its state and outcome. Done again from the beginning if it is interrupted. */
export async function listSessionsByState(index: Index, queue: string): Promise<void> {
  for await (const block of index.scan(sessions.record.range())) {
    for (let at = 0; at < block.length; at += sessionsTogether) {
      const keys = block.slice(at, at + sessionsTogether).map(([key]) => key);
      await transact(index, {
        queue,
        reads: keys,
        decide: (rows, draft) => {
          for (const key of keys) {
            const [ns, uid] = sessions.record.parse(key);
            const record = rows.get(sessions.record, ns, uid);
            if (record === undefined) continue;
            for (const word of stateWords(record)) draft.put(sessions.byState, [ns, word, uid], true);
          }
        },
      });
    }
  }
  await transact(index, {
    queue,
    reads: [],
    decide: (_rows, draft) => draft.put(storeKeys.setting, [sessionStatesSetting], true),
  });
}
