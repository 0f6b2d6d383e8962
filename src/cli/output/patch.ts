import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import { type Text, textFrom } from '../../client/artifacts/text.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import type { Difference } from '../../client/sessions/comparison.ts';
import type { Invocation } from '../invocation.ts';
import { Account } from '../outcome.ts';
import { plain } from './human.ts';
import { plainLines } from './terminal-text.ts';

/** Longer texts are not compared line by line. */
export const textBytesMax = 1024 * 1024;

/** Texts with more differing lines are not compared either: the time grows with the square of their number. */
const changedLinesMax = 5_000;

/**
 * Writes a unified diff of each difference, in the form of `patch -p1`. A difference without lines to compare is
 * reported in a line that `patch` passes over.
 *
 * @param sessions the names of the two sides.
 */
export async function showPatch(
  client: ArtifactaClient,
  differences: AsyncIterable<Difference>,
  sessions: readonly [base: string, compared: string],
  invocation: Invocation,
): Promise<void> {
  const { io, output } = invocation;
  const account = new Account(invocation);
  for await (const difference of differences) {
    try {
      const { text, remark } = await patchOf(client, difference, sessions, io.signal);
      await output.bytes(io.stdout.isTTY ? plainWithReturns(text) : text);
      if (remark !== undefined) output.warning(remark);
      account.succeeded();
      if (output.closed) return;
    } catch (error) {
      // It is gone since it was listed, or not readable: the others can still be compared.
      if (!account.failed(error, difference.name)) break;
    }
  }
  account.close();
}

/** The text of a side, or the reason why it has none. */
type Side = Text | { readonly why: string };

interface Patch {
  readonly text: string;
  /** A remark on what the patch cannot say. */
  readonly remark?: string;
}

async function patchOf(
  client: ArtifactaClient,
  { name, kind, base, compared }: Difference,
  sessions: readonly [string, string],
  signal: AbortSignal | undefined,
): Promise<Patch> {
  const shown = plain(name);
  if (kind === 'none') return { text: '' };
  if (kind === 'metadata') return { text: `The metadata or content types of ${shown} differ\n` };
  const before = await sideOf(client, base, signal);
  const after = 'why' in before ? before : await sideOf(client, compared, signal);
  if ('why' in before) return { text: `${shown} differs: ${before.why}\n` };
  if ('why' in after) return { text: `${shown} differs: ${after.why}\n` };
  // The header says which side lacks the name: an empty text is something else.
  const header = (artifact: Artifact | undefined, session: string) =>
    artifact === undefined ? '/dev/null' : plain(`${session}/${name}`);
  const patch = structuredPatch(
    header(base, sessions[0]),
    header(compared, sessions[1]),
    before.text,
    after.text,
    undefined,
    undefined,
    { context: 3, maxEditLength: changedLinesMax },
  );
  if (patch === undefined) return { text: `${shown} differs in more than ${changedLinesMax} lines\n` };
  const isShown = patch.hunks.length > 0 || base === undefined || compared === undefined;
  const text = isShown
    ? withTabs(formatPatch(patch, FILE_HEADERS_ONLY))
    : `${shown} differs only in its encoding\n`;
  const remark = remarkOn(name, [before, after]);
  return remark === undefined ? { text } : { text, remark };
}

/** Adds a TAB after a name with a space, as in patches of `diff` and `git`: otherwise the name ends at the space. */
function withTabs(patch: string): string {
  const [before = '', after = ''] = patch.split('\n', 2);
  const rest = patch.slice(before.length + after.length + 1);
  // A name in quotes marks its own end; a name that ends with a space needs the quotes.
  const ended = (header: string) =>
    header.replace(/^(\S+) ([^"].* )$/, '$1 "$2"').replace(/^\S+ [^"].* .*$/, '$&\t');
  return `${ended(before)}\n${ended(after)}${rest}`;
}

/**
 * Returns a remark if the patch cannot be applied: `patch` needs the original bytes, and some of them are not shown.
 */
function remarkOn(name: string, sides: readonly [Text, Text]): string | undefined {
  const malformed = sides[0].malformedLines + sides[1].malformedLines;
  if (malformed === 0 && sides.every(({ encoding }) => encoding === 'utf-8')) return undefined;
  const lines = `${malformed} ${malformed === 1 ? 'line has' : 'lines have'}`;
  const why =
    malformed === 0 ? 'it is UTF-16' : `${lines} bytes that are not text, and \ufffd stands for them`;
  return `${name}: ${why}; its patch cannot be applied`;
}

async function sideOf(
  client: ArtifactaClient,
  artifact: Artifact | undefined,
  signal: AbortSignal | undefined,
): Promise<Side> {
  if (artifact === undefined) return { text: '', encoding: 'utf-8', malformedLines: 0 };
  if (artifact.sizeBytes > textBytesMax)
    return { why: `it has more than ${textBytesMax} bytes, and is not compared line by line` };
  await using download = await client.download(artifact.id, { signal });
  const bytes = await download.bytes();
  const text = textFrom(bytes);
  if (text.text.includes('\0')) return { why: 'it is not text' };
  // A patch that will be applied has the mark.
  const isMarked = text.encoding === 'utf-8' && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return isMarked ? { ...text, text: `\ufeff${text.text}` } : text;
}

/** Returns plain text with visible carriage returns: the texts may differ in these alone. */
function plainWithReturns(text: string): string {
  return plainLines(text.replaceAll('\r', '\\u000d'));
}
