/** Request ids as earlier releases remembered them: under no day, and queued for the reaper. */
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';

/** Gives every request id of the present the form of earlier releases. Resolves with their number. */
export async function makeOlder(index: Index): Promise<number> {
  let count = 0;
  for await (const block of index.scan(keys.calls.requestIdByDay.range()))
    for (const [key, value] of block) {
      const [, ns, subject, requestId] = keys.calls.requestIdByDay.parse(key);
      const record = keys.calls.requestIdByDay.decode(value);
      await index.transact({
        ns,
        reads: [],
        *decide(tx) {
          tx.write({ type: 'del', key });
          tx.put(keys.calls.requestId, [ns, subject, requestId], record);
          tx.put(keys.calls.expiry, [record.expireTime, ns, 'request', `${subject}\0${requestId}`], true);
        },
      });
      count++;
    }
  return count;
}
