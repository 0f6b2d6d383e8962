/** Rows written behind the store's back: what only damage, or a store of another version, would leave. */
import type { Sha256 } from '../../src/domain/digest.ts';
import type { Index } from '../../src/index/door.ts';
import { keys } from '../../src/index/keys.ts';
import type { Key, Write } from '../../src/index/row.ts';
import { bytesKey } from '../../src/store/rows/blob-rows.ts';

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

/** Returns the key of the row with the bytes of a content of the namespace `default`, which is inline. */
export async function bytesKeyOf(index: Index, sha256: Sha256): Promise<Key> {
  const value = await index.get(keys.blobs.record.key('default', sha256));
  return bytesKey('default', sha256, keys.blobs.record.decode(value!));
}
