/**
 * The end of a key of a list: 16 bytes, an inverted id, so that the newest comes first. All lists of one kind of thing
 * share this form. So an entry of one list is looked up in another without splitting it.
 */
import { Buffer } from 'node:buffer';
import { type Listed, suffixBytes } from '../index/listed.ts';
import type { Key, Range } from '../index/row.ts';
import { noSignature } from '../index/signature.ts';

/** 16 bytes. */
export type Suffix = Uint8Array;

const timeBytes = 6;
const timeMax = 2 ** 48 - 1;

/** Returns an entry that no row is. */
export function unsigned(suffix: Suffix): Listed {
  return { suffix, signature: noSignature };
}

/** Returns the id that a suffix is made of, or the suffix of an id: 16 bytes. */
export function inverted(bytes: Uint8Array): Uint8Array {
  const other = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at++) other[at] = ~bytes[at]!;
  return other;
}

/** Returns a number below zero if `a` comes first, which is the newer one; zero if they are the same. */
export function compareSuffixes(a: Suffix, b: Suffix): number {
  return Buffer.compare(a, b);
}

/** Returns the time when the thing that the suffix names was made, in milliseconds since the Unix epoch. */
export function timeOf(suffix: Suffix): number {
  let time = 0;
  for (let at = 0; at < timeBytes; at++) time = time * 256 + (~suffix[at]! & 0xff);
  return time;
}

/** Returns the key of an entry of a list. */
export function keyAt(prefix: Key, suffix: Suffix): Key {
  const key = beginningWith(prefix);
  key.set(suffix, prefix.length);
  return key;
}

/** Returns the key of the record for which an entry stands: it ends with the id that the suffix is made of. */
export function recordKeyAt(prefix: Key, suffix: Suffix): Key {
  const key = beginningWith(prefix);
  for (let at = 0; at < suffixBytes; at++) key[prefix.length + at] = ~suffix[at]!;
  return key;
}

/** A buffer takes part of a larger block of memory, and is asked for its text as it is: a page has a hundred keys. */
function beginningWith(prefix: Key): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + suffixBytes);
  key.set(prefix);
  return key;
}

/** A span of time, both ends inclusive, in whole milliseconds since the Unix epoch. Empty if `from` is after `to`. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

/** All times that a suffix can have. */
export const always: TimeSpan = { from: 0, to: timeMax };

/** The part of every list that a query looks at, and its direction. */
export interface Walk {
  readonly span: TimeSpan;
  readonly oldestFirst: boolean;
  /** Only entries after this one. */
  readonly after: Suffix | undefined;
  /** Returns the approximate number of entries that will be needed from here on. */
  readonly needed: () => number;
}

/** Returns true if the walk is empty. */
export function isNothing({ span }: Walk): boolean {
  return span.from > span.to || span.to < 0 || span.from > timeMax;
}

/** Returns the part of a list that a walk passes. */
export function rangeOf(prefix: Key, { span, oldestFirst, after }: Walk): Range {
  const newest = Buffer.concat([prefix, invertedTime(span.to), Buffer.alloc(10)]);
  // One byte longer than every key of that instant, and so after all of them.
  const oldest = Buffer.concat([prefix, invertedTime(span.from), Buffer.alloc(11, 0xff)]);
  if (after === undefined) return { gte: newest, lt: oldest, reverse: oldestFirst };
  if (oldestFirst) return { gte: newest, lt: keyAt(prefix, after), reverse: true };
  return { gte: Buffer.concat([prefix, after, Buffer.of(0)]), lt: oldest };
}

function invertedTime(time: number): Buffer {
  const bytes = Buffer.alloc(timeBytes);
  bytes.writeUIntBE(timeMax - Math.min(timeMax, Math.max(0, time)), 0, timeBytes);
  return bytes;
}

/** Returns true if a walk passes the suffix. */
export function isPassed(suffix: Suffix, { span, oldestFirst, after }: Walk): boolean {
  const time = timeOf(suffix);
  if (time < span.from || time > span.to) return false;
  if (after === undefined) return true;
  const order = compareSuffixes(suffix, after);
  return oldestFirst ? order < 0 : order > 0;
}
