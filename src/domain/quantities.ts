/** Times and sizes as people type them: the one reader for flags, settings, queries and parameters of a PUT. */

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A number without a sign or an exponent. */
const number = '[0-9]+(?:\\.[0-9]+)?';
const spanPattern = new RegExp(`^(${number})([smhdw])$`);
const sizePattern = new RegExp(`^(${number})(?:([KMGTP])(i?)B|B)?$`);

/**
 * Parses `90s`, `1.5h`, `7d`, `2w`. Returns whole milliseconds, which may be 0 or beyond any limit; undefined for any
 * other text.
 */
export function parseSpan(text: string): number | undefined {
  const [, count, unit] = spanPattern.exec(text) ?? [];
  return count === undefined ? undefined : Math.round(Number(count) * unitMs[unit!]!);
}

/**
 * Parses `4096`, `100MiB`, `1.5GB`, `10B`. Returns whole bytes, which may be 0 or beyond any limit; undefined for any
 * other text.
 */
export function parseSize(text: string): number | undefined {
  const [, count, unit, isBinary] = sizePattern.exec(text) ?? [];
  if (count === undefined) return undefined;
  const power = unit === undefined ? 0 : 'KMGTP'.indexOf(unit) + 1;
  return Math.floor(Number(count) * (isBinary === 'i' ? 1024 : 1000) ** power);
}
