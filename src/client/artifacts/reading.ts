import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  ReadArtifactRequestSchema,
  ReadArtifactResponse,
} from '../../../gen/artifacta/v1/content_pb.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';
import { type Artifact, type ArtifactRef, artifactFrom, refMessage } from './artifact.ts';

/** The piece of an artifact to read. Numbers are whole; lines and rows count from 1, offsets from 0. */
export type ReadWindow =
  /** Bytes from an offset (default 0), with a greatest number. Text is not cut within a character. */
  | { readonly bytes: { readonly offset?: number | undefined; readonly limit?: number | undefined } }
  /** Lines from a first one on (default 1), with a greatest number. */
  | { readonly lines: { readonly first?: number | undefined; readonly count?: number | undefined } }
  /** This number of the first lines. */
  | { readonly head: number }
  /** This number of the last lines. Further pieces come from further before. */
  | { readonly tail: number }
  | { readonly grep: GrepOptions }
  /** The value that a JSON pointer (RFC 6901) leads to; empty: the whole document. */
  | { readonly json: string }
  | { readonly csv: CsvOptions };

/** Lines that match. */
export interface GrepOptions {
  /** A regular expression in RE2's syntax, at most 1 KiB. */
  readonly pattern: string;
  /** Default false. */
  readonly ignoreCase?: boolean | undefined;
  /** The number of lines shown before each match. Default 0, at most 20. */
  readonly before?: number | undefined;
  /** The number of lines shown after each match. Default 0, at most 20. */
  readonly after?: number | undefined;
  /** The greatest number of matches in one piece. Default 100, at most 1,000. */
  readonly maxMatches?: number | undefined;
  /** Find the lines that do not match. Default false. */
  readonly invert?: boolean | undefined;
}

/** Rows of a table whose first row names the columns. */
export interface CsvOptions {
  /** First row of data. Default 1. */
  readonly first?: number | undefined;
  /** The greatest number of rows. Default: all. */
  readonly count?: number | undefined;
  /** Default: all. */
  readonly columns?: readonly string[] | undefined;
  /** One ASCII character. Default: the content type decides. */
  readonly delimiter?: string | undefined;
}

/** What to read, and how. */
export interface ReadOptions extends CallSettings {
  /** Default: bytes from the beginning. */
  readonly window?: ReadWindow | undefined;
  /** The size of one piece, in bytes. Default 16 KiB, at most 1 MiB; a larger value counts as 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** Continues where a piece ended: its `nextCursor`, with the same window and artifact. */
  readonly cursor?: string | undefined;
}

/** A piece of an artifact. */
export interface ArtifactPiece {
  readonly artifact: Artifact;
  /** Bytes if the piece is not UTF-8, which only `bytes` allows. */
  readonly content: string | Uint8Array;
  /** Undefined for `json` and `csv`. */
  readonly startOffset: number | undefined;
  readonly endOffset: number | undefined;
  /** The number of the first line or row in `content`, if known. */
  readonly firstLine: number | undefined;
  readonly matches: readonly LineMatch[];
  /**
   * The number of lines (or rows) with bytes that are not text, for which U+FFFD stands. All pieces together count each
   * once.
   */
  readonly malformedLines: number;
  /** Empty: this is the end. A piece may be empty and still have a cursor. */
  readonly nextCursor: string;
}

/** A line that matched. */
export interface LineMatch {
  /** Its number in the artifact. */
  readonly line: number;
  /** The offset of its first byte in the artifact. */
  readonly offset: number;
  /** Its number among the lines of the piece. */
  readonly textLine: number;
}

/** Reads a part of an artifact, which the service finds. @throws ArtifactaError. */
export async function readArtifact(
  calls: Calls,
  ref: ArtifactRef,
  options: ReadOptions,
): Promise<ArtifactPiece> {
  const request = {
    artifact: refMessage(ref),
    maxBytes: options.maxBytes ?? 0,
    window: windowMessage(options.window),
    cursor: options.cursor ?? '',
  };
  return pieceFrom(await unary(calls, options, (call) => calls.artifacts.readArtifact(request, call)));
}

/**
 * Yields all pieces of a window, one in memory at a time. All belong to one version, whatever is committed meanwhile.
 */
export async function* readPieces(
  calls: Calls,
  ref: ArtifactRef,
  options: ReadOptions,
): AsyncGenerator<ArtifactPiece, void, void> {
  let piece = await readArtifact(calls, ref, options);
  for (;;) {
    yield piece;
    if (piece.nextCursor === '') return;
    piece = await readArtifact(calls, piece.artifact.id, { ...options, cursor: piece.nextCursor });
  }
}

type WindowMessage = NonNullable<MessageInitShape<typeof ReadArtifactRequestSchema>['window']>;

function windowMessage(window: ReadWindow | undefined): WindowMessage {
  if (window === undefined) return { case: undefined };
  if ('bytes' in window) {
    const { offset = 0, limit } = window.bytes;
    return { case: 'bytes', value: { offset: BigInt(offset), ...optional('limit', limit) } };
  }
  if ('lines' in window) {
    const { first = 1, count } = window.lines;
    return { case: 'lines', value: { first: BigInt(first), ...optional('count', count) } };
  }
  if ('head' in window) return { case: 'head', value: { lines: BigInt(window.head) } };
  if ('tail' in window) return { case: 'tail', value: { lines: BigInt(window.tail) } };
  if ('json' in window) return { case: 'json', value: { pointer: window.json } };
  if ('csv' in window) {
    const { first = 1, count, columns = [], delimiter = '' } = window.csv;
    const value = { firstRow: BigInt(first), ...optional('count', count), columns: [...columns], delimiter };
    return { case: 'csv', value };
  }
  const { pattern, ignoreCase = false, before = 0, after = 0, maxMatches = 0, invert = false } = window.grep;
  return {
    case: 'grep',
    value: { pattern, ignoreCase, linesBefore: before, linesAfter: after, maxMatches, invert },
  };
}

function optional<K extends string>(name: K, value: number | undefined): { [P in K]?: bigint } {
  return (value === undefined ? {} : { [name]: BigInt(value) }) as { [P in K]?: bigint };
}

function pieceFrom(message: ReadArtifactResponse): ArtifactPiece {
  const { content, startOffset, endOffset, firstLine, matches, nextCursor } = message;
  const number = (value: bigint | undefined) => (value === undefined ? undefined : Number(value));
  return {
    artifact: artifactFrom(message.artifact),
    content: content.value ?? '',
    startOffset: number(startOffset),
    endOffset: number(endOffset),
    firstLine: number(firstLine),
    matches: matches.map(({ line, offset, textLine }) => ({
      line: Number(line),
      offset: Number(offset),
      textLine,
    })),
    malformedLines: Number(message.malformedLines),
    nextCursor,
  };
}
