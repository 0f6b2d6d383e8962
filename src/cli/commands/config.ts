import { Argument, type Command } from 'commander';
import { addGlobalFlags, globalFlags, type Invocation } from '../invocation.ts';
import type { ClientSettings } from '../io.ts';
import { tableLines } from '../output/table.ts';

/** `artifacta config`: shows and keeps settings. */
export function addConfig(program: Command, invocation: Invocation): Command {
  const config = program
    .command('config')
    .summary('show and save settings')
    .description(
      'Shows the settings of the command line, and saves some of them in a file. A flag overrides an ' +
        'environment variable, which overrides the file.',
    )
    .enablePositionalOptions();
  addShow(config, invocation);
  addSet(config, invocation);
  addUnset(config, invocation);
  config
    .command('path')
    .summary('print the path of the settings file')
    .description('Prints the path of the settings file, even if the file does not exist.')
    .action(async () => invocation.output.line((await settingsOf(invocation)).path));
  for (const command of [config, ...config.commands]) addGlobalFlags(command);
  return config;
}

const columns = ['SETTING', 'VALUE', 'FROM'].map((title) => ({ title }));

function addShow(config: Command, invocation: Invocation): void {
  config
    .command('show')
    .summary('show every setting, its value and its source')
    .description('Shows every setting, its value and its source. For a token, shows only whether it is set.')
    .action(async (_flags: unknown, command: Command) => {
      const { output } = invocation;
      const shown = (await settingsOf(invocation)).show(globalFlags(command));
      if (output.style.json) {
        for (const { name, value, from } of shown) await output.json({ name, value: value ?? null, from });
        return;
      }
      const rows = async function* () {
        for (const { name, value = '', from } of shown) yield [name, value, from];
      };
      for await (const line of tableLines(columns, rows())) await output.line(line);
    });
}

function addSet(config: Command, invocation: Invocation): void {
  config
    .command('set')
    .summary('save a setting')
    .description('Saves a setting for all later commands. Paths are saved as absolute paths.')
    .addArgument(settingArgument(invocation))
    .argument('<value>', 'the value to save')
    .action(async (name: string, value: string) => {
      await (await settingsOf(invocation)).set(name, value);
    });
}

function addUnset(config: Command, invocation: Invocation): void {
  config
    .command('unset')
    .summary('remove a saved setting')
    .description(
      'Removes a setting from the settings file. A setting that is not in the file is not an error.',
    )
    .addArgument(settingArgument(invocation))
    .action(async (name: string) => {
      await (await settingsOf(invocation)).unset(name);
    });
}

function settingArgument({ io }: Invocation): Argument {
  return new Argument('<setting>', 'the name of the setting').choices(io.keptSettings ?? []);
}

async function settingsOf({ io }: Invocation): Promise<ClientSettings> {
  if (io.settings === undefined)
    throw new Error('settings cannot be saved here; use flags or environment variables');
  return await io.settings();
}
