/** Numbers, sizes and times, as people read them. */
import type { Duration, Timestamp } from '@bufbuild/protobuf/wkt';

/** A number with thin separators between its thousands. */
export function count(value: number | bigint): string {
  return value.toString().replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A number with its noun, which gets an `s` unless the number is 1. */
export function counted(value: number | bigint, noun: string): string {
  return `${count(value)} ${noun}${Number(value) === 1 ? '' : 's'}`;
}

const sizeUnits = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size as the command line shows it: `14 B`, `1.5 MiB`. */
export function size(bytes: number | bigint): string {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  let unit = -1;
  while (value >= 1023.95 && unit < sizeUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${sizeUnits[unit]}`;
}

/** Milliseconds since the Unix epoch. Undefined: no time was given. */
export function millis(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1_000 + Math.floor(time.nanos / 1e6);
}

/** The length of a duration in milliseconds. */
export function durationMillis(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
}

const spans: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** A span of time by its largest unit: `3 d`, `25 min`, `12 s`. */
export function span(ms: number): string {
  for (const [length, unit] of spans) if (ms >= length) return `${Math.floor(ms / length)} ${unit}`;
  return '0 s';
}

/** How far a time is from now: `5 min ago`, `in 3 d`. */
export function fromNow(time: number, now: number): string {
  const ms = time - now;
  if (Math.abs(ms) < 1_000) return 'now';
  return ms < 0 ? `${span(-ms)} ago` : `in ${span(ms)}`;
}

/** A time in UTC, to the second: `2026-11-23 00:20:44Z`. */
export function utc(time: number): string {
  return isShowable(time) ? `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')}Z` : 'unknown';
}

/** A time in the zone of the reader, to the second. */
export function local(time: number): string {
  if (!isShowable(time)) return 'unknown';
  const at = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function isShowable(time: number): boolean {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15;
}

/** Reads a time to live as the command line does: `90s`, `7d`. Undefined: it is not one. In seconds. */
export function readTtl(text: string): bigint | undefined {
  const [, amount, unit] = /^(\d{1,9})\s*(s|m|min|h|d|w)$/.exec(text.trim()) ?? [];
  if (amount === undefined || Number(amount) === 0) return undefined;
  const seconds = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400, w: 604_800 }[unit as 's'];
  return BigInt(amount) * BigInt(seconds);
}

/** A word for a shell, quoted if it has to be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The beginning of a digest, which is enough for people to tell two apart. */
export function shortDigest(sha256: string): string {
  return sha256.slice(0, 12);
}
