/** `read`: a piece of an artifact, of a size for models. */
import { Buffer } from 'node:buffer';
import * as z from 'zod/v4';
import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import type { ArtifactPiece, ReadWindow } from '../../client/artifacts/reading.ts';
import type { Store } from '../../client/store.ts';
import { artifactArgument, refOf, versionArgument } from '../arguments.ts';
import { artifactBrief, briefArtifact, jsonBytes, textOfArtifact } from '../shown.ts';
import { reads, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';

const bytesDefault = 8 * 1024;
/** The longest piece, also in bytes of JSON. An answer has it twice. */
const bytesMax = 10 * 1024;
const matchesMax = 100;

const whole = (least: number) => z.number().int().min(least).max(Number.MAX_SAFE_INTEGER);

const windows = {
  lines: z
    .strictObject({ first: whole(1).default(1), count: whole(1).optional() })
    .optional()
    .describe('Lines, from 1'),
  head: whole(1).max(1_000_000).optional().describe('This many first lines'),
  tail: whole(1).max(1_000_000).optional().describe('This many last lines'),
  grep: z
    .strictObject({
      pattern: z.string().min(1).max(1_024).describe('A regular expression of RE2'),
      ignore_case: z.boolean().default(false),
      invert: z.boolean().default(false).describe('Lines that do not match'),
      before: z.number().int().min(0).max(20).default(0),
      after: z.number().int().min(0).max(20).default(0),
      max_matches: z.number().int().min(1).max(matchesMax).default(20),
    })
    .optional()
    .describe('Lines that match'),
  json_pointer: z
    .string()
    .max(4_096)
    .optional()
    .describe('The value at a JSON pointer; "" is the whole document'),
  csv: z
    .strictObject({
      first: whole(1).default(1),
      count: whole(1).optional(),
      columns: z.array(z.string()).max(256).optional(),
      delimiter: z.string().length(1).optional(),
    })
    .optional()
    .describe('Rows of a table whose first row names the columns'),
  bytes: z.strictObject({ offset: whole(0).default(0), limit: whole(1).optional() }).optional(),
};

const input = z.strictObject({
  artifact: artifactArgument.optional(),
  version: versionArgument,
  ...windows,
  max_bytes: z.number().int().min(64).max(bytesMax).default(bytesDefault).describe('The most to return'),
  cursor: z
    .string()
    .max(8_192)
    .optional()
    .describe('next_cursor of the answer before, instead of artifact and window'),
});

/** The piece that a cursor continues. */
interface Continued {
  readonly ref: ArtifactRef;
  readonly window: ReadWindow | undefined;
  readonly cursor: string | undefined;
}

/** `read`. */
export const readTool = tool('read', {
  title: 'Read a piece of an artifact',
  description:
    'Returns a piece of the content as text: from the start, or one of lines, head, tail, grep, json_pointer, csv, ' +
    'bytes. A piece is short; next_cursor continues. For a large file, grep or csv first; to process it with a ' +
    'program, pull it instead.',
  input,
  output: z.object({
    artifact: artifactBrief,
    content: z.string().optional().describe('Missing if the content is not text'),
    not_text: z.literal(true).optional(),
    first_line: z.number().int().optional().describe('The number of the first line or row'),
    match_lines: z.array(z.number().int()).optional().describe('The numbers of the lines that match'),
    malformed_lines: z
      .number()
      .int()
      .optional()
      .describe('Lines in which U+FFFD stands for bytes that are not text'),
    next_cursor: z.string().optional().describe('More follows'),
  }),
  annotations: reads,
  async handle(args, { store, signal }) {
    const wanted = wantedBy(args);
    const piece = await fittingPiece(store, wanted, args.max_bytes, signal);
    const { artifact, content, firstLine, matches, malformedLines, nextCursor } = piece;
    const isText = typeof content === 'string';
    const next = nextCursor === '' ? {} : { next_cursor: cursorFor(artifact.id, wanted.window, nextCursor) };
    const data = {
      artifact: briefArtifact(artifact),
      ...(isText ? { content } : { not_text: true as const }),
      ...(firstLine !== undefined && { first_line: firstLine }),
      ...(matches.length > 0 && { match_lines: matches.map(({ line }) => line) }),
      ...(malformedLines > 0 && { malformed_lines: malformedLines }),
      ...next,
    };
    const notText = `not text: ${textOfArtifact(artifact)}; pull it to process it with a program`;
    const lines = [isText ? content : notText];
    return { data, lines, isContent: true };
  },
});

/** Returns a piece that, as JSON, is not longer than the longest piece. Escapes make some texts six times longer. */
async function fittingPiece(
  store: Store,
  { ref, window, cursor }: Continued,
  maxBytes: number,
  signal: AbortSignal,
): Promise<ArtifactPiece> {
  for (let bytes = maxBytes; ; bytes = Math.max(64, Math.floor(bytes / 2))) {
    const piece = await store.read(ref, { window, maxBytes: bytes, cursor, signal });
    if (bytes === 64 || typeof piece.content !== 'string' || jsonBytes(piece.content) <= bytesMax)
      return piece;
  }
}

function wantedBy(args: z.output<typeof input>): Continued {
  const names = (Object.keys(windows) as (keyof typeof windows)[]).filter((name) => args[name] !== undefined);
  if (args.cursor !== undefined) {
    if (names.length > 0 || args.artifact !== undefined)
      throw new BadArgument('cursor', 'must be given without artifact and window, which it contains');
    return continuedBy(args.cursor);
  }
  if (args.artifact === undefined) throw new BadArgument('artifact', 'is required');
  if (names.length > 1) throw new BadArgument(names.join(', '), 'only one of these may be given');
  return { ref: refOf(args.artifact, args.version), window: windowOf(args), cursor: undefined };
}

function windowOf(args: z.output<typeof input>): ReadWindow | undefined {
  const { lines, head, tail, grep, json_pointer: json, csv, bytes } = args;
  if (lines !== undefined) return { lines };
  if (head !== undefined) return { head };
  if (tail !== undefined) return { tail };
  if (json !== undefined) return { json };
  if (csv !== undefined) return { csv };
  if (grep === undefined) return bytes && { bytes };
  const { pattern, ignore_case: ignoreCase, invert, before, after, max_matches: maxMatches } = grep;
  return { grep: { pattern, ignoreCase, invert, before, after, maxMatches } };
}

/** A cursor has all that the next call needs: nothing is kept between calls. The service checks its own part. */
function cursorFor(id: string, window: ReadWindow | undefined, cursor: string): string {
  return Buffer.from(JSON.stringify({ id, window, cursor })).toString('base64url');
}

const cursorShape = z.object({
  id: z.string(),
  window: z.record(z.string(), z.unknown()).optional(),
  cursor: z.string().min(1),
});

function continuedBy(text: string): Continued {
  try {
    const { id, window, cursor } = cursorShape.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return { ref: { id }, window: window as ReadWindow | undefined, cursor };
  } catch {
    throw new BadArgument('cursor', 'must be the next_cursor of an answer of read');
  }
}
