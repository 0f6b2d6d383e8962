const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Returns `0 B`, `1.5 KiB`, `12 MiB`: three digits at most. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  // 1,023.9 rounds to 1024 of a unit; the next unit is clearer.
  if (Math.round(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Returns `2026-01-31 23:59:59Z`, or `-` for none. */
export function humanTime(time: Date | undefined): string {
  return time === undefined ? '-' : `${time.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** Returns `14 s`, `3 min`, `2 h 5 min`, `3 d`: a span of time, rounded up. */
export function humanDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.ceil(minutes / (24 * 60))} d`;
}

/** Returns one line of plain text: characters that could steer a terminal, or hide text in it, are written out. */
export function plain(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  );
}

/**
 * Returns the columns of a terminal that a text takes: East Asian characters and emoji take two, combining marks none.
 */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) continue;
    const wide =
      /[\p{sc=Han}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{Emoji_Presentation}\uff01-\uff60]/u;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}
