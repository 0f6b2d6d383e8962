/** True if the string holds half of a surrogate pair: it has no UTF-8. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

/** C0 and C1 controls, DEL, and the line and paragraph separators. */
export const controlPattern = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;

/** Characters that change the direction of the text around them (Unicode Bidi_Control). */
export const bidiControlPattern = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
