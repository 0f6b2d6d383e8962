import { type Holder, nameOfHolder } from './principal.ts';

/** One use of what all share, by somebody. */
interface Use {
  readonly holder: Holder;
}

/**
 * Whose uses give way where there is no place for another one. Whoever is alone may have everything; while others ask,
 * groups are left with equal parts, and holders with equal parts of their group's.
 *
 * @returns the uses of whoever has most, if that is at least two more than those of whoever asks, so that both can go on
 * with what they then have: of the largest group, else of the largest holder in the group of whoever asks. Empty: nobody
 * has too much.
 */
export function overShare<U extends Use>(uses: Iterable<U>, asking: Holder): readonly U[] {
  const all = [...uses];
  const byGroup = Map.groupBy(all, ({ holder }) => holder.group);
  const group = largestBeside(byGroup, asking.group);
  if (group !== undefined) return largest(namesOf(group))!;
  const own = namesOf(byGroup.get(asking.group) ?? []);
  return largestBeside(own, nameOfHolder(asking)) ?? [];
}

function namesOf<U extends Use>(uses: readonly U[]): Map<string, U[]> {
  return Map.groupBy(uses, ({ holder }) => nameOfHolder(holder));
}

function largest<U>(parts: Map<string, U[]>): U[] | undefined {
  return [...parts.values()].sort((a, b) => b.length - a.length)[0];
}

/** The largest part, if it is not the one with this name and larger by two. */
function largestBeside<U>(parts: Map<string, U[]>, name: string): U[] | undefined {
  const most = largest(parts);
  const own = parts.get(name);
  return most === undefined || most === own || most.length < (own?.length ?? 0) + 2 ? undefined : most;
}
