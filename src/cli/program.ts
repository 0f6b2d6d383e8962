import { Command, CommanderError } from 'commander';
import { addCat } from './commands/cat.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDiff } from './commands/diff.ts';
import { addLineage } from './commands/lineage.ts';
import { addList } from './commands/list.ts';
import { addPull } from './commands/pull.ts';
import { addPush } from './commands/push.ts';
import { addQuery } from './commands/query.ts';
import { addRemove } from './commands/remove.ts';
import { addSession } from './commands/session.ts';
import { addShare } from './commands/share.ts';
import { addShow } from './commands/show.ts';
import { addUpdate } from './commands/update.ts';
import { addWatch } from './commands/watch.ts';
import { exitCodeHelp, exitCodeOf, exitCodes, UsageError } from './exit.ts';
import { spreadValues } from './flags/argv.ts';
import { addGlobalFlags, createInvocation, globalFlags, type Invocation } from './invocation.ts';
import type { Io } from './io.ts';
import { addExport, addImport } from './operators/export.ts';
import { addFsck } from './operators/fsck.ts';
import { addKeys } from './operators/keys.ts';
import { addNamespace } from './operators/namespace.ts';
import { addPolicy } from './operators/policy.ts';
import { addScrub } from './operators/scrub.ts';
import { addUsage } from './operators/usage.ts';
import { Output } from './output/output.ts';

/**
 * Runs one command line.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit code, as `exitCodes` in `exit.ts` documents it. Never rejects.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const output = new Output(io);
  const invocation = createInvocation(io, output);
  const program = buildProgram(invocation);
  const spread = spreadValues(argv);
  // A command line that is wrong is told in its style, too.
  output.style = { json: isGiven(spread, '--json'), quiet: isGiven(spread, '--quiet') };
  try {
    await program.parseAsync(spread, { from: 'user' });
  } catch (error) {
    invocation.exitCode = failed(error, invocation);
  }
  await output.finish();
  if (output.lost !== undefined && invocation.exitCode === exitCodes.done) {
    output.error(output.lost);
    return exitCodes.failed;
  }
  return invocation.exitCode;
}

function failed(error: unknown, { io, output }: Invocation): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    // Otherwise it has been told.
    if (output.style.json) output.error(new UsageError(complaintOf(error)));
    return exitCodes.usage;
  }
  if (io.signal?.aborted) return exitCodes.interrupted;
  output.error(error);
  return exitCodeOf(error);
}

function isGiven(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes(flag);
}

function complaintOf({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'name a command; see --help' : message.replace(/^error: /, '');
}

function buildProgram(invocation: Invocation): Command {
  const { output, io } = invocation;
  const program = new Command('artifacta')
    .description('An artifact store for AI agents.')
    .version(io.version ?? 'unknown')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.text(text, 'stdout'),
      writeErr: (text) => output.text(text, 'stderr'),
      outputError: (text, write) => write(text.replace(/^error: /, 'artifacta: ')),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError('Try "artifacta --help", or "artifacta COMMAND --help".')
    .hook('preAction', (_program, command) => {
      const { json, quiet } = globalFlags(command);
      output.style = { json: json ?? false, quiet: quiet ?? false };
    })
    .addHelpText(
      'after',
      `\nThe service is started with "artifacta serve", its sidecar with "artifacta reap"; see their --help.\n\nAn artifact is named by its id (art_…) or as SESSION/NAME; the latest version, unless --version says otherwise.\n\n${exitCodeHelp}`,
    );
  addGlobalFlags(program);
  for (const add of [
    addPush,
    addPull,
    addList,
    addQuery,
    addCat,
    addShow,
    addDiff,
    addLineage,
    addWatch,
    addRemove,
    addUpdate,
    addUsage,
    addFsck,
    addScrub,
    addExport,
    addImport,
  ])
    addGlobalFlags(add(program, invocation));
  addSession(program, invocation);
  addShare(program, invocation);
  addKeys(program, invocation);
  addNamespace(program, invocation);
  addPolicy(program, invocation);
  addConfig(program, invocation);
  addCompletion(program, invocation);
  return program;
}
