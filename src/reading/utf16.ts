import { Buffer } from 'node:buffer';
import type { Encoding } from './encoding.ts';

/**
 * A byte that never occurs in UTF-8. It stands for what is read as U+FFFD, so that it still differs from a real one.
 */
const malformed = Buffer.of(0xff);

/** Returns a piece of UTF-16 as UTF-8, with a byte that is not UTF-8 for each half of a character. */
export function utf16AsUtf8(encoding: Encoding, bytes: Buffer): Buffer {
  if (!encoding.isMalformed(bytes)) return encoding.utf8(bytes);
  const parts = encoding.units(bytes).split(/\p{Surrogate}/u);
  return Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [] : [malformed]).concat(Buffer.from(part))));
}

/** Returns how many units of UTF-16 became these bytes, which {@link utf16AsUtf8} made. */
export function unitsOf(bytes: Uint8Array): number {
  let units = 0;
  for (const byte of bytes) {
    if ((byte & 0xc0) !== 0x80) units++;
    // Four bytes are two units, everything else is one.
    if (byte >= 0xf0 && byte !== 0xff) units++;
  }
  return units;
}
