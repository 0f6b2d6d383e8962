/** What may follow what a person has typed. */
import type { Store } from '../client/store.ts';

/** The number of the newest artifacts and sessions that are looked at. */
const lookedAtMax = 200;
/** The protocol allows no more. */
const completionsMax = 100;

/** Returns the ids of the newest sessions that begin with a text. */
export async function completeSession(store: Store, typed: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of store.sessions.list({ limit: lookedAtMax }))
    if (id.startsWith(typed) && ids.push(id) === completionsMax) break;
  return ids;
}

/** Returns the ids of the newest artifacts that begin with a text. */
export async function completeArtifactId(store: Store, typed: string): Promise<string[]> {
  const { artifacts } = await store.queryPage({ pageSize: lookedAtMax });
  return first(
    artifacts.map(({ id }) => id),
    typed,
  );
}

/** Returns the keys in the metadata of the newest artifacts that begin with a text. */
export async function completeKey(store: Store, typed: string): Promise<string[]> {
  const { artifacts } = await store.queryPage({ pageSize: lookedAtMax });
  return first(
    artifacts.flatMap(({ metadata }) => Object.keys(metadata)),
    typed,
  ).sort();
}

/** Returns the values of a metadata key of the newest artifacts that begin with a text. */
export async function completeValue(store: Store, key: string, typed: string): Promise<string[]> {
  const { artifacts } = await store.queryPage({ pageSize: lookedAtMax });
  const values = artifacts.flatMap(({ metadata }) => (Object.hasOwn(metadata, key) ? [metadata[key]!] : []));
  return first(values, typed).sort();
}

function first(words: readonly string[], typed: string): string[] {
  return [...new Set(words.filter((word) => word.startsWith(typed)))].slice(0, completionsMax);
}
