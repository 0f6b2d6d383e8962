/**
 * A key family: the byte that names it, a fixed list of columns, and the encoding of its values. Encoding and decoding
 * come from the same list, so they cannot drift apart.
 */
import { Buffer } from 'node:buffer';
import { type Sha256, sha256FromBytes } from '../domain/digest.ts';
import { type ArtifactId, artifactId, type SessionUid, sessionUid } from '../domain/ids.ts';
import type { Key, Range, Value, Write } from './row.ts';
import { afterPrefix, TupleReader, TupleWriter } from './tuple.ts';

/** One element of a key. */
interface Column<T> {
  write(writer: TupleWriter, value: T): void;
  read(reader: TupleReader): T;
}

/** A string; its order is that of its UTF-8. */
export const text: Column<string> = { write: (w, v) => w.string(v), read: (r) => r.string() };
/** A whole number from 0 to 2^53 - 1; the smallest first. */
export const ascending: Column<number> = { write: (w, v) => w.number(v), read: (r) => r.number() };
/** The same numbers; the largest first. */
export const descending: Column<number> = {
  write: (w, v) => w.numberDescending(v),
  read: (r) => r.numberDescending(),
};
/** An artifact id; oldest first. */
export const artifact: Column<ArtifactId> = { write: (w, v) => w.id(v), read: (r) => r.id(artifactId) };
/** An artifact id; newest first. */
export const artifactDescending: Column<ArtifactId> = {
  write: (w, v) => w.idDescending(v),
  read: (r) => r.idDescending(artifactId),
};
/** A session uid; oldest first. */
export const session: Column<SessionUid> = { write: (w, v) => w.id(v), read: (r) => r.id(sessionUid) };
/** A session uid; newest first. */
export const sessionDescending: Column<SessionUid> = {
  write: (w, v) => w.idDescending(v),
  read: (r) => r.idDescending(sessionUid),
};
/** A SHA-256, in 32 bytes. */
export const digest: Column<Sha256> = {
  write: (w, v) => w.digest(v),
  read: (r) => r.digest(sha256FromBytes),
};

/** Every key is assembled by it, and none while another is. */
const writer = new TupleWriter();

/** The encoding of the values of a family. */
interface ValueCodec<V> {
  encode(value: V): Value;
  decode(bytes: Value): V;
}

/** What some values were decoded to. A value is here from {@link keepDecoded} on. */
const kept = new WeakMap<Value, { decoded?: unknown }>();

/** From now on, this value is decoded once; all who read it share what it was decoded to, which is frozen. */
export function keepDecoded(value: Value): void {
  if (!kept.has(value)) kept.set(value, {});
}

function deepFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) deepFrozen(part);
  return Object.freeze(value);
}

function parse(bytes: Value): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
}

/**
 * Returns a codec for JSON text. Records have maps as lists of pairs, so that none of their keys is ever a property
 * name.
 */
export function json<V>(): ValueCodec<V> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => {
      const memory = kept.get(bytes);
      if (memory === undefined) return parse(bytes) as V;
      memory.decoded ??= deepFrozen(parse(bytes));
      return memory.decoded as V;
    },
  };
}

/** The bytes themselves. */
export const raw: ValueCodec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes };

const nothing = new Uint8Array(0);
/** The value of a row whose existence is its only information. */
export const present: ValueCodec<true> = { encode: () => nothing, decode: () => true };

type PrefixOf<P extends readonly unknown[]> = P extends readonly [...infer Head, unknown]
  ? P | PrefixOf<Head>
  : [];

/**
 * Who owns the rows of a family: the namespace in the column with this number, the store as a whole, or the namespace
 * that the value of a row names as `ns`.
 */
type FamilyOwner = number | 'store' | 'value';

/** The encoding of the keys and values of one family. */
export interface Family<P extends readonly unknown[], V> extends ValueCodec<V> {
  readonly name: string;
  readonly code: number;
  readonly owner: FamilyOwner;
  key(...parts: P): Key;
  /** Takes a key of this family apart. Throws a RangeError on any other bytes. */
  parse(key: Key): P;
  /** Returns the range of every key that begins with these columns. */
  range(...prefix: PrefixOf<P>): { gte: Key; lt: Key };
  put(parts: P, value: V): Write;
  del(...parts: P): Write;
}

function isSame(parts: readonly unknown[], others: readonly unknown[]): boolean {
  if (parts.length !== others.length) return false;
  for (let at = parts.length - 1; at >= 0; at--) if (parts[at] !== others[at]) return false;
  return true;
}

/**
 * Declares a family. @param code the first byte of its keys, which no other family has. @param columns the columns that
 * follow, in order. @param owner who owns its rows. Default: the namespace in the first column.
 */
export function family<const P extends readonly unknown[], V>(
  name: string,
  code: number,
  columns: { readonly [I in keyof P]: Column<P[I]> },
  codec: ValueCodec<V>,
  owner: FamilyOwner = 0,
): Family<P, V> {
  const all = columns as unknown as readonly Column<unknown>[];
  // Code that reads a row asks for its key, reads it and often writes it, one right after the other.
  let lastParts: readonly unknown[] = [];
  let lastKey: Key | undefined;
  const write = (parts: readonly unknown[]): Key => {
    if (lastKey !== undefined && isSame(parts, lastParts)) return lastKey;
    writer.begin().byte(code);
    for (let at = 0; at < parts.length; at++) all[at]!.write(writer, parts[at]);
    lastKey = writer.done();
    lastParts = parts;
    return lastKey;
  };
  return {
    name,
    code,
    owner,
    ...codec,
    key: (...parts) => write(parts),
    parse: (key) => {
      const reader = new TupleReader(key);
      if (reader.byte() !== code) throw new RangeError(`not a key of the family ${name}`);
      const parts = all.map((column) => column.read(reader));
      reader.end();
      return parts as unknown as P;
    },
    range: (...prefix) => {
      const gte = write(prefix);
      return { gte, lt: afterPrefix(gte) };
    },
    put: (parts, value) => ({ type: 'put', key: write(parts), value: codec.encode(value) }),
    del: (...parts) => ({ type: 'del', key: write(parts) }),
  };
}

/**
 * Returns the part of `range` after `last` in the direction of the scan: a page continues there after the page before.
 */
export function rangeAfter(range: Range, last: Key): Range {
  if (range.reverse) return { ...range, lt: last };
  return { ...range, gte: Buffer.concat([last, Buffer.from([0])]) };
}
