/**
 * Work that only the owner of a namespace can do (`src/index/owners.ts`). Where another process owns the namespace, it
 * is left to that process.
 */
import { failedWith } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { Index } from '../../index/door.ts';

const attemptsMax = 30;
const betweenAttemptsMs = 500;

/** Returns true if this process decides about a namespace; the empty name is the store as a whole. */
export async function isHere(index: Index, ns: string): Promise<boolean> {
  try {
    return (await index.owners.ownerOf(ns)).isHere;
  } catch (error) {
    // It is on its way from one process to another.
    if (failedWith(error, 'NOT_OWNER')) return false;
    throw error;
  }
}

/** Returns those of some names of namespaces that this process decides about. */
export async function namesHere(index: Index, names: Iterable<string>): Promise<ReadonlySet<string>> {
  const here = new Set<string>();
  for (const ns of new Set(names)) if (await isHere(index, ns)) here.add(ns);
  return here;
}

/**
 * Does some work on a namespace if this process decides about it, also when the work is done. Returns undefined if
 * another process does.
 */
export async function ifHere<T>(index: Index, ns: string, work: () => Promise<T>): Promise<T | undefined> {
  return (await isHere(index, ns)) ? await unlessElsewhere(work) : undefined;
}

/** Returns undefined if the work failed because another process decides. */
export async function unlessElsewhere<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (failedWith(error, 'NOT_OWNER')) return undefined;
    throw error;
  }
}

/**
 * Does work that another process may be doing at the moment: tries it again while that process decides, for 15 seconds.
 * The work looks first whether it is done.
 */
export async function doneAnywhere<T>(after: After, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!failedWith(error, 'NOT_OWNER') || attempt === attemptsMax) throw error;
      await new Promise<void>((resolve) => void after(betweenAttemptsMs, resolve));
    }
  }
}
