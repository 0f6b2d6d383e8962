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
  const starts = (...mark: number[]) => mark.every((byte, at) => content[at] === byte);
  if (starts(0xff, 0xfe)) return fromUtf16(content.subarray(2), 'utf-16le');
  if (starts(0xfe, 0xff)) return fromUtf16(content.subarray(2), 'utf-16be');
  const rest = starts(0xef, 0xbb, 0xbf) ? content.subarray(3) : content;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(rest);
  return { text, encoding: 'utf-8', malformedLines: malformedLines(rest) };
}

function fromUtf16(bytes: Uint8Array, encoding: 'utf-16le' | 'utf-16be'): Text {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let at = 0; at + 1 < bytes.byteLength; ) {
    const units: number[] = [];
    for (; units.length < 8_192 && at + 1 < bytes.byteLength; at += 2)
      units.push(view.getUint16(at, encoding === 'utf-16le'));
    parts.push(String.fromCharCode(...units));
  }
  // Half a unit at the end is half a character.
  if (bytes.byteLength % 2 > 0) parts.push('\ud800');
  const units = parts.join('');
  const malformed = units.isWellFormed() ? [] : units.split('\n').filter((line) => !line.isWellFormed());
  return { text: units.toWellFormed(), encoding, malformedLines: malformed.length };
}

function malformedLines(bytes: Uint8Array): number {
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

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
