import type { Command } from 'commander';
import { type Content, readAhead } from '../../client/artifacts/content.ts';
import { fileContent } from '../../client/artifacts/file.ts';
import type { Pushed, PushSpec } from '../../client/artifacts/push-spec.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { concernsAll } from '../advice.ts';
import { UsageError } from '../exit.ts';
import { type RunningCommand, startCommand } from '../files/from-command.ts';
import { mapInOrder } from '../files/in-order.ts';
import { faultOf } from '../files/outside.ts';
import { walk } from '../files/walk.ts';
import { parsePairs, parseTtl } from '../flags/parse.ts';
import { repeated } from '../flags/repeated.ts';
import { generatedSession } from '../flags/session-id.ts';
import type { Invocation } from '../invocation.ts';
import type { Io, OwnDirectory } from '../io.ts';
import { exitCodeForAll } from '../outcome.ts';
import { humanSize, plain } from '../output/human.ts';
import { pushedJson } from '../output/json.ts';
import { Progress } from '../output/progress.ts';

/** How many files are pushed at once. */
const concurrencyMax = 8;
/** Standard input, and the output of a command, up to this size can be sent again after a lost connection, and may come as slowly as it likes. */
const stdinBytesMax = 16 * 1024 * 1024;

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
  readonly fromCommand?: boolean;
}

/** Something to push, or why it is not pushed. */
type Item =
  | {
      readonly path: string;
      readonly name: string;
      open(): Promise<Content | Uint8Array>;
      /** When all is done, however it ended. Default: nothing. */
      close?(): Promise<void>;
    }
  | { readonly path: string; readonly skipped: string }
  | { readonly path: string; readonly error: Error };

type Result = Item | { readonly path: string; readonly pushed: Pushed };

/** `artifacta push`: stores files, directories, standard input or the output of a command. */
export function addPush(program: Command, invocation: Invocation): Command {
  return program
    .command('push')
    .summary('store files, directories or standard input')
    .description(
      'Stores files in a session. A directory is stored with everything below it, each file under its way from there.\n' +
        'Without a file, or with -, standard input is stored; it needs --name.\n' +
        'With --from-command what follows -- is run, and what it writes is stored if it exits with 0.',
    )
    .argument('[file...]', 'files and directories, or - for standard input; or a command and its arguments')
    .option(
      '--from-command',
      'store the standard output of a command; it needs --name, and -- before the command',
    )
    .option('--session <id>', 'the session; opened if it is new (default: a generated one, which is printed)')
    .option('--name <name>', 'what to call it (for a directory: a prefix; default: the name of the file)')
    .addOption(repeated('--meta <key=value...>', 'provenance, immutable'))
    .addOption(repeated('--label <key=value...>', 'annotations that may change later'))
    .addOption(repeated('--input <id...>', 'artifacts that it was made from'))
    .option('--ttl <time>', 'expire after so long: 90s, 30m, 12h, 7d, 2w')
    .option('--type <media-type>', 'media type (default: guessed from the name)')
    .option('--request-id <id>', 'the same id makes a repetition safe (default: a new one)')
    .option('--new-version', 'make a new version even of equal bytes')
    .action(async (files: string[], flags: PushFlags, command: Command) => {
      const request = parse(files, flags, invocation);
      await invocation.withClient(command, (client, way) =>
        pushAll(client, request, request.items(way.ownDirectory), invocation),
      );
    });
}

interface PushRequest {
  /** @param own from which nothing is pushed. */
  items(own: OwnDirectory | undefined): AsyncIterable<Item>;
  readonly spec: Omit<PushSpec, 'name'>;
  readonly session: string;
}

function requireConsistent(files: readonly string[], flags: PushFlags, { io }: Invocation): void {
  if (flags.fromCommand) {
    if (files.length === 0) throw new UsageError('--from-command needs a command: -- COMMAND ARGUMENT…');
    if (flags.name === undefined) throw new UsageError('--from-command needs a name: --name NAME');
    return;
  }
  const stdin = readsStdin(files);
  if (files.length === 0 && io.stdin.isTTY)
    throw new UsageError('name a file, a directory, or - for standard input');
  if (files.length > 1 && files.includes('-'))
    throw new UsageError('standard input (-) is pushed alone, not beside files');
  if (stdin && flags.name === undefined) throw new UsageError('standard input needs a name: --name NAME');
  if (files.length > 1 && flags.name !== undefined)
    throw new UsageError('--name goes with one file or directory, not with several');
  if (files.length > 1 && flags.requestId !== undefined)
    throw new UsageError('--request-id goes with one file, not with several');
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
    expiry: flags.ttl === undefined ? undefined : { ttlMs: parseTtl(flags.ttl) },
    contentType: flags.type,
    requestId: flags.requestId,
    newVersion: flags.newVersion,
  };
  const session = flags.session ?? generatedSession(io.now?.() ?? new Date(), io.random ?? Math.random);
  if (flags.session === undefined) output.remark(`the session is ${session}`);
  return { items: (own) => itemsOf(files, flags, io, own), spec: { ...spec, session }, session };
}

function itemsOf(
  files: readonly string[],
  flags: PushFlags,
  io: Io,
  own: OwnDirectory | undefined,
): AsyncIterable<Item> {
  if (flags.fromCommand) return fromCommand(files, io, flags.name ?? '');
  return readsStdin(files) ? fromStdin(io, flags.name ?? '') : fromFiles(files, flags, own);
}

async function* fromCommand(
  command: readonly string[],
  { signal }: Io,
  name: string,
): AsyncGenerator<Item, void, void> {
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

async function* fromStdin({ stdin, signal }: Io, name: string): AsyncGenerator<Item, void, void> {
  const open = () => readAhead({ replayable: false, open: () => stdin }, stdinBytesMax, signal);
  yield { path: '-', name, open };
}

async function* fromFiles(
  files: readonly string[],
  flags: PushFlags,
  own: OwnDirectory | undefined,
): AsyncGenerator<Item, void, void> {
  const beforeOpen = (path: string) => {
    const fault = faultOf(own, path);
    if (fault !== undefined) throw new UsageError(fault);
  };
  const taken = new Map<string, string>();
  for (const file of files) {
    for await (const found of walk(file, own)) {
      const { path } = found;
      if (found.kind === 'skipped') yield { path, skipped: found.why };
      else if (found.kind === 'refused') yield { path, error: found.error };
      else {
        const name = nameOf(found.name, path === file, flags);
        const other = taken.get(name.normalize());
        taken.set(name.normalize(), path);
        if (flags.requestId !== undefined && path !== file)
          throw new UsageError('--request-id goes with one file, not with a directory');
        if (other !== undefined) yield { path, error: new Error(`has the same name, ${name}, as ${other}`) };
        else
          yield { path, name, open: () => fileContent(path, { followLink: found.followLink, beforeOpen }) };
      }
    }
  }
}

function nameOf(found: string, named: boolean, flags: PushFlags): string {
  if (flags.name === undefined) return found;
  return named ? flags.name : `${flags.name.replace(/\/+$/, '')}/${found}`;
}

async function pushAll(
  client: ArtifactaClient,
  request: PushRequest,
  items: AsyncIterable<Item>,
  invocation: Invocation,
): Promise<void> {
  const { output, io } = invocation;
  const failures: unknown[] = [];
  const progress = new Progress(output);
  let done = 0;
  let fatal: unknown;
  const work = async (item: Item): Promise<Result> => {
    if (!('open' in item)) return item;
    try {
      const content = await item.open();
      const spec = { ...request.spec, name: item.name };
      const pushed = await client.push(content, spec, {
        signal: io.signal,
        onProgress: ({ phase, bytes }) => progress.moved(item.path, phase, bytes, sizeOf(content)),
      });
      progress.finished();
      return { path: item.path, pushed };
    } catch (error) {
      if (concernsAll(error)) fatal ??= error;
      return { path: item.path, error: error as Error };
    } finally {
      await item.close?.();
    }
  };
  for await (const result of mapInOrder(items, concurrencyMax, () => fatal === undefined, work)) {
    if ('pushed' in result) {
      done++;
      await show(result.pushed, invocation);
    } else if (io.signal?.aborted) throw new Error('interrupted');
    else if ('skipped' in result) output.remark(`${result.path} was skipped: ${result.skipped}`);
    else if ('error' in result) {
      // What concerns all is said once.
      if (!concernsAll(result.error) || !failures.some(concernsAll)) output.error(result.error, result.path);
      failures.push(result.error);
    }
  }
  if (done === 0 && failures.length === 0) throw new Error('there was nothing to push');
  if (fatal !== undefined && done + failures.length > 1) output.remark('what came after it was not tried');
  invocation.exitCode = exitCodeForAll(failures, done, fatal);
}

/** Undefined for standard input of more than is read ahead. */
function sizeOf(content: Content | Uint8Array): number | undefined {
  return content instanceof Uint8Array ? content.byteLength : content.sizeBytes;
}

async function show(pushed: Pushed, { output }: Invocation): Promise<void> {
  const { artifact } = pushed;
  if (output.style.json) return output.json(pushedJson(pushed));
  if (output.style.quiet) return output.line(artifact.id);
  const what = pushed.replayed ? 'repeated' : pushed.deduplicated ? 'unchanged' : 'new';
  const size = humanSize(artifact.sizeBytes).padStart(9);
  const version = `v${artifact.version}`.padEnd(4);
  const name = plain(`${artifact.session}/${artifact.name}`);
  await output.line(`${artifact.id}  ${version}  ${size}  ${what.padEnd(9)}  ${name}`);
  const differs = [
    pushed.metadataDiffers ? 'metadata' : '',
    pushed.labelsDiffer ? 'labels' : '',
    pushed.inputsDiffer ? 'inputs' : '',
  ].filter((word) => word !== '');
  if (differs.length > 0)
    output.remark(
      `${artifact.name} is stored already, with other ${differs.join(' and ')}; --new-version keeps both`,
    );
}
