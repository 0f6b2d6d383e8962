/** Rows written behind the store's back: what only damage, or a store of another version, would leave. */
import type { Index } from '../../src/index/door.ts';
import type { Write } from '../../src/index/row.ts';

/** Resolves when they are durable. */
export function writeRows(index: Index, writes: readonly Write[]): Promise<void> {
  return index.transact({
    ns: '',
    reads: [],
    *decide(tx) {
      for (const write of writes) tx.write(write);
    },
  });
}
