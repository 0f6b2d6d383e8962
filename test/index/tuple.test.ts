import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sha256 } from '../../src/domain/digest.ts';
import { type ArtifactId, artifactId, idToBytes } from '../../src/domain/ids.ts';
import { afterPrefix, TupleReader, TupleWriter } from '../../src/index/tuple.ts';

const seed = 20_260_103;
const runs = { seed, numRuns: 1_000 };

/** Strings in which the bytes that the encoding treats specially are common. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\0', '\x01', '\x02', 'a', '\x7f', '\xff', '€', '\u{10ffff}'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 8,
});
const number = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(3),
  fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const id = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(255)),
);

type Element = string | number | Uint8Array;

interface Kind {
  readonly values: fc.Arbitrary<Element>;
  write(writer: TupleWriter, value: Element): void;
  read(reader: TupleReader): Element;
  compare(left: Element, right: Element): number;
}

const bytesOf = (value: Element) => (typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array));
const bytewise = (left: Element, right: Element) => Buffer.compare(bytesOf(left), bytesOf(right));
const numerically = (left: Element, right: Element) => Math.sign((left as number) - (right as number));

const kinds: Record<string, Kind> = {
  string: {
    values: text,
    write: (writer, value) => writer.string(value as string),
    read: (reader) => reader.string(),
    compare: bytewise,
  },
  number: {
    values: number,
    write: (writer, value) => writer.number(value as number),
    read: (reader) => reader.number(),
    compare: numerically,
  },
  numberDescending: {
    values: number,
    write: (writer, value) => writer.numberDescending(value as number),
    read: (reader) => reader.numberDescending(),
    compare: (left, right) => numerically(right, left),
  },
  id: {
    values: id,
    write: (writer, value) => writer.id(artifactId(value as Uint8Array)),
    read: (reader) => idToBytes(reader.id(artifactId)),
    compare: bytewise,
  },
  idDescending: {
    values: id,
    write: (writer, value) => writer.idDescending(artifactId(value as Uint8Array)),
    read: (reader) => idToBytes(reader.idDescending(artifactId)),
    compare: (left, right) => bytewise(right, left),
  },
  digest: {
    values: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    write: (writer, value) => writer.digest(Buffer.from(value as Uint8Array).toString('hex') as Sha256),
    read: (reader) => reader.digest((bytes, from) => Uint8Array.from(bytes.subarray(from, from + 32))),
    compare: bytewise,
  },
};

/** The elements' kinds and several tuples of them. Neighbours share beginnings, so that comparisons go deep. */
const tuples = fc
  .array(fc.constantFrom(...Object.values(kinds)), { minLength: 1, maxLength: 4 })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      left: fc.tuple(...shape.map((kind) => kind.values)),
      right: fc.tuple(...shape.map((kind) => kind.values)),
      shared: fc.nat(shape.length),
    }),
  );

function encode(shape: readonly Kind[], tuple: readonly Element[]): Uint8Array {
  // A capacity of one byte makes every element grow the buffer.
  const writer = new TupleWriter(1);
  for (const [at, value] of tuple.entries()) shape[at]!.write(writer, value);
  return writer.done();
}

test(`a tuple is read as it was written (seed ${seed})`, () => {
  fc.assert(
    fc.property(tuples, ({ shape, left }) => {
      const reader = new TupleReader(encode(shape, left));
      const found = shape.map((kind) => kind.read(reader));
      reader.end();
      expect(found.map((each) => (typeof each === 'object' ? [...each] : each))).toEqual(
        left.map((each) => (typeof each === 'object' ? [...each] : each)),
      );
    }),
    runs,
  );
});

test(`the order of the bytes is the order of the tuples (seed ${seed})`, () => {
  fc.assert(
    fc.property(tuples, ({ shape, left, right, shared }) => {
      const other = [...left.slice(0, shared), ...right.slice(shared)];
      const expected = shape.reduce((order, kind, at) => order || kind.compare(left[at]!, other[at]!), 0);
      expect(Buffer.compare(encode(shape, left), encode(shape, other))).toBe(expected);
    }),
    runs,
  );
});

test(`no tuple's bytes begin with those of another, nor a longer tuple's unless it begins with its elements (seed ${seed})`, () => {
  fc.assert(
    fc.property(tuples, ({ shape, left, right, shared }) => {
      const prefix = left.slice(0, shared);
      const begins = Buffer.from(encode(shape, right)).subarray(0, encode(shape, prefix).length);
      const same = prefix.every((value, at) => shape[at]!.compare(value, right[at]!) === 0);
      expect(begins.equals(encode(shape, prefix))).toBe(same);
    }),
    runs,
  );
});

test(`the end of a prefix is above all that begins with it and below all else that is above it (seed ${seed})`, () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });
  const nearTop = fc
    .array(fc.constantFrom(0, 1, 254, 255), { minLength: 1, maxLength: 4 })
    .map((values) => Uint8Array.from(values));
  const prefixes = fc.oneof(bytes, nearTop).filter((prefix) => prefix.some((each) => each < 255));
  fc.assert(
    fc.property(prefixes, fc.oneof(bytes, nearTop), fc.boolean(), (prefix, rest, append) => {
      const candidate = append ? Buffer.concat([prefix, rest]) : Buffer.from(rest);
      const inRange =
        Buffer.compare(candidate, prefix) >= 0 && Buffer.compare(candidate, afterPrefix(prefix)) < 0;
      expect(inRange).toBe(candidate.subarray(0, prefix.length).equals(prefix));
    }),
    runs,
  );
  expect(() => afterPrefix(Uint8Array.of(255, 255))).toThrow(RangeError);
});

test('what is no key is refused', () => {
  expect(() => new TupleReader(Uint8Array.of(97, 98)).string()).toThrow(RangeError);
  expect(() => new TupleReader(new Uint8Array(7)).number()).toThrow(RangeError);
  expect(() => new TupleReader(new Uint8Array(15)).id(artifactId)).toThrow(RangeError);
  const reader = new TupleReader(Uint8Array.of(97, 0, 98));
  expect(reader.string()).toBe('a');
  expect(() => reader.end()).toThrow(RangeError);
  for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
    expect(() => new TupleWriter().number(bad)).toThrow(RangeError);
  }
  expect(() => new TupleWriter().id('art_0' as ArtifactId)).toThrow(RangeError);
});
