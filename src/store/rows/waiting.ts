/**
 * Credentials that wait: a restore brought them, and it could not be known whether they were revoked since. They wait
 * as long as the pause that their record names exists; resuming the pause ends the wait.
 */
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';

/** The setting with the pause of an import. */
export const importPauseSetting = 'pause/imported';

/** Returns the id of the pause that an import has begun. Undefined: no credential waits for it. */
export async function importPauseId(reader: Pick<Reader, 'get'>): Promise<string | undefined> {
  const value = await reader.get(keys.store.setting.key(importPauseSetting));
  return value && (keys.store.setting.decode(value) as { readonly id: string }).id;
}

/** Returns true for an API key or a share link that is not good until an operator says so. */
export async function isWaiting(
  reader: Pick<Reader, 'get'>,
  { waits }: { readonly waits?: string },
): Promise<boolean> {
  return waits !== undefined && (await importPauseId(reader)) === waits;
}
