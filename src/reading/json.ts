import { type Buffer, isUtf8 } from 'node:buffer';
import { limits } from '../domain/limits.ts';
import { turn } from '../domain/timer.ts';
import { leadsNowhere } from './json-pointer.ts';
import { JsonScanner, JsonSyntaxError } from './json-scanner.ts';
import type { Source } from './source.ts';
import { characterEnd, lookAhead, textOf, unsuitable } from './utf8.ts';
import type { Reading } from './window.ts';

/** What is still wanted of the value, in the content: it is not searched for again. */
export interface JsonPlace {
  readonly at: number;
  readonly end: number;
}

/** How much is scanned before others have their turn, in bytes. */
const stepBytes = 512 * 1024;

/**
 * Reads one value of a JSON document, as it is written there.
 *
 * @param tokens of the pointer.
 */
export async function readJson(
  source: Source,
  tokens: readonly string[],
  bytesMax: number,
  place?: JsonPlace,
): Promise<Reading<JsonPlace>> {
  const { at, end } = place ?? (await find(source, tokens));
  const stop = Math.min(at + bytesMax, end);
  const bytes = await source.range(at, stop + lookAhead);
  const length = stop === end ? end - at : characterEnd(bytes, stop - at);
  const next = at + length;
  return {
    content: { text: textOf(bytes.subarray(0, length)) },
    next: next < end ? { at: next, end } : undefined,
  };
}

async function find(source: Source, tokens: readonly string[]): Promise<JsonPlace> {
  if (source.size > limits.jsonDocumentBytesMax)
    throw unsuitable(
      `it has ${source.size} bytes, and a JSON document of at most ${limits.jsonDocumentBytesMax} can be searched`,
    );
  const document = await source.range(0, source.size);
  if (!isUtf8(document)) throw unsuitable('it is no JSON document: it is not UTF-8');
  const scanner = new JsonScanner(document, markLength(document), tokens);
  try {
    while (!scanner.step(stepBytes)) await turn();
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw unsuitable(`it is no JSON document: ${error.message}`);
  }
  const { target } = scanner;
  if (target === undefined) throw leadsNowhere('json.pointer', tokens, scanner.way);
  return { at: target.start, end: target.end };
}

/** Of the byte order mark that some programs begin a text with. */
export function markLength(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
