import { isUtf8 } from 'node:buffer';
import type { Source } from './source.ts';
import { characterEnd, lookAhead } from './utf8.ts';
import type { ByteWindow, Reading } from './window.ts';

/** The place where an answer continues, and where the window ends. */
export interface BytePlace {
  readonly at: number;
  readonly end: number;
}

/** Reads from a byte on. Text is not cut within a character; other bytes are returned as they are. */
export async function readBytes(
  source: Source,
  window: ByteWindow,
  bytesMax: number,
  place?: BytePlace,
): Promise<Reading<BytePlace>> {
  const { at, end } = place ?? (await begin(source, window));
  const stop = Math.min(at + bytesMax, end);
  const bytes = await source.range(at, stop + lookAhead);
  const whole = bytes.subarray(0, stop - at);
  const text = bytes.subarray(0, characterEnd(bytes, stop - at));
  const piece = isUtf8(text) ? text : whole;
  const endOffset = at + piece.length;
  return {
    content: piece === text ? { text: text.toString('utf8') } : { data: whole },
    startOffset: at,
    endOffset,
    next: stop < end ? { at: endOffset, end } : undefined,
  };
}

async function begin(source: Source, { offset, limit }: ByteWindow): Promise<BytePlace> {
  const at = await characterStart(source, Math.min(offset, source.size));
  return { at, end: Math.min(limit === undefined ? source.size : at + limit, source.size) };
}

async function characterStart(source: Source, offset: number): Promise<number> {
  const start = Math.max(0, offset - lookAhead);
  const bytes = await source.range(start, offset + lookAhead);
  return start + characterEnd(bytes, offset - start);
}
