import type { ArtifactRef } from '../../client/artifacts/artifact.ts';
import { UsageError } from '../exit.ts';

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** 10,000 years: what a message can hold. */
const ttlMsMax = 3_652_500 * 86_400_000;

/** `90s`, `30m`, `12h`, `7d`, `2w` in milliseconds. */
export function parseTtl(text: string, flag = '--ttl'): number {
  const found = /^([0-9]+(?:\.[0-9]+)?)([smhdw])$/.exec(text);
  const ms = Math.round(Number(found?.[1]) * (unitMs[found?.[2] ?? ''] ?? Number.NaN));
  if (Number.isNaN(ms) || ms <= 0)
    throw new UsageError(`${flag} takes a number and a unit (s, m, h, d, w), e.g. 7d; got "${text}"`);
  if (ms > ttlMsMax) throw new UsageError(`${flag} takes at most ${ttlMsMax / unitMs.d!}d; got "${text}"`);
  return ms;
}

/** `key=value` pairs as an object; the value is what follows the first `=`, and may be empty. */
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

/** A whole number, `min` or more, and `max` at most. */
export function parseCount(flag: string, text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER && value < max ? `from ${min}` : `from ${min} to ${max}`;
    throw new UsageError(`${flag} takes a whole number ${range}; got "${text}"`);
  }
  return value;
}

/** `4096`, `100MiB`, `10GiB`, `5GB` in bytes; `max` at most. */
export function parseBytes(flag: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const found = /^([0-9]+(?:\.[0-9]+)?)(?:([KMGTP])(i?)B|B)?$/.exec(text);
  const step = found?.[3] === 'i' ? 1024 : 1000;
  const power = found?.[2] === undefined ? 0 : 'KMGTP'.indexOf(found[2]) + 1;
  const bytes = Math.floor(Number(found?.[1]) * step ** power);
  if (Number.isNaN(bytes) || bytes < 1)
    throw new UsageError(`${flag} takes a number of bytes, e.g. 4096 or 100MiB; got "${text}"`);
  if (bytes > max) throw new UsageError(`${flag} takes at most ${max} bytes; got "${text}"`);
  return bytes;
}

/** True for what looks like an artifact's id. */
export function isArtifactId(text: string): boolean {
  return /^art_[0-9a-z]{26}$/.test(text);
}

/** `art_…`, or `SESSION/NAME`: session ids hold no `/`, so that the first one is where the name begins. */
export function parseRef(text: string, version: number | undefined): ArtifactRef {
  if (isArtifactId(text)) {
    if (version !== undefined)
      throw new UsageError('--version goes with SESSION/NAME; an id already names one version');
    return { id: text };
  }
  const at = text.indexOf('/');
  if (at < 1 || at === text.length - 1)
    throw new UsageError(`an artifact is named by its id (art_…) or as SESSION/NAME; got "${text}"`);
  return { session: text.slice(0, at), name: text.slice(at + 1), version };
}
