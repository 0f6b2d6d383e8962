import { realpath, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { UsageError } from '../exit.ts';
import type { OwnDirectory } from '../io.ts';
import { faultOf } from './outside.ts';

/**
 * The treatment of symbolic links in a tree. `inside`: links to files in the tree are followed, links to other files
 * are left out, and a link to a directory is a failure. `skip`: all are left out. `follow`: all are followed, wherever
 * they lead except into the data directory.
 */
export type LinkRule = 'inside' | 'skip' | 'follow';

/** The target of a link, or the reason not to follow it. */
type Seen =
  /** `target` contains no symbolic links. */
  | { readonly kind: 'file' | 'directory'; readonly target: string }
  | {
      readonly kind: 'skipped';
      readonly reason: 'link' | 'link_outside' | 'link_broken' | 'data_directory';
      readonly why: string;
    }
  | { readonly kind: 'refused'; readonly error: Error };

/** The result for a link if links are skipped. */
export const skippedLink = { reason: 'link', why: 'it is a symbolic link' } as const;

interface Tree {
  /** The root, without symbolic links. */
  readonly root: string;
  readonly own: OwnDirectory | undefined;
  readonly links: LinkRule;
}

/** Looks through a link of a tree. If it leads to a directory, the result says so, unless links are skipped. */
export async function lookThrough(path: string, { root, own, links }: Tree): Promise<Seen> {
  if (links === 'skip') return { kind: 'skipped', ...skippedLink };
  const follows = links === 'follow';
  try {
    const target = await realpath(path);
    const fault = faultOf(own, target);
    if (fault !== undefined) {
      if (follows) return { kind: 'refused', error: new UsageError(fault) };
      const why = 'it is a symbolic link into the data directory';
      return { kind: 'skipped', reason: 'data_directory', why };
    }
    if ((await stat(target)).isDirectory()) return { kind: 'directory', target };
    if (!follows && isOutside(root, target))
      return {
        kind: 'skipped',
        reason: 'link_outside',
        why: 'it is a symbolic link to a target outside the directory',
      };
    return { kind: 'file', target };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const leadsNowhere = code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR';
    if (follows && leadsNowhere)
      return { kind: 'refused', error: new Error('is a symbolic link to a missing target') };
    if (!leadsNowhere) return { kind: 'refused', error: error as Error };
    return { kind: 'skipped', reason: 'link_broken', why: 'it is a symbolic link to a missing target' };
  }
}

function isOutside(root: string, target: string): boolean {
  const way = relative(root, target);
  return way === '..' || way.startsWith(`..${sep}`);
}
