import { Command, CommanderError } from 'commander';
import { commandsFor } from './command-table.ts';
import { exitCodeHelp, exitCodeOf, exitCodes, UsageError } from './exit.ts';
import { spreadValues } from './flags/argv.ts';
import { addGlobalFlags, createInvocation, globalFlags, type Invocation } from './invocation.ts';
import type { Io } from './io.ts';
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
  const spread = spreadValues(argv);
  const program = await buildProgram(invocation, spread[0]);
  // The error for a wrong command line is shown in its style too.
  output.style = { json: isGiven(spread, '--json'), quiet: isGiven(spread, '--quiet') };
  try {
    const topic = unknownTopic(program, spread);
    if (topic !== undefined)
      throw new UsageError(`unknown command '${topic}': "artifacta help" lists the commands`);
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
    // Otherwise it has been shown.
    if (output.style.json) output.error(new UsageError(complaintOf(error)));
    return exitCodes.usage;
  }
  if (io.signal?.aborted) return exitCodes.interrupted;
  output.error(error);
  return exitCodeOf(error);
}

/**
 * Returns the topic of a request for help if it is not a command. Commander would answer with the whole help, as an
 * error.
 */
function unknownTopic(program: Command, argv: readonly string[]): string | undefined {
  let command = program;
  for (const [at, word] of argv.entries()) {
    if (word.startsWith('-')) continue;
    const known = (name: string) => command.commands.find((one) => one.name() === name);
    if (word === 'help') {
      const topic = argv[at + 1] ?? '-';
      return topic.startsWith('-') || topic === 'help' || known(topic) ? undefined : topic;
    }
    const next = known(word);
    if (next === undefined) return undefined;
    command = next;
  }
  return undefined;
}

function isGiven(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes(flag);
}

function complaintOf({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'name a command; see --help' : message.replace(/^error: /, '');
}

/** The end of the help, before the exit codes. */
const helpEnd = `"artifacta serve" starts the service. "artifacta reap" starts the reaper, a process that
asks the service to do its maintenance. Each of the two has its own --help.

Name an artifact by its id (art_…) or as SESSION/NAME. An id means one version.
SESSION/NAME means the latest version, or the version that --version gives.`;

/** Builds the program. @param first the first of the arguments. */
async function buildProgram(invocation: Invocation, first: string | undefined): Promise<Command> {
  const { output, io } = invocation;
  const program = new Command('artifacta')
    .description(
      'An artifact store for AI agents. A session contains the artifacts of one run of an agent. A ' +
        'namespace contains the sessions of one tenant.',
    )
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
    .addHelpText('after', `\n${helpEnd}\n\n${exitCodeHelp}`);
  addGlobalFlags(program);
  for (const add of await commandsFor(first)) add(program, invocation);
  return program;
}
