import { Buffer } from 'node:buffer';
import { JsonScanner, JsonSyntaxError } from '../domain/json/json-scanner.ts';
import { limits } from '../domain/limits.ts';
import { turn } from '../domain/timer.ts';
import type { Encoding } from './encoding.ts';
import { leadsNowhere } from './json-pointer.ts';
import type { Source } from './source.ts';
import { lookAhead, unsuitable } from './utf8.ts';
import { unitsOf, utf16AsUtf8 } from './utf16.ts';
import type { Reading } from './window.ts';

/** The part of the value that is still wanted, in the content: it is not searched for again. */
export interface JsonPlace {
  readonly at: number;
  readonly end: number;
  /** Whether `at` lies within a line that was malformed and has been counted. */
  readonly counted?: boolean | undefined;
}

/** The number of bytes to scan before other calls get a turn. */
const turnBytes = 512 * 1024;

/**
 * Reads one value of a JSON document, as it is written there.
 *
 * @param tokens the tokens of the pointer.
 */
export async function readJson(
  source: Source,
  encoding: Encoding,
  tokens: readonly string[],
  bytesMax: number,
  place?: JsonPlace,
): Promise<Reading<JsonPlace>> {
  const { at, end, counted = false } = place ?? (await find(source, encoding, tokens));
  const bytes = await source.range(at, Math.min(at + bytesMax * encoding.unitBytes, end) + lookAhead);
  const piece = bytes.subarray(0, encoding.fitting(bytes.subarray(0, end - at), bytesMax));
  const next = at + piece.length;
  const shown = encoding.countMalformed(piece, counted);
  return {
    content: { text: encoding.text(piece) },
    malformedLines: shown.lines,
    next: next < end ? { at: next, end, ...(shown.goesOn ? { counted: true } : {}) } : undefined,
  };
}

async function find(source: Source, encoding: Encoding, tokens: readonly string[]): Promise<JsonPlace> {
  if (source.size > limits.jsonDocumentBytesMax)
    throw unsuitable(
      `it has ${source.size} bytes, and only JSON documents of at most ${limits.jsonDocumentBytesMax} can be ` +
        'searched',
    );
  const isUtf16 = encoding.unitBytes === 2;
  const text = await source.range(isUtf16 ? encoding.start : 0, source.size);
  const document = isUtf16 ? await inTurns(encoding, text) : text;
  const offsetOf = async (at: number) =>
    isUtf16 ? encoding.start + encoding.unitBytes * (await countUnits(document, at)) : at;
  const scanner = new JsonScanner(document, isUtf16 ? 0 : encoding.start, tokens);
  try {
    while (!scanner.scan(turnBytes)) await turn();
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const place = `byte ${await offsetOf(error.offset)}, in line ${await lineAt(document, error.offset)}`;
    const found = error.offset < document.length ? '' : ', where it ends';
    throw unsuitable(`it is not a JSON document: ${error.fault} at ${place}${found}`);
  }
  const { target } = scanner;
  if (target === undefined) throw leadsNowhere('json.pointer', tokens, scanner.way);
  return { at: await offsetOf(target.start), end: await offsetOf(target.end) };
}

/** Returns UTF-16 as UTF-8. */
async function inTurns(encoding: Encoding, bytes: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const most = at + turnBytes;
    const end = most < bytes.length ? encoding.cut(bytes, most) : bytes.length;
    pieces.push(utf16AsUtf8(encoding, bytes.subarray(at, end)));
    at = end;
    await turn();
  }
  return Buffer.concat(pieces);
}

/** Counts the units in the first bytes. */
async function countUnits(bytes: Buffer, end: number): Promise<number> {
  let units = 0;
  for (let at = 0; at < end; at += turnBytes) {
    units += unitsOf(bytes.subarray(at, Math.min(end, at + turnBytes)));
    await turn();
  }
  return units;
}

/** Returns the number of the line with the byte, from 1. */
async function lineAt(bytes: Buffer, end: number): Promise<number> {
  let line = 1;
  for (let at = 0; at < end; at++) {
    if (bytes[at] === lineFeed) line++;
    if (at % turnBytes === turnBytes - 1) await turn();
  }
  return line;
}

const lineFeed = 0x0a;
