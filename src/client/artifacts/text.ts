import { Buffer, isUtf8 } from 'node:buffer';

/** Content as text, read as the service reads it. */
export interface Text {
  readonly text: string;
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be';
  /** The number of lines with bytes that are not text. U+FFFD stands for them. */
  readonly malformedLines: number;
}

const lineFeed = 0x0a;

/** Decodes UTF-8, or UTF-16 if a byte order mark says so. The mark is not part of the text. */
export function textFrom(content: Uint8Array): Text {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const mark = bytes.toString('hex', 0, 3);
  if (mark.startsWith('fffe')) return fromUtf16(bytes.subarray(2), 'utf-16le');
  if (mark.startsWith('feff')) return fromUtf16(bytes.subarray(2), 'utf-16be');
  const rest = mark === 'efbbbf' ? bytes.subarray(3) : bytes;
  return { text: rest.toString('utf8'), encoding: 'utf-8', malformedLines: malformedLines(rest) };
}

function fromUtf16(bytes: Buffer, encoding: 'utf-16le' | 'utf-16be'): Text {
  const isOdd = bytes.length % 2 > 0;
  const whole = Buffer.from(bytes.subarray(0, bytes.length - (isOdd ? 1 : 0)));
  // Half a unit at the end is half a character.
  const units = `${(encoding === 'utf-16be' ? whole.swap16() : whole).toString('utf16le')}${isOdd ? '\ud800' : ''}`;
  const malformed = units.isWellFormed() ? [] : units.split('\n').filter((line) => !line.isWellFormed());
  return { text: units.toWellFormed(), encoding, malformedLines: malformed.length };
}

function malformedLines(bytes: Buffer): number {
  if (isUtf8(bytes)) return 0;
  let count = 0;
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(lineFeed, start);
    const end = found < 0 ? bytes.length : found;
    if (!isUtf8(bytes.subarray(start, end))) count++;
    start = end + 1;
  }
  return count;
}
