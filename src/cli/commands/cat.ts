import type { Command } from 'commander';
import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import type { ArtifactPiece, ReadOptions, ReadWindow } from '../../client/artifacts/reading.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import { UsageError } from '../exit.ts';
import { parseBytes, parseCount, parseRef } from '../flags/parse.ts';
import { grepStyleOf, type WindowFlags, windowOf } from '../flags/window-flags.ts';
import type { Invocation } from '../invocation.ts';
import { GrepLines } from '../output/grep-lines.ts';

interface CatFlags extends WindowFlags {
  readonly version?: string;
  readonly offset?: string;
  readonly limit?: string;
  readonly maxBytes?: string;
  readonly follow?: boolean;
}

/** The size of one piece: the largest, which needs fewer calls if the user sets no bound. */
const pieceBytes = 1024 * 1024;

/** `artifacta cat`: writes the content of an artifact, or a part of it. */
export function addCat(program: Command, invocation: Invocation): Command {
  return program
    .command('cat')
    .summary('write the bytes of an artifact to standard output')
    .description(
      'Writes all bytes of an artifact to standard output. With a flag from "Parts", writes only that part; the ' +
        'service finds it, so that only that part is transferred. A whole artifact is checked against its SHA-256: ' +
        'the exit code is 1 if the bytes do not match. If --grep ' +
        'matches no line, the exit code is still 0.',
    )
    .argument('<ref>', 'art_… or SESSION/NAME')
    .option('--version <n>', 'the version of SESSION/NAME (default: the latest)')
    .option('--offset <bytes>', 'begin at this byte, counted from 0 (default: 0)')
    .option('--limit <bytes>', 'write at most this many bytes, from --offset on (default: all up to the end)')
    .option(
      '-f, --follow',
      'for SESSION/.run/stdout or SESSION/.run/stderr: at the end of what is stored so far, wait for more until "artifacta run" has stored all of it',
    )
    .optionsGroup('Parts:')
    .option('--lines <first:last>', 'these lines, counted from 1, e.g. 10:40, 10: or :40')
    .option('--head <n>', 'the first lines')
    .option('--tail <n>', 'the last lines')
    .option('--grep <regex>', 'the lines that match a regular expression (RE2 syntax)')
    .option('-i, --ignore-case', 'with --grep: upper and lower case match each other')
    .option('-A, --after <n>', 'with --grep: lines shown after each match, at most 20')
    .option('-B, --before <n>', 'with --grep: lines shown before each match, at most 20')
    .option('-C, --context <n>', 'with --grep: lines shown before and after each match, at most 20')
    .option('-n, --line-numbers', 'with --grep: print the line number in front of each line')
    .option('--invert', 'with --grep: the lines that do not match')
    .option('--pointer <pointer>', 'the value at this JSON pointer in a JSON document, e.g. /rows/0')
    .option(
      '--csv <first:last>',
      'the header of a CSV table and these rows; row 1 is the first row after the header',
    )
    .option('--columns <names>', 'with --csv: only these columns, e.g. name,total')
    .option('--delimiter <character>', 'with --csv: the character between cells')
    .option(
      '--max-bytes <bytes>',
      'print at most this many bytes, from 4 to 1MiB, of the range or part that the other flags select, or of the ' +
        'whole artifact; a note says if more exist',
    )
    .action(async (text: string, flags: CatFlags, command: Command) => {
      if (invocation.output.style.json)
        throw new UsageError(
          'cat writes the bytes of an artifact; for JSON about it use "artifacta show --json"',
        );
      const { version } = flags;
      const ref = parseRef(text, version === undefined ? undefined : parseCount('--version', version, 1));
      const bytes = (flag: string, value: string | undefined) =>
        value === undefined ? undefined : parseBytes(flag, value, 0);
      const offset = bytes('--offset', flags.offset);
      const limit = bytes('--limit', flags.limit);
      const maxBytes =
        flags.maxBytes === undefined ? undefined : parseBytes('--max-bytes', flags.maxBytes, 4, pieceBytes);
      const window = windowOf(flags);
      if (window !== undefined && (offset !== undefined || limit !== undefined))
        throw new UsageError(
          '--offset and --limit count bytes of the whole artifact; they cannot be given with a flag that ' +
            'selects lines, rows or a value',
        );
      const follow = isFollowing(flags, [version, window, offset, limit, maxBytes]);
      await invocation.withClient(command, (client) => {
        if (follow) return following(client, ref, invocation);
        if (window === undefined && maxBytes === undefined)
          return whole(client, ref, { offset, limit }, invocation);
        return pieces(client, ref, window ?? { bytes: { offset, limit } }, maxBytes, flags, invocation);
      });
    });
}

async function whole(
  client: ArtifactaClient,
  ref: ArtifactRef,
  range: { readonly offset: number | undefined; readonly limit: number | undefined },
  { output, io }: Invocation,
): Promise<void> {
  await using download = await client.open(ref, { ...range, signal: io.signal });
  for await (const chunk of download) {
    await output.bytes(chunk);
    if (output.closed) return;
  }
}

function isFollowing({ follow = false }: CatFlags, parts: readonly unknown[]): boolean {
  if (follow && parts.some((part) => part !== undefined))
    throw new UsageError('--follow writes the whole output; it cannot be given with a flag for a part');
  return follow;
}

/** Writes an output that may still grow. */
async function following(client: ArtifactaClient, ref: ArtifactRef, invocation: Invocation): Promise<void> {
  if (typeof ref === 'string' || !('session' in ref))
    throw new UsageError('--follow needs SESSION/NAME, such as SESSION/.run/stdout, not an id');
  const { followed } = await import('../running/follow.ts');
  for await (const id of followed(client, ref, invocation.io.signal)) {
    await whole(client, id, { offset: undefined, limit: undefined }, invocation);
    if (invocation.output.closed) return;
  }
}

async function pieces(
  client: ArtifactaClient,
  ref: ArtifactRef,
  window: ReadWindow,
  maxBytes: number | undefined,
  flags: CatFlags,
  invocation: Invocation,
): Promise<void> {
  const { output, io } = invocation;
  const grep = 'grep' in window ? new GrepLines(grepStyleOf(flags)) : undefined;
  const options = { window, maxBytes: maxBytes ?? pieceBytes, signal: io.signal };
  const isFromEnd = 'tail' in window && maxBytes === undefined;
  let malformed = 0;
  try {
    for await (const piece of isFromEnd ? reversed(client, ref, options) : client.pieces(ref, options)) {
      malformed += piece.malformedLines;
      await output.bytes(grep === undefined ? piece.content : grep.text(piece));
      if (maxBytes !== undefined && piece.nextCursor !== '')
        output.remark(
          'the artifact, or the selected part of it, has more bytes; to see them, leave --max-bytes out, or select ' +
            'another part',
        );
      if (output.closed || maxBytes !== undefined) return;
    }
  } finally {
    const what = 'csv' in window ? 'row' : 'line';
    if (malformed > 0)
      output.warning(
        `${malformed} ${malformed === 1 ? `${what} has` : `${what}s have`} bytes that are not text; \ufffd stands for them`,
      );
  }
}

/**
 * Yields pieces that come from the end on, in the order of the content, one in memory at a time: their cursors are
 * kept.
 */
async function* reversed(
  client: ArtifactaClient,
  ref: ArtifactRef,
  options: ReadOptions,
): AsyncGenerator<ArtifactPiece, void, void> {
  const last = await client.read(ref, options);
  const cursors: string[] = [];
  for (let cursor = last.nextCursor; cursor !== ''; ) {
    cursors.push(cursor);
    cursor = (await client.read(last.artifact.id, { ...options, cursor })).nextCursor;
  }
  for (const cursor of cursors.reverse()) yield await client.read(last.artifact.id, { ...options, cursor });
  yield last;
}
