import { Buffer } from 'node:buffer';
import { Failure, type Violation } from './errors.ts';
import { limits } from './limits.ts';
import { hasLoneSurrogate } from './text.ts';

/** A string map as pairs, sorted by key, each key once. Never a plain object: a key may be `__proto__`. */
export type Pairs = readonly (readonly [key: string, value: string])[];

/**
 * Programs in many languages read keys, so keys are plain: letters, digits and `. _ - : / @`, beginning with a letter,
 * a digit or `_`. Three names that reach into JavaScript's prototypes are refused.
 */
const keyPattern = /^[A-Za-z0-9_][A-Za-z0-9._:/@-]*$/;
const hostileKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** Returns the value of a key; undefined if the map lacks it. */
export function valueIn(pairs: Pairs, key: string): string | undefined {
  for (const pair of pairs) if (pair[0] === key) return pair[1];
  return undefined;
}

/**
 * Checks a string map and sorts it.
 *
 * @param field the name of the map in the request, e.g. `start.metadata`; the violations begin with it.
 * @throws Failure INVALID_ARGUMENT with one violation for each bad key or value.
 */
export function parsePairs(field: string, entries: Iterable<readonly [string, string]>): Pairs {
  const pairs = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const violations: Violation[] = [];
  const report = (key: string, description: string) =>
    violations.push({ field: `${field}[${JSON.stringify(key.slice(0, 64))}]`, description });
  let total = 0;
  for (const [key, value] of pairs) {
    const valueBytes = Buffer.byteLength(value);
    total += Buffer.byteLength(key) + valueBytes;
    const keyFault = faultOfKey(key);
    if (keyFault !== undefined) report(key, keyFault);
    else if (valueBytes > limits.metadataValueBytesMax)
      report(key, `value must have at most ${limits.metadataValueBytesMax} bytes, not ${valueBytes}`);
    else if (hasLoneSurrogate(value)) report(key, 'value must be valid Unicode');
    else if (value.includes('\0')) report(key, 'value must not contain a NUL character');
  }
  if (pairs.length > limits.metadataKeysMax)
    violations.push({
      field,
      description: `must have at most ${limits.metadataKeysMax} keys, not ${pairs.length}`,
    });
  if (total > limits.metadataBytesMax)
    violations.push({
      field,
      description: `must have at most ${limits.metadataBytesMax} bytes in all, not ${total}`,
    });
  if (violations.length > 0) {
    const first = violations[0]!;
    throw new Failure('INVALID_ARGUMENT', `${first.field}: ${first.description}`, {
      violations: violations.slice(0, 10),
    });
  }
  return pairs;
}

function faultOfKey(key: string): string | undefined {
  if (key === '') return 'key must not be empty';
  if (key.length > limits.metadataKeyBytesMax)
    return `key must have at most ${limits.metadataKeyBytesMax} characters, not ${key.length}`;
  if (!keyPattern.test(key))
    return 'key must begin with a letter, a digit or "_" and have only letters, digits and . _ - : / @';
  if (hostileKeys.has(key)) return `key must not be one of: ${[...hostileKeys].join(', ')}`;
  return undefined;
}

/** Returns true if both maps have the same pairs. */
export function samePairs(a: Pairs, b: Pairs): boolean {
  return a.length === b.length && a.every(([key, value], at) => key === b[at]![0] && value === b[at]![1]);
}

/** Returns `own` together with the pairs of `base` whose keys it lacks, and the list of these keys. */
export function inheritPairs(own: Pairs, base: Pairs): { pairs: Pairs; inherited: readonly string[] } {
  const keys = new Set(own.map(([key]) => key));
  const added = base.filter(([key]) => !keys.has(key));
  if (added.length === 0) return { pairs: own, inherited: [] };
  const pairs = [...own, ...added].sort(([a], [b]) => (a < b ? -1 : 1));
  return { pairs, inherited: added.map(([key]) => key) };
}
