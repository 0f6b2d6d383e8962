import { type Command, Option } from 'commander';
import { generatedSession } from '../../client/sessions/session-id.ts';
import { UsageError } from '../exit.ts';
import { Exclusions, ignoreFileName } from '../files/exclusions.ts';
import type { LinkRule } from '../files/links.ts';
import { type PushRequest, pushAll } from '../files/push-all.ts';
import {
  distinctPaths,
  fromCommand,
  fromFiles,
  fromStdin,
  type PushedFiles,
  totalBytes,
} from '../files/push-items.ts';
import { parsePairs, parseTime } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import type { Invocation } from '../invocation.ts';

interface PushFlags {
  readonly session?: string;
  readonly name?: string;
  readonly meta?: string[];
  readonly label?: string[];
  readonly input?: string[];
  readonly ttl?: string;
  readonly type?: string;
  readonly requestId?: string;
  readonly newVersion?: boolean;
  readonly direct?: boolean;
  readonly fromCommand?: boolean;
  readonly links?: Exclude<LinkRule, 'inside'>;
  readonly exclude?: string[];
  readonly snapshot?: boolean;
}

/** `artifacta push`: stores files, directories, standard input or the output of a command. */
export function addPush(program: Command, invocation: Invocation): Command {
  return program
    .command('push')
    .summary('store files, directories or standard input')
    .description(
      'Stores files in a session. For a directory, all files below it are stored. The name of each is ' +
        'its path relative to the directory.\n' +
        'Without a file, or with -, stores standard input under the name that --name gives.\n' +
        'With --from-command, runs the command after -- and stores its standard output if it exits with ' +
        '0.\n' +
        'In a directory, a symbolic link to a file inside that directory is followed, and a link to a ' +
        'file outside is left out. A symbolic link to a directory is an error, unless --links says what ' +
        'to do with it. Files that match a pattern in the syntax of .gitignore are left out. The ' +
        `patterns come from --exclude, and from the file ${ignoreFileName} of each directory. The number ` +
        'of files left out is printed at the end.',
    )
    .argument(
      '[file...]',
      'files and directories, or - for standard input; with --from-command, a command and its arguments',
    )
    .option(
      '--from-command',
      'store the standard output of a command; needs --name, and -- before the command',
    )
    .option(
      '--session <id>',
      'the session, which is opened if it is new (default: inside "artifacta run", the session of that run; otherwise ' +
        'a new one with a generated id, which is printed)',
    )
    .option(
      '--name <name>',
      'name of the artifact; for a directory, prefix of all names (default: the name of the file)',
    )
    .addOption(repeated('--meta <key=value...>', 'metadata, such as provenance; cannot be changed later'))
    .addOption(repeated('--label <key=value...>', 'labels; can be changed later'))
    .addOption(repeated('--input <id...>', 'ids of the artifacts that the pushed one was made from'))
    .option('--ttl <time>', 'time until the artifact expires: 90s, 30m, 12h, 7d, 2w')
    .option('--type <media-type>', 'media type (default: guessed from the name)')
    .option(
      '--request-id <id>',
      'id of this request; the request can be repeated safely with the same id (default: a new id)',
    )
    .option('--new-version', 'make a new version even if the bytes are the same')
    .option('--direct', 'send large files straight to the bucket of the service, if it allows that')
    .addOption(
      new Option(
        '--links <what>',
        'what to do with symbolic links in a directory: "skip" leaves all of them out, "follow" follows all of them',
      ).choices(['skip', 'follow']),
    )
    .addOption(
      repeated(
        '--exclude <pattern>',
        'leave out files and directories that match, e.g. "*.log", "/build", "!keep.log"; may be repeated',
      ),
    )
    .option(
      '--snapshot',
      'if a file grows during the push, as a log does, store the bytes that it had at the start',
    )
    .action(async (given: string[], flags: PushFlags, command: Command) => {
      const request = parse(flags.fromCommand ? given : distinctPaths(given), flags, invocation);
      await invocation.withClient(command, (client, way) =>
        pushAll(client, request, way.ownDirectory, invocation),
      );
    });
}

function requireConsistent(files: readonly string[], flags: PushFlags, { io }: Invocation): void {
  if (flags.fromCommand) {
    if (files.length === 0) throw new UsageError('--from-command needs a command: -- COMMAND ARGUMENT…');
    if (flags.name === undefined) throw new UsageError('--from-command needs a name: --name NAME');
  }
  const ofFiles = (['links', 'exclude', 'snapshot'] as const).find((flag) => flags[flag] !== undefined);
  const stdin = !flags.fromCommand && readsStdin(files);
  if (ofFiles !== undefined && (flags.fromCommand || stdin))
    throw new UsageError(`--${ofFiles} needs files or directories`);
  if (flags.fromCommand) return;
  if (files.length === 0 && io.stdin.isTTY)
    throw new UsageError('name a file, a directory, or - for standard input');
  if (files.length > 1 && files.includes('-'))
    throw new UsageError('standard input (-) must be pushed alone, without files');
  if (stdin && flags.name === undefined) throw new UsageError('standard input needs a name: --name NAME');
  if (files.length > 1 && flags.name !== undefined)
    throw new UsageError('--name needs one file or directory, not several');
  if (files.length > 1 && flags.requestId !== undefined)
    throw new UsageError('--request-id needs one file, not several');
}

function readsStdin(files: readonly string[]): boolean {
  return files.length === 0 || files.includes('-');
}

function parse(files: readonly string[], flags: PushFlags, invocation: Invocation): PushRequest {
  requireConsistent(files, flags, invocation);
  const { io, output } = invocation;
  const spec = {
    metadata: parsePairs('--meta', flags.meta ?? []),
    labels: parsePairs('--label', flags.label ?? []),
    inputs: flags.input ?? [],
    expiry: flags.ttl === undefined ? undefined : { ttlMs: parseTime('--ttl', flags.ttl) },
    contentType: flags.type,
    requestId: flags.requestId,
    newVersion: flags.newVersion,
  };
  const exclusions = new Exclusions(flags.exclude ?? []);
  const given = flags.session ?? io.outerSession;
  const session = given ?? generatedSession(io.now?.() ?? new Date(), io.random ?? Math.random);
  if (given === undefined) output.remark(`the session is ${session}`);
  const common = { spec: { ...spec, session }, exclusions, direct: flags.direct };
  const { name = '' } = flags;
  if (flags.fromCommand) return { ...common, items: () => fromCommand(files, io, name) };
  if (readsStdin(files)) {
    if (io.stdin.isTTY) output.remark('storing what you type, until Ctrl-D at the beginning of a line');
    return { ...common, items: () => fromStdin(io, name) };
  }
  const pushed: PushedFiles = {
    paths: files,
    name: flags.name,
    filesOnly: flags.requestId !== undefined,
    links: flags.links ?? 'inside',
    exclusions,
    snapshot: flags.snapshot ?? false,
  };
  return {
    ...common,
    items: (own) => fromFiles(pushed, own),
    totalBytes: (own, signal) => totalBytes(pushed, own, signal),
  };
}
