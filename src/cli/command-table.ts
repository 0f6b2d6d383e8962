/** The commands that exist, in the order in which the help names them. Each is loaded when it is needed. */
import type { Command } from 'commander';
import { addGlobalFlags, type Invocation } from './invocation.ts';

/** Adds a command to the program. */
type Add = (program: Command, invocation: Invocation) => void;

/** Adds a command without subcommands: it takes the flags that all take. */
const single =
  (load: () => Promise<(program: Command, invocation: Invocation) => Command>) => async (): Promise<Add> => {
    const add = await load();
    return (program, invocation) => void addGlobalFlags(add(program, invocation));
  };

const commands: Readonly<Record<string, () => Promise<Add>>> = {
  push: single(async () => (await import('./commands/push.ts')).addPush),
  pull: single(async () => (await import('./commands/pull.ts')).addPull),
  run: single(async () => (await import('./agents/run.ts')).addRun),
  ls: single(async () => (await import('./commands/list.ts')).addList),
  query: single(async () => (await import('./commands/query.ts')).addQuery),
  cat: single(async () => (await import('./commands/cat.ts')).addCat),
  show: single(async () => (await import('./commands/show.ts')).addShow),
  diff: single(async () => (await import('./commands/diff.ts')).addDiff),
  lineage: single(async () => (await import('./commands/lineage.ts')).addLineage),
  watch: single(async () => (await import('./commands/watch.ts')).addWatch),
  console: single(async () => (await import('./commands/console.ts')).addConsole),
  rm: single(async () => (await import('./commands/remove.ts')).addRemove),
  update: single(async () => (await import('./commands/update.ts')).addUpdate),
  mcp: single(async () => (await import('./agents/mcp.ts')).addMcp),
  usage: single(async () => (await import('./operators/usage.ts')).addUsage),
  fsck: single(async () => (await import('./operators/fsck.ts')).addFsck),
  scrub: single(async () => (await import('./operators/scrub.ts')).addScrub),
  export: single(async () => (await import('./operators/export.ts')).addExport),
  import: single(async () => (await import('./operators/export.ts')).addImport),
  session: async () => (await import('./commands/session.ts')).addSession,
  share: async () => (await import('./commands/share.ts')).addShare,
  keys: async () => (await import('./operators/keys.ts')).addKeys,
  namespace: async () => (await import('./operators/namespace.ts')).addNamespace,
  policy: async () => (await import('./operators/policy.ts')).addPolicy,
  config: async () => (await import('./commands/config.ts')).addConfig,
  whoami: single(async () => (await import('./operators/whoami.ts')).addWhoami),
  version: single(async () => (await import('./commands/version.ts')).addVersion),
  completion: async () => (await import('./commands/completion.ts')).addCompletion,
};

/** A command line that begins with these needs no command at all. */
const withoutCommand = ['--version', '-V'];
/** This command concerns all of them. */
const aboutAll = 'completion';

/**
 * Returns the commands that a command line needs: the one that it begins with, or all.
 *
 * @param first the first of its arguments.
 */
export async function commandsFor(first: string | undefined): Promise<readonly Add[]> {
  if (first !== undefined && withoutCommand.includes(first)) return [];
  const named = first !== undefined && first !== aboutAll && Object.hasOwn(commands, first);
  return await Promise.all((named ? [first] : Object.keys(commands)).map((name) => commands[name]!()));
}
