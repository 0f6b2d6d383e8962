/** What may follow what a person has typed. */
import type { Store } from '../client/store.ts';

/** The number of the newest artifacts and sessions that are looked at. */
const lookedAtMax = 200;
/** The protocol allows no more. */
const completionsMax = 100;

/** The length of the longest value that the service lists. */
const valueBytesMax = 256;

/** Returns the ids of sessions that begin with a text; the newest ones, if nothing is typed. */
export async function completeSession(store: Store, typed: string): Promise<string[]> {
  if (typed !== '') return await valuesOf(store, 'session', typed, 'sessions');
  return await Array.fromAsync(store.sessions.list({ limit: completionsMax }), ({ id }) => id);
}

/** Returns the ids of the newest artifacts that begin with a text. */
export async function completeArtifactId(store: Store, typed: string): Promise<string[]> {
  const { artifacts } = await store.queryPage({ pageSize: lookedAtMax });
  const ids = artifacts.map(({ id }) => id as string).filter((id) => id.startsWith(typed));
  return ids.slice(0, completionsMax);
}

/** Returns the keys of metadata that begin with a text. */
export async function completeKey(store: Store, typed: string): Promise<string[]> {
  return await valuesOf(store, 'metadata', typed);
}

/** Returns the values of a metadata key that begin with a text. */
export async function completeValue(store: Store, key: string, typed: string): Promise<string[]> {
  return key === '' ? [] : await valuesOf(store, `metadata.${quoted(key)}`, typed);
}

async function valuesOf(
  store: Store,
  field: string,
  prefix: string,
  of: 'artifacts' | 'sessions' = 'artifacts',
): Promise<string[]> {
  // A longer value is not listed.
  if (Buffer.byteLength(prefix) > valueBytesMax) return [];
  const { values } = await store.fieldValues(field, { of, prefix, limit: completionsMax });
  return [...values];
}

/** Returns a text as a key or value of a filter. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"*]/g, '\\$&')}"`;
}
