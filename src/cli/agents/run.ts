import type { Command } from 'commander';
import { durableText } from '../commands/session.ts';
import { UsageError } from '../exit.ts';
import { parsePairs, parseTime } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import { addRetentionFlags, type RetentionFlags, retentionOf } from '../flags/retention-flags.ts';
import { type Invocation, namespaceFor } from '../invocation.ts';

interface RunFlags extends RetentionFlags {
  readonly session?: string;
  readonly out?: string[];
  readonly exclude?: string[];
  readonly meta?: string[];
  readonly label?: string[];
  readonly env?: string[];
  readonly lease?: string;
  readonly pty?: boolean;
  readonly durable?: boolean;
}

const leaseDefault = '2m';

/** `artifacta run`: runs a command, and stores what it leaves in a session. */
export function addRun(program: Command, invocation: Invocation): Command {
  return addRetentionFlags(
    program.command('run').summary('run a command, and store what it leaves in a session'),
  )
    .description(
      'Opens a session and runs a command in it. Stores each file that the command made or changed below the working ' +
        'directory. Also stores the standard output and standard error of the command, as it writes them, and how ' +
        'the command ended. Then seals the session: as succeeded if the command exits with 0, as cancelled if SIGINT ' +
        "ended it, else as failed. The exit code is the command's; for a command that was ended by a signal it is 128 " +
        'plus the number of the signal. A command that cannot be started gives 127 if the program does not exist, else ' +
        '126. If artifacta itself fails before it starts the command, the exit code is one of those in ' +
        '"artifacta --help".\n' +
        'The command finds the service and the session by ARTIFACTA_URL or ARTIFACTA_DATA_DIR, ARTIFACTA_SESSION ' +
        'and ARTIFACTA_TOKEN. If the command itself calls "artifacta run", that inner run gets a session of its own, ' +
        'named after this one: ID.1, ID.2 and so on.\n' +
        'If standard output or standard error is a terminal, the command writes to that terminal directly, and this ' +
        'output is not stored. With --pty, it is stored. Files whose names are those of secrets, such as .env and ' +
        '*.pem, are never stored.',
    )
    .argument('<command...>', 'the command and its arguments, after --')
    .option('--session <id>', 'the session (default: a new one with a generated id, which is printed)')
    .addOption(
      repeated(
        '--out <path...>',
        'a file, a directory or a pattern such as "*.csv" to watch, instead of the whole working directory',
      ),
    )
    .addOption(
      repeated(
        '--exclude <pattern>',
        'leave out files and directories that match, e.g. "*.log"; .git, node_modules, __pycache__ and .venv are ' +
          'left out unless "!node_modules" brings one back; may be repeated',
      ),
    )
    .addOption(repeated('--meta <key=value...>', 'metadata of the session; cannot be changed later'))
    .addOption(repeated('--label <key=value...>', 'labels of the session; can be changed later'))
    .addOption(
      repeated('--env <name...>', 'variables whose values are stored with the result (default: none)'),
    )
    .option(
      '--pty',
      'give the command a terminal of its own, and capture what it writes there, both streams as one (needs `script` of util-linux)',
    )
    .option(
      '--lease <time>',
      `seal the session as abandoned if this program cannot renew the lease for this long, from 10s to 30d (default: ${leaseDefault})`,
    )
    .option('--durable', `at the end, ${durableText}`)
    .action(async (words: string[], flags: RunFlags, command: Command) => {
      if (words[0] === '') throw new UsageError('the command must not be empty');
      const request = {
        words,
        session: flags.session,
        namespace: await namespaceFor(command, invocation),
        metadata: parsePairs('--meta', flags.meta ?? []),
        labels: parsePairs('--label', flags.label ?? []),
        retention: retentionOf(flags),
        leaseMs: parseTime('--lease', flags.lease ?? leaseDefault, { min: '10s', max: '30d' }),
        places: flags.out ?? ['.'],
        exclude: flags.exclude ?? [],
        variables: flags.env ?? [],
        directory: process.cwd(),
        pty: flags.pty ?? false,
        durable: flags.durable ?? false,
      };
      const { runCommand } = await import('../running/run.ts');
      await invocation.withClient(command, (client, way) => runCommand(client, request, way, invocation));
    });
}
