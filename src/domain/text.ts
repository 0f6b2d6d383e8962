/** Returns true if the string has half of a surrogate pair; such a string has no UTF-8. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

/** C0 and C1 controls, DEL, and the line and paragraph separators. */
export const controlPattern = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/** Characters that change the direction of the text around them (Unicode Bidi_Control). */
export const bidiControlPattern = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** If more than this part of the characters stands for bytes that are not text, the whole does not count as text. */
const malformedPartMax = 1 / 8;

/**
 * Returns the beginning of a text, for lists. Text is UTF-8, or UTF-16 if it begins with its byte order mark, which is
 * left out. U+FFFD stands for bytes that are not text.
 *
 * @param head the first bytes. @param isWhole false if more bytes follow these: they may then end within a character.
 * @param bytesMax the most bytes to return, in UTF-8; never part of a character.
 * @returns undefined if the bytes are not text: they have a NUL, or hardly any characters.
 */
export function beginningOf(head: Uint8Array, isWhole: boolean, bytesMax: number): string | undefined {
  const [first, second] = head;
  const name =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  const text = new TextDecoder(name).decode(head, { stream: !isWhole });
  const malformed = text.split('\ufffd').length - 1;
  if (text.includes('\0') || malformed > text.length * malformedPartMax) return undefined;
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytesMax)).read);
}
