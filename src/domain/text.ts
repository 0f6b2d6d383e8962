/** True if the string holds half of a surrogate pair: it has no UTF-8. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

/** C0 and C1 controls, DEL, and the line and paragraph separators. */
export const controlPattern = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/** Characters that change the direction of the text around them (Unicode Bidi_Control). */
export const bidiControlPattern = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/**
 * The beginning of a text.
 *
 * @param head the first bytes. @param isWhole false if more bytes follow these: they may then end within a character.
 * @param bytesMax what of it may be given at most; never part of a character.
 * @returns undefined if the bytes are not text: UTF-8 without NUL.
 */
export function beginningOf(head: Uint8Array, isWhole: boolean, bytesMax: number): string | undefined {
  if (head.includes(0)) return undefined;
  const decode = (bytes: Uint8Array, stream: boolean) =>
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream });
  try {
    const text = decode(head, !isWhole);
    return head.length <= bytesMax ? text : decode(head.subarray(0, bytesMax), true);
  } catch {
    return undefined;
  }
}
