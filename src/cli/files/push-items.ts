import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Content, readAhead } from '../../client/artifacts/content.ts';
import { fileContent } from '../../client/files/file.ts';
import { UsageError } from '../exit.ts';
import type { Io, OwnDirectory } from '../io.ts';
import { readStdin } from './cannot-read.ts';
import type { Exclusions } from './exclusions.ts';
import { type RunningCommand, startCommand } from './from-command.ts';
import type { LinkRule } from './links.ts';
import { outsideOnly } from './outside.ts';
import { type LeftOutReason, walk } from './walk.ts';

/**
 * Standard input, and the output of a command, may arrive slowly and can be sent again after a lost connection, up to
 * this size.
 */
const stdinBytesMax = 16 * 1024 * 1024;

/** An item to push, or the reason why it is not pushed. */
export type PushItem =
  | {
      readonly path: string;
      readonly name: string;
      /**
       * Whether it, or a directory between it and the one that was named, has a name that begins with a dot. Default
       * false.
       */
      readonly isHidden?: boolean;
      open(): Promise<Content | Uint8Array>;
      /** Called when all is done, however it ended. Default: does nothing. */
      close?(): Promise<void>;
    }
  | { readonly path: string; readonly reason: LeftOutReason; readonly why: string }
  | { readonly path: string; readonly error: Error };

/** The files and directories of a push, and how to read them. */
export interface PushedFiles {
  readonly paths: readonly string[];
  /** The name for a file, and the prefix for those of a directory. Default: names of files as they are. */
  readonly name: string | undefined;
  /** Whether to refuse directories. */
  readonly filesOnly: boolean;
  readonly links: LinkRule;
  readonly exclusions: Exclusions;
  /** Whether to take as many bytes of a file as it has at first, even if it grows. */
  readonly snapshot: boolean;
}

/** Yields the output of a command. */
export async function* fromCommand(
  command: readonly string[],
  { signal }: Io,
  name: string,
): AsyncGenerator<PushItem, void, void> {
  let running: RunningCommand | undefined;
  yield {
    path: command[0] ?? '',
    name,
    async open() {
      running = await startCommand(command, signal);
      return await readAhead(running.content, stdinBytesMax, signal);
    },
    close: async () => running?.stop(),
  };
}

/** Yields standard input. */
export async function* fromStdin({ stdin, signal }: Io, name: string): AsyncGenerator<PushItem, void, void> {
  const content = { replayable: false, open: () => readStdin(stdin) };
  const open = () => readAhead(content, stdinBytesMax, signal);
  yield { path: '-', name, open };
}

/** Returns the paths, without those that mean the same as an earlier one. */
export function distinctPaths(paths: readonly string[]): string[] {
  const seen = new Set<string>();
  return paths.filter((path) => {
    const whole = path === '-' ? path : resolve(path);
    return !seen.has(whole) && seen.add(whole);
  });
}

/** Yields files, and those of directories. The same file under the same name comes once. */
export async function* fromFiles(
  files: PushedFiles,
  own: OwnDirectory | undefined,
): AsyncGenerator<PushItem, void, void> {
  const beforeOpen = outsideOnly(own);
  const { snapshot } = files;
  const taken = new Map<string, string>();
  for await (const found of walkAll(files, own)) {
    const { path } = found;
    if (found.kind !== 'file') {
      yield found;
      continue;
    }
    const { name, followLink, isNamed } = found;
    if (files.filesOnly && !isNamed) throw new UsageError('--request-id needs one file, not a directory');
    const key = name.normalize();
    const other = taken.get(key);
    taken.set(key, other ?? path);
    if (other === undefined) {
      const isHidden = !isNamed && /(^|\/)\./.test(found.below);
      yield { path, name, isHidden, open: () => fileContent(path, { followLink, beforeOpen, snapshot }) };
    } else if (!(await isSameFile(path, other)))
      yield { path, error: new Error(`has the same name, ${name}, as ${other}`) };
  }
}

/** Returns the number of bytes of all files that can be read. */
export async function totalBytes(
  files: PushedFiles,
  own: OwnDirectory | undefined,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for await (const found of walkAll({ ...files, exclusions: files.exclusions.again() }, own)) {
    if (signal.aborted) break;
    if (found.kind === 'file') bytes += (await statsOf(found.path))?.size ?? 0;
  }
  return bytes;
}

async function* walkAll(files: PushedFiles, own: OwnDirectory | undefined) {
  const directories = new Set<string>();
  for (const named of files.paths) {
    const stats = await statsOf(named);
    const identity = `${stats?.dev}:${stats?.ino}`;
    // A directory under another name is the same: names begin below it.
    if (stats?.isDirectory() && directories.has(identity)) continue;
    if (stats?.isDirectory()) directories.add(identity);
    for await (const found of walk(named, { own, links: files.links, exclusions: files.exclusions })) {
      if (found.kind !== 'file') yield found;
      else {
        const isNamed = found.path === named;
        yield { ...found, below: found.name, name: nameOf(found.name, isNamed, files.name), isNamed };
      }
    }
  }
}

function nameOf(found: string, isNamed: boolean, given: string | undefined): string {
  if (given === undefined) return found;
  return isNamed ? given : `${given.replace(/\/+$/, '')}/${found}`;
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([statsOf(path), statsOf(other)]);
  return one !== undefined && one.dev === two?.dev && one.ino === two.ino;
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return await stat(path).catch(() => undefined);
}
