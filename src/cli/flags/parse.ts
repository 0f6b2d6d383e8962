import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import { parseSize, parseSpan } from '../../domain/quantities.ts';
import { UsageError } from '../exit.ts';

/** The allowed times, as they are typed. */
interface TimeRange {
  /** Default: anything but zero. */
  readonly min?: string;
  /** Default: about 7,000 years, beyond which the service knows no time. */
  readonly max?: string;
}

/** Parses `90s`, `1.5h`, `7d`, `2w` into milliseconds. */
export function parseTime(flag: string, text: string, { min, max = '2556750d' }: TimeRange = {}): number {
  const ms = parseSpan(text);
  const isNothing = ms === 0 && parseSpan(min ?? '') !== 0;
  if (ms === undefined || isNothing)
    throw new UsageError(`${flag} takes a number and a unit (s, m, h, d, w), e.g. 7d; got "${text}"`);
  if (ms > parseSpan(max)!) throw new UsageError(`${flag} takes at most ${max}; got "${text}"`);
  if (min !== undefined && ms < parseSpan(min)!)
    throw new UsageError(`${flag} takes at least ${min}; got "${text}"`);
  return ms;
}

/** Parses `key=value` pairs into an object; the value follows the first `=`, and may be empty. */
export function parsePairs(flag: string, texts: readonly string[]): Record<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} takes KEY=VALUE; got "${text}"`);
    const key = text.slice(0, at);
    if (pairs.has(key)) throw new UsageError(`${flag} has the key "${key}" twice`);
    pairs.set(key, text.slice(at + 1));
  }
  return Object.fromEntries(pairs);
}

/** Parses a whole number, `min` or more, and `max` at most. */
export function parseCount(flag: string, text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER && value < max ? `from ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`${flag} takes a whole number ${range}; got "${text}"`);
  }
  return value;
}

/** Parses `4096`, `100MiB`, `1.5GB` into bytes; `min` or more, and `max` at most. Zero only if `min` is 0. */
export function parseBytes(flag: string, text: string, min = 1, max = Number.MAX_SAFE_INTEGER): number {
  const bytes = parseSize(text);
  if (bytes === undefined || (bytes < 1 && min > 0))
    throw new UsageError(`${flag} takes a number of bytes, e.g. 4096 or 100MiB; got "${text}"`);
  if (bytes < min) throw new UsageError(`${flag} takes at least ${min} bytes; got "${text}"`);
  if (bytes > max) throw new UsageError(`${flag} takes at most ${max} bytes; got "${text}"`);
  return bytes;
}

/** Returns true for a text with the form of an artifact's id. */
export function isArtifactId(text: string): boolean {
  return /^art_[0-9a-z]{26}$/.test(text);
}

/** Parses `art_…`, or `SESSION/NAME`: session ids have no `/`, so the name begins after the first one. */
export function parseRef(text: string, version: number | undefined): ArtifactRef {
  if (isArtifactId(text)) {
    if (version !== undefined)
      throw new UsageError('--version needs SESSION/NAME; an id already names one version');
    return { id: text };
  }
  const at = text.indexOf('/');
  if (at < 1 || at === text.length - 1)
    throw new UsageError(`an artifact is named by its id (art_…) or as SESSION/NAME; got "${text}"`);
  return { session: text.slice(0, at), name: text.slice(at + 1), version };
}
