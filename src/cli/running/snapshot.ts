/** The files below watched places, as they are at one moment. */
import { stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import ignore from 'ignore';
import { Exclusions } from '../files/exclusions.ts';
import { walk } from '../files/walk.ts';
import type { OwnDirectory } from '../io.ts';
import { isSecretFile } from './secrets.ts';

/** What no run is likely to mean. `--exclude '!node_modules'` brings one back. */
const usuallyLeftOut = ['.git', 'node_modules', '__pycache__', '.venv', '.run'];

/** How many files are looked at at once. */
const looksMax = 16;

/** What is watched. */
export interface Watched {
  /** Files, directories and patterns, as they were given; each may come into being later. */
  readonly places: readonly string[];
  /** Patterns of what is left out, the strongest last. */
  readonly exclude: readonly string[];
  /** The working directory of the command, absolute. */
  readonly directory: string;
  /** The data directory, from which nothing is captured. */
  readonly own: OwnDirectory | undefined;
}

/** A file that has appeared or changed. */
export interface Changed {
  readonly path: string;
  /** The name of its artifact: the path from the working directory, or from the parent of a place outside it. */
  readonly name: string;
}

/** What could not be looked at or is never captured. */
export interface NotCaptured {
  readonly path: string;
  readonly why: string;
}

/** The files below watched places at one moment. */
export class Snapshot {
  /** By path: what changes when a file is written to, replaced or renamed. */
  private readonly states: ReadonlyMap<string, { readonly name: string; readonly state: string }>;
  /** By path: what is not captured, and why. */
  private readonly others: ReadonlyMap<string, string>;

  private constructor(
    states: ReadonlyMap<string, { readonly name: string; readonly state: string }>,
    others: ReadonlyMap<string, string>,
  ) {
    this.states = states;
    this.others = others;
  }

  static async take(watched: Watched): Promise<Snapshot> {
    const found = new Map<string, string>();
    const others = new Map<string, string>();
    for (const place of watched.places) await lookAt(place, watched, found, others);
    const states = new Map<string, { name: string; state: string }>();
    const entries = found.entries();
    const look = async () => {
      for (const [path, name] of entries) {
        const state = await stateOf(path);
        if (state !== undefined) states.set(path, { name, state });
      }
    };
    await Promise.all(Array.from({ length: looksMax }, look));
    return new Snapshot(states, others);
  }

  /** Yields the files that an earlier snapshot does not have, or has in another state, by name. */
  *changedSince(before: Snapshot): Generator<Changed, void, void> {
    const changed = [...this.states].filter(([path, { state }]) => before.states.get(path)?.state !== state);
    changed.sort(([, a], [, b]) => (a.name < b.name ? -1 : 1));
    for (const [path, { name }] of changed) yield { path, name };
  }

  /** Yields what an earlier snapshot does not have and that is not captured. */
  *othersSince(before: Snapshot): Generator<NotCaptured, void, void> {
    for (const [path, why] of this.others) if (!before.others.has(path)) yield { path, why };
  }
}

async function lookAt(
  place: string,
  watched: Watched,
  found: Map<string, string>,
  others: Map<string, string>,
): Promise<void> {
  const { directory, own } = watched;
  const isPattern = /[*?[\]{}!]/.test(place);
  const pattern = isPattern ? ignore({ ignorecase: false, allowRelativePaths: true }).add(place) : undefined;
  const root = resolve(directory, isPattern ? '.' : place);
  const exclusions = new Exclusions([...usuallyLeftOut, ...watched.exclude]);
  for await (const seen of walk(root, { own, links: 'inside', exclusions })) {
    const name = nameOf(seen.path, root, directory);
    if (pattern !== undefined && !pattern.ignores(name)) continue;
    if (seen.kind === 'refused' && seen.path !== root) others.set(seen.path, seen.error.message);
    if (seen.kind !== 'file') continue;
    if (isSecretFile(name)) others.set(seen.path, 'its name is that of a secret');
    else found.set(seen.path, name);
  }
}

/** Returns the path from the working directory; for a file outside it, that from the parent of the watched place. */
function nameOf(path: string, root: string, directory: string): string {
  const below = relative(directory, path);
  const isOutside = below === '..' || below.startsWith(`..${sep}`) || isAbsolute(below);
  return (isOutside ? relative(join(root, '..'), path) : below).split(sep).join('/');
}

async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeNs, ctimeNs, ino } = await stat(path, { bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
  } catch {
    // It went while the others were looked at.
    return undefined;
  }
}
