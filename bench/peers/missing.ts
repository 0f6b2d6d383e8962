/** Peers that this machine does not have: their rows are named, and nothing fails. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Figure } from '../harness/target.ts';

/** Why a peer cannot be measured here, and how to get it. */
export class PeerMissing extends Error {}

/** Where a program is looked for, and how to get it. */
interface Wanted {
  readonly name: string;
  /** Directories before those of `PATH`. */
  readonly directories?: readonly string[];
  /** How to get it, as the end of a sentence. */
  readonly from: string;
}

/** The path of a program. @throws PeerMissing. */
export function programAt({ name, directories = [], from }: Wanted): string {
  const path = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  const found = [...directories, ...path].map((directory) => join(directory, name)).find(isProgram);
  if (found === undefined) throw new PeerMissing(`this machine has no ${name}; ${from}`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What `start` returns, or why the peer is missing. */
export async function ifHere<T>(start: () => Promise<T>): Promise<T | PeerMissing> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof PeerMissing) return error;
    throw error;
  }
}

/** What is known of a figure before it is measured. */
export type Heading = Pick<Figure, 'id' | 'what' | 'requirement'>;

/** What `measure` returns, or if a peer is missing, the figures that it would return, without values. */
export async function orMissing(
  headings: readonly Heading[],
  measure: () => Promise<readonly Figure[]>,
): Promise<readonly Figure[]> {
  const figures = await ifHere(measure);
  return figures instanceof PeerMissing ? missingFigures(headings, figures) : figures;
}

/** Figures without values that say what is missing. */
export function missingFigures(headings: readonly Heading[], { message }: PeerMissing): Figure[] {
  const result = { label: '', unit: '', values: [] };
  return headings.map((heading) => ({ ...heading, result, missing: message, others: [], notes: [] }));
}
