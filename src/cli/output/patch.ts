import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { ArtifactaClient } from '../../client/client.ts';
import type { Difference } from '../../client/sessions/comparison.ts';
import type { Invocation } from '../invocation.ts';
import { Account } from '../outcome.ts';
import { plain } from './human.ts';

/** Longer texts are not compared line by line. */
export const textBytesMax = 1024 * 1024;

/** Neither are texts of which more lines differ: the time that it takes grows with the square of that. */
const changedLinesMax = 5_000;

/**
 * Writes a unified diff of each difference, as `patch -p1` takes it. What has no lines to compare is told in a line
 * that `patch` passes over.
 *
 * @param sessions what the two sides are called.
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
      const text = await patchOf(client, difference, sessions, io.signal);
      await output.bytes(io.stdout.isTTY ? plainLines(text) : text);
      account.succeeded();
      if (output.closed) return;
    } catch (error) {
      // Gone since it was listed, or not readable: the others can be compared all the same.
      if (!account.failed(error, difference.name)) break;
    }
  }
  account.close();
}

/** What the text of a side is, or why it has none. */
type Side = { readonly text: string } | { readonly why: string };

async function patchOf(
  client: ArtifactaClient,
  { name, kind, base, compared }: Difference,
  sessions: readonly [string, string],
  signal: AbortSignal | undefined,
): Promise<string> {
  const shown = plain(name);
  if (kind === 'none') return '';
  if (kind === 'metadata') return `The metadata or content types of ${shown} differ\n`;
  const before = await sideOf(client, base, signal);
  const after = 'why' in before ? before : await sideOf(client, compared, signal);
  if ('why' in before) return `${shown} differs: ${before.why}\n`;
  if ('why' in after) return `${shown} differs: ${after.why}\n`;
  // Which side lacks the name is in the header: an empty text is another thing.
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
  if (patch === undefined) return `${shown} differs: in more than ${changedLinesMax} lines\n`;
  return withTabs(formatPatch(patch, FILE_HEADERS_ONLY));
}

/** A name with a space is followed by a TAB, as in patches of `diff` and `git`: else it ends at the space. */
function withTabs(patch: string): string {
  const [before = '', after = ''] = patch.split('\n', 2);
  const rest = patch.slice(before.length + after.length + 1);
  // A name in quotes says itself where it ends; what ends with a space needs them.
  const ended = (header: string) =>
    header.replace(/^(\S+) ([^"].* )$/, '$1 "$2"').replace(/^\S+ [^"].* .*$/, '$&\t');
  return `${ended(before)}\n${ended(after)}${rest}`;
}

async function sideOf(
  client: ArtifactaClient,
  artifact: Artifact | undefined,
  signal: AbortSignal | undefined,
): Promise<Side> {
  if (artifact === undefined) return { text: '' };
  if (artifact.sizeBytes > textBytesMax)
    return { why: `more than ${textBytesMax} bytes are not compared by lines` };
  await using download = await client.download(artifact.id, { signal });
  const bytes = await download.bytes();
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes('\0') ? { why: 'it is not text' } : { text };
  } catch {
    return { why: 'it is not text' };
  }
}

/** For terminals, which contents could steer. */
function plainLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split('\t').map(plain).join('\t'))
    .join('\n');
}
