/**
 * Which replica should own a namespace: the one with the highest hash of both. If a replica comes or goes, only the
 * namespaces that it wins move. (Thaler, Ravishankar: A Name-Based Mapping Scheme for Rendezvous, 1996.)
 */
import { createHash } from 'node:crypto';

/** Returns the one of `members` that should own the namespace; undefined of none. */
export function winnerOf<M extends { readonly number: number }>(
  ns: string,
  members: readonly M[],
): M | undefined {
  let winner: M | undefined;
  let highest = -1;
  for (const member of members) {
    const weight = createHash('sha256').update(`${member.number} ${ns}`).digest().readUIntBE(0, 6);
    if (weight <= highest) continue;
    highest = weight;
    winner = member;
  }
  return winner;
}
