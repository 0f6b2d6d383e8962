import type { Command } from 'commander';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { Difference, DifferenceKind } from '../../client/sessions/comparison.ts';
import { UsageError } from '../exit.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize } from '../output/human.ts';
import { differenceJson } from '../output/json.ts';
import { showPatch, textBytesMax } from '../output/patch.ts';
import { type Column, tableLines } from '../output/table.ts';
import { differencesInTree, type InTree } from '../running/run-differences.ts';

interface DiffFlags {
  readonly all?: boolean;
  readonly text?: string;
  readonly patch?: boolean;
}

const columns: readonly Column[] = [
  { title: 'CHANGE' },
  { title: 'BEFORE', right: true },
  { title: 'AFTER', right: true },
  { title: 'NAME' },
];

const words: Readonly<Record<DifferenceKind, string>> = {
  added: 'added',
  removed: 'removed',
  content: 'changed',
  metadata: 'metadata',
  none: 'same',
};

const runWords = { added: 'added run', removed: 'removed run', both: 'run' } as const;

/** `artifacta diff`: compares two sessions. */
export function addDiff(program: Command, invocation: Invocation): Command {
  return program
    .command('diff')
    .summary('compare two sessions')
    .description(
      'Compares a session with another, for example a failed run with the last good one. Compares the ' +
        'latest version of each name, and prints whether the artifact was added, removed, changed, or ' +
        'changed only in its metadata. If the sessions have inner runs (ID.1, ID.2), also compares the inner runs ' +
        'that have the same number. With --json each difference is one JSON document on one line. ' +
        `With --patch or --text, compares text artifacts (up to ${humanSize(textBytesMax)} each) of the two ` +
        'sessions line by line, and prints a patch for "patch -p1". Differences are not an error: the exit code is 0.',
    )
    .argument('<base>', 'the session that is taken as the starting point, e.g. the good run')
    .argument('<session>', 'the session whose differences from BASE are shown, e.g. the failed run')
    .option('--all', 'also show names that do not differ')
    .option('--patch', 'show the lines that differ, in all text artifacts')
    .option('--text <name>', 'show the lines that differ, in the text artifact with this name')
    .action(async (base: string, session: string, flags: DiffFlags, command: Command) => {
      checkFlags(flags, invocation);
      const { signal } = invocation.io;
      await invocation.withClient(command, async (client) => {
        if (flags.text !== undefined) {
          const found = await findText(client, base, session, flags.text, signal);
          return await showPatch(client, one(found), [base, session], invocation);
        }
        const options = { showUnchanged: flags.all, signal };
        const found = client.sessions.compare(base, session, options);
        if (flags.patch) return await showPatch(client, found, [base, session], invocation);
        return await showNames(differencesInTree(client, { base, compared: session }, options), invocation);
      });
    });
}

function checkFlags(flags: DiffFlags, { output }: Invocation): void {
  if (flags.text !== undefined && flags.patch)
    throw new UsageError('--text shows one name and --patch shows all: give one of them');
  const flag = flags.text === undefined ? (flags.patch ? '--patch' : undefined) : '--text';
  if (flag === undefined) return;
  if (output.style.json) throw new UsageError(`${flag} prints text; leave out --json`);
  if (output.style.quiet) throw new UsageError(`${flag} prints text; leave out --quiet`);
  if (flags.all) throw new UsageError(`${flag} shows differences only; leave out --all`);
}

async function* one(difference: Difference) {
  yield difference;
}

/** Returns the texts of a name. @throws ArtifactaError NOT_FOUND if neither session has it. */
async function findText(
  client: ArtifactaClient,
  base: string,
  session: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Difference> {
  const latest = async (id: string): Promise<Artifact | ArtifactaError> => {
    try {
      return await client.get({ session: id, name }, { signal });
    } catch (error) {
      const isMissing = error instanceof ArtifactaError && error.code === 'NOT_FOUND';
      if (isMissing && error.reason?.startsWith('ARTIFACT_')) return error;
      throw error;
    }
  };
  const before = await latest(base);
  const after = await latest(session);
  if (before instanceof ArtifactaError) {
    if (after instanceof ArtifactaError) throw after;
    return { name: after.name, kind: 'added', base: undefined, compared: after };
  }
  if (after instanceof ArtifactaError)
    return { name: before.name, kind: 'removed', base: before, compared: undefined };
  const kind = before.sha256 === after.sha256 ? 'none' : 'content';
  return { name: before.name, kind, base: before, compared: after };
}

async function showNames(found: AsyncIterable<InTree>, { output }: Invocation): Promise<void> {
  const { json, quiet } = output.style;
  let count = 0;
  async function* rows() {
    for await (const line of found) {
      count++;
      yield rowOf(line);
    }
  }
  async function* oneByOne() {
    for await (const { difference } of found) {
      count++;
      if (difference === undefined) continue;
      const { base, compared } = difference;
      yield json ? JSON.stringify(differenceJson(difference)) : ((compared ?? base)?.id ?? '');
    }
  }
  for await (const line of json || quiet ? oneByOne() : tableLines(columns, rows())) {
    await output.line(line);
    if (output.closed) return;
  }
  if (count === 0 && !json) output.remark('the sessions do not differ');
}

function rowOf({ depth, difference, inner }: InTree): readonly string[] {
  const [base, compared] = [inner?.base ?? difference?.base, inner?.compared ?? difference?.compared];
  const names = inner === undefined ? [difference!.name] : [inner.base?.id, inner.compared?.id];
  const shown = names.filter((name) => name !== undefined).join(' → ');
  const change = inner === undefined ? words[difference!.kind] : runWords[inner.kind];
  return [change, sizeOf(base), sizeOf(compared), '  '.repeat(depth) + shown];
}

function sizeOf(one: { readonly sizeBytes: number } | undefined): string {
  return one === undefined ? '-' : humanSize(one.sizeBytes);
}
