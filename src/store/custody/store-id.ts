import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';

/** Returns the store's id; empty if it has none yet. */
export async function storeIdIn(reader: Reader): Promise<string> {
  const value = await reader.get(keys.store.setting.key('storeId'));
  return value === undefined ? '' : String(keys.store.setting.decode(value));
}
