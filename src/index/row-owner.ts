/** The owner of a row: the namespace, or the store as a whole, that decides about it. */
import type { Family } from './family.ts';
import { keys } from './keys.ts';
import type { Key, Value } from './row.ts';

const families = new Map(
  Object.values(keys)
    .flatMap((group): Family<readonly unknown[], unknown>[] => Object.values(group))
    .map((family) => [family.code, family]),
);

/**
 * Returns the owner of a row; the empty name is the store as a whole.
 *
 * @param value the value of the row; undefined if it does not exist.
 * @returns undefined if only the value of such a row names its owner, and it does not exist. No process decides about it.
 * @throws RangeError for a key of no family.
 */
export function rowOwner(key: Key, value: Value | undefined): string | undefined {
  const family = families.get(key[0]!);
  if (family === undefined) throw new RangeError(`no family has the keys that begin with ${key[0]}`);
  const { owner } = family;
  if (owner === 'store') return '';
  if (owner === 'value') return value && (family.decode(value) as { readonly ns: string }).ns;
  return String(family.parse(key)[owner]);
}
