/**
 * Credentials that wait: a restore brought them, and nobody could tell whether they were revoked since. They wait for as
 * long as the pause is there that their record names; resuming it is what lets them answer.
 */
import type { Reader } from '../../index/door.ts';
import { keys } from '../../index/keys.ts';

/** The setting that holds the pause of an import. */
export const importPauseSetting = 'pause/imported';

/** The id of the pause that an import has begun; undefined: nothing waits for it. */
export async function importPauseId(reader: Pick<Reader, 'get'>): Promise<string | undefined> {
  const value = await reader.get(keys.store.setting.key(importPauseSetting));
  return value && (keys.store.setting.decode(value) as { readonly id: string }).id;
}

/** True for an API key or a share link that is not good before an operator has said so. */
export async function isWaiting(
  reader: Pick<Reader, 'get'>,
  { waits }: { readonly waits?: string },
): Promise<boolean> {
  return waits !== undefined && (await importPauseId(reader)) === waits;
}
