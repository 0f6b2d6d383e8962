import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  CsvWindow,
  GrepWindow,
  ReadArtifactRequest,
  ReadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/content_pb.ts';
import { invalid } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import type { ArtifactReading, ReadingRequest, Readings } from '../../store/artifacts/readings.ts';
import type { Call } from '../handlers.ts';
import { toArtifactMessage } from '../messages.ts';
import { parseRef, parseSize } from '../parse.ts';

/** Answers ReadArtifact. */
export async function readArtifact(
  readings: Readings,
  request: ReadArtifactRequest,
  call: Call,
): Promise<MessageInitShape<typeof ReadArtifactResponseSchema>> {
  const target = parseRef('artifact', request.artifact);
  const wanted = {
    window: parseWindow(request.window),
    bytesMax: parseBytesMax(request.maxBytes),
    cursor: request.cursor,
  };
  return toMessage(await readings.read(call.principal, target, wanted, call.signal));
}

function toMessage(reading: ArtifactReading): MessageInitShape<typeof ReadArtifactResponseSchema> {
  const { content, startOffset, endOffset, firstLine, matches = [], nextCursor } = reading;
  return {
    artifact: toArtifactMessage(reading.artifact),
    content:
      'text' in content ? { case: 'text', value: content.text } : { case: 'data', value: content.data },
    ...(startOffset === undefined ? {} : { startOffset: BigInt(startOffset) }),
    ...(endOffset === undefined ? {} : { endOffset: BigInt(endOffset) }),
    ...(firstLine === undefined ? {} : { firstLine: BigInt(firstLine) }),
    matches: matches.map(({ line, offset, textLine }) => ({
      line: BigInt(line),
      offset: BigInt(offset),
      textLine,
    })),
    truncated: nextCursor !== '',
    nextCursor,
    malformedLines: BigInt(reading.malformedLines ?? 0),
  };
}

function parseBytesMax(value: number): number {
  if (value === 0) return limits.readingAnswerBytesDefault;
  if (value < 0) throw invalid('max_bytes', 'must not be negative');
  if (value < limits.readingAnswerBytesMin)
    throw invalid('max_bytes', `must be at least ${limits.readingAnswerBytesMin}, or 0 for the default`);
  return Math.min(value, limits.readingAnswerBytesMax);
}

function parseWindow(window: ReadArtifactRequest['window']): ReadingRequest['window'] {
  switch (window.case) {
    case undefined:
      return { kind: 'bytes', offset: 0, limit: undefined };
    case 'bytes': {
      const { offset, limit } = window.value;
      return {
        kind: 'bytes',
        offset: parseSize('bytes.offset', offset),
        limit: parseCount('bytes.limit', limit),
      };
    }
    case 'lines': {
      const { first, count } = window.value;
      return {
        kind: 'lines',
        first: parseFirst('lines.first', first),
        count: parseCount('lines.count', count),
      };
    }
    case 'head':
      return { kind: 'head', first: 1, count: parseLines('head.lines', window.value.lines) };
    case 'tail':
      return { kind: 'tail', lines: parseLines('tail.lines', window.value.lines) };
    case 'grep':
      return parseGrep(window.value);
    case 'json':
      return { kind: 'json', pointer: window.value.pointer };
    case 'csv':
      return parseCsv(window.value);
  }
}

function parseGrep(window: GrepWindow): ReadingRequest['window'] {
  const { pattern, ignoreCase, linesBefore, linesAfter, maxMatches, invert } = window;
  return {
    kind: 'grep',
    pattern,
    ignoreCase,
    invert,
    before: parseUpTo('grep.lines_before', linesBefore, limits.grepContextLinesMax),
    after: parseUpTo('grep.lines_after', linesAfter, limits.grepContextLinesMax),
    matchesMax: parseUpTo('grep.max_matches', maxMatches, limits.grepMatchesMax) || limits.grepMatchesDefault,
  };
}

function parseCsv({ firstRow, count, columns, delimiter }: CsvWindow): ReadingRequest['window'] {
  // With a quote or a line break as delimiter, nothing could separate cells and rows.
  if (delimiter !== '' && !/^[\0-\x7f]$/.test(delimiter))
    throw invalid('csv.delimiter', 'must be one ASCII character');
  if (/["\r\n]/.test(delimiter)) throw invalid('csv.delimiter', 'must be neither a quote nor a line break');
  if (columns.length > limits.csvColumnsMax)
    throw invalid('csv.columns', `must have at most ${limits.csvColumnsMax} names, not ${columns.length}`);
  return {
    kind: 'csv',
    first: parseFirst('csv.first_row', firstRow),
    count: parseCount('csv.count', count),
    columns,
    delimiter,
  };
}

/** Parses the number of the first. 0 means 1. */
function parseFirst(field: string, value: bigint): number {
  return Math.max(1, parseSize(field, value));
}

function parseCount(field: string, value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : parseSize(field, value);
}

/** Parses a number of lines. 0 means the default. */
function parseLines(field: string, value: bigint): number {
  return parseSize(field, value) || limits.readingLinesDefault;
}

function parseUpTo(field: string, value: number, max: number): number {
  if (value < 0) throw invalid(field, 'must not be negative');
  if (value > max) throw invalid(field, `must be at most ${max}, not ${value}`);
  return value;
}
