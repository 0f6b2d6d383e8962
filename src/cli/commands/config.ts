import { Argument, type Command } from 'commander';
import { addGlobalFlags, globalFlags, type Invocation } from '../invocation.ts';
import type { ClientSettings } from '../io.ts';
import { tableLines } from '../output/table.ts';

/** `artifacta config`: shows and keeps settings. */
export function addConfig(program: Command, invocation: Invocation): Command {
  const config = program
    .command('config')
    .summary('show and keep settings')
    .description(
      'Shows the settings of the command line, and keeps some of them in a file. A flag wins over an environment ' +
        'variable, and that over the file.',
    )
    .enablePositionalOptions();
  addShow(config, invocation);
  addSet(config, invocation);
  addUnset(config, invocation);
  config
    .command('path')
    .summary('print where the file is')
    .description('Prints where the settings are kept, whether or not there is such a file.')
    .action(async () => invocation.output.line((await settingsOf(invocation)).path));
  for (const command of [config, ...config.commands]) addGlobalFlags(command);
  return config;
}

const columns = ['SETTING', 'VALUE', 'FROM'].map((title) => ({ title }));

function addShow(config: Command, invocation: Invocation): void {
  config
    .command('show')
    .summary('every setting, its value and where it comes from')
    .description(
      'Shows every setting, its value and where it comes from. Of a token only whether there is one.',
    )
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
    .summary('keep a setting')
    .description('Keeps a setting for all commands to come. Paths are kept as they are from the root.')
    .addArgument(settingArgument(invocation))
    .argument('<value>', 'its value')
    .action(async (name: string, value: string) => {
      await (await settingsOf(invocation)).set(name, value);
    });
}

function addUnset(config: Command, invocation: Invocation): void {
  config
    .command('unset')
    .summary('keep a setting no longer')
    .description('Removes a setting from the file, if it is there.')
    .addArgument(settingArgument(invocation))
    .action(async (name: string) => {
      await (await settingsOf(invocation)).unset(name);
    });
}

function settingArgument({ io }: Invocation): Argument {
  return new Argument('<setting>', 'which').choices(io.keptSettings ?? []);
}

async function settingsOf({ io }: Invocation): Promise<ClientSettings> {
  if (io.settings === undefined) throw new Error('no settings are kept here');
  return await io.settings();
}
