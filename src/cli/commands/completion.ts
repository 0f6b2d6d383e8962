import { Argument, type Command } from 'commander';
import type { Invocation } from '../invocation.ts';
import { bashScript, type Completable, fishScript, zshScript } from './completion-scripts.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** `artifacta completion`: writes a script with which a shell completes commands and flags. */
export function addCompletion(program: Command, invocation: Invocation): Command {
  return program
    .command('completion')
    .summary('print a script that completes commands and flags in a shell')
    .description(
      'Prints a script that completes commands and flags.\n\n' +
        'For bash, add this line to ~/.bashrc:\n' +
        '  source <(artifacta completion bash)\n' +
        'For zsh, add this line to ~/.zshrc, after compinit:\n' +
        '  source <(artifacta completion zsh)\n' +
        'For fish, add this line to ~/.config/fish/config.fish:\n' +
        '  artifacta completion fish | source',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action(async (shell: keyof typeof scripts) => {
      await invocation.output.bytes(scripts[shell](completables(program)));
    });
}

/** Returns the program and all its commands, each before its own. */
function completables(program: Command): Completable[] {
  return below(program, []);
}

function below(command: Command, before: readonly string[]): Completable[] {
  const path = [...before, command.name()];
  const help = command.createHelp();
  const subcommands = help
    .visibleCommands(command)
    .map((one) => ({ name: one.name(), summary: one.summary() || one.description() }));
  for (const name of command.registeredArguments[0]?.argChoices ?? [])
    subcommands.push({ name, summary: '' });
  // The service has its own way through the program, and is not among its commands.
  if (before.length === 0)
    subcommands.push(
      { name: 'serve', summary: 'run the service' },
      { name: 'reap', summary: 'run the reaper' },
    );
  const flags = help.visibleOptions(command).map((option) => ({
    name: option.long ?? option.short ?? '',
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
  return [{ path, subcommands, flags }, ...command.commands.flatMap((one) => below(one, path))];
}
