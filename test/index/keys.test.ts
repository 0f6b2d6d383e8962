/** Every key family: its columns as `keys.ts` draws them, written a second time here so that a change shows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256FromBytes } from '../../src/domain/digest.ts';
import { artifactId, idToBytes, sessionUid } from '../../src/domain/ids.ts';
import type { Family } from '../../src/index/family.ts';
import { keys } from '../../src/index/keys.ts';

const seed = 20_260_104;
const runs = { seed, numRuns: 100 };

interface Column {
  readonly values: fc.Arbitrary<unknown>;
  /** Bytes in the order of the column. */
  compare(left: unknown, right: unknown): number;
}

const text: Column = {
  values: fc.string({
    unit: fc.oneof(
      fc.constantFrom('\0', '\x01', '\x02', 'a'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 6,
  }),
  compare: (left, right) => Buffer.compare(Buffer.from(left as string), Buffer.from(right as string)),
};
const ascending: Column = {
  values: fc.oneof(fc.maxSafeNat(), fc.nat(3)),
  compare: (left, right) => Math.sign((left as number) - (right as number)),
};
const uuid = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(255)),
);
const byBytes = (left: unknown, right: unknown) =>
  Buffer.compare(idToBytes(left as never), idToBytes(right as never));
const artifact: Column = { values: uuid.map(artifactId), compare: byBytes };
const session: Column = { values: uuid.map(sessionUid), compare: byBytes };
const digest: Column = {
  values: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => sha256FromBytes(Buffer.from(bytes))),
  compare: (left, right) =>
    Buffer.compare(Buffer.from(left as string, 'hex'), Buffer.from(right as string, 'hex')),
};
const down = (column: Column): Column => ({
  values: column.values,
  compare: (left, right) => column.compare(right, left),
});

const expected: Record<string, { code: number; columns: Column[] }> = {
  setting: { code: 0x01, columns: [text] },
  commit: { code: 0x02, columns: [ascending] },
  namespace: { code: 0x03, columns: [text] },
  policy: { code: 0x05, columns: [text] },
  shareLink: { code: 0x72, columns: [text] },
  linksByTarget: { code: 0x73, columns: [text, session, artifact, text] },
  keptSessions: { code: 0x18, columns: [text, text, text, text] },
  cameBack: { code: 0x04, columns: [text, text, text] },
  sessionName: { code: 0x10, columns: [text, text] },
  session: { code: 0x11, columns: [text, session] },
  sessionsByTime: { code: 0x12, columns: [text, down(session)] },
  sessionsByMetadata: { code: 0x13, columns: [text, text, text, down(session)] },
  sessionsByState: { code: 0x17, columns: [text, text, down(session)] },
  sessionsByLabel: { code: 0x14, columns: [text, text, text, down(session)] },
  pendingSeal: { code: 0x15, columns: [text, session] },
  outputs: { code: 0x16, columns: [text, session] },
  artifact: { code: 0x20, columns: [text, artifact] },
  head: { code: 0x21, columns: [text, session, text] },
  version: { code: 0x22, columns: [text, session, text, down(ascending)] },
  feed: { code: 0x23, columns: [text, session, ascending] },
  latestByTime: { code: 0x30, columns: [text, down(artifact)] },
  latestBySession: { code: 0x31, columns: [text, session, down(artifact)] },
  latestByName: { code: 0x32, columns: [text, text, down(artifact)] },
  latestByMetadata: { code: 0x33, columns: [text, text, text, down(artifact)] },
  latestByLabel: { code: 0x34, columns: [text, text, text, down(artifact)] },
  latestByType: { code: 0x35, columns: [text, text, down(artifact)] },
  inputs: { code: 0x40, columns: [text, artifact, artifact] },
  derived: { code: 0x41, columns: [text, artifact, artifact] },
  blob: { code: 0x50, columns: [text, digest] },
  blobBytes: { code: 0x51, columns: [text, digest] },
  blobBytesByTime: { code: 0xf0, columns: [down(ascending), text, digest] },
  blobCrcs: { code: 0x52, columns: [text, digest, ascending] },
  reference: { code: 0x53, columns: [text, digest, text, text] },
  physicalName: { code: 0x54, columns: [text, text] },
  maybeFree: { code: 0x55, columns: [ascending, text, digest] },
  condemned: { code: 0x56, columns: [ascending, text, text] },
  preview: { code: 0x57, columns: [text, digest] },
  quarantine: { code: 0x58, columns: [text, digest] },
  expiry: { code: 0x60, columns: [ascending, text, text, text] },
  requestId: { code: 0x61, columns: [text, text, text] },
  requestIdByDay: { code: 0x63, columns: [ascending, text, text, text] },
  usage: { code: 0x62, columns: [text, ascending] },
  apiKey: { code: 0x70, columns: [text] },
  tokenUse: { code: 0x71, columns: [text, text] },
};

type AnyFamily = Family<unknown[], unknown>;
const all = Object.values(keys).flatMap((group) => Object.values(group)) as unknown as AnyFamily[];

function has(range: { gte: Uint8Array; lt: Uint8Array }, key: Uint8Array): boolean {
  return Buffer.compare(key, range.gte) >= 0 && Buffer.compare(key, range.lt) < 0;
}

test('every family is listed here, and each has a code of its own', () => {
  expect(all.map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort());
  expect(new Set(all.map(({ code }) => code)).size).toBe(all.length);
  for (const { name, code } of all) expect(code).toBe(expected[name]!.code);
});

describe.each(all.map((family): [string, AnyFamily] => [family.name, family]))('%s', (name, family) => {
  const { columns } = expected[name] ?? { columns: [] };
  const parts = fc.tuple(...columns.map(({ values }) => values));
  /** Two rows that share their first columns, up to all of them. */
  const pairs = fc
    .record({ left: parts, other: parts, shared: fc.nat(columns.length) })
    .map(({ left, other, shared }) => ({ left, right: [...left.slice(0, shared), ...other.slice(shared)] }));

  test(`a key is taken apart as it was put together, by its family alone (seed ${seed})`, () => {
    fc.assert(
      fc.property(parts, (row) => {
        const key = family.key(...row);
        expect(family.parse(key)).toEqual(row);
        expect(() => family.parse(key.subarray(0, -1))).toThrow(RangeError);
        expect(() => family.parse(Buffer.concat([key, Buffer.from([0])]))).toThrow(RangeError);
        for (const other of all) if (other !== family) expect(() => other.parse(key)).toThrow(RangeError);
      }),
      runs,
    );
  });

  test(`keys are ordered as their columns are (seed ${seed})`, () => {
    fc.assert(
      fc.property(pairs, ({ left, right }) => {
        const order = columns.reduce((sum, column, at) => sum || column.compare(left[at], right[at]), 0);
        expect(Buffer.compare(family.key(...left), family.key(...right))).toBe(order);
      }),
      runs,
    );
  });

  test(`a range holds the keys of its prefix and no other, of any family (seed ${seed})`, () => {
    fc.assert(
      fc.property(pairs, ({ left, right }) => {
        for (let length = 0; length <= columns.length; length++) {
          const range = family.range(...(left.slice(0, length) as []));
          const same = columns
            .slice(0, length)
            .every((column, at) => column.compare(left[at], right[at]) === 0);
          expect(has(range, family.key(...left))).toBe(true);
          expect(has(range, family.key(...right))).toBe(same);
          for (const other of all) {
            if (other === family) continue;
            const whole = other.range();
            expect(Buffer.compare(range.lt, whole.gte) <= 0 || Buffer.compare(whole.lt, range.gte) <= 0).toBe(
              true,
            );
          }
        }
      }),
      runs,
    );
  });

  test(`put and del name the same row, and its value comes back (seed ${seed})`, () => {
    const values: Record<string, fc.Arbitrary<unknown>> = {
      blobBytes: fc.uint8Array(),
      blobBytesByTime: fc.uint8Array(),
      blobCrcs: fc.uint8Array(),
    };
    const isPresence = family.encode(true).length === 0;
    // Negative zero is the one number that JSON does not keep.
    const json = fc
      .jsonValue({ noUnicodeString: false } as never)
      .map((value) => JSON.parse(JSON.stringify(value)));
    const value = values[name] ?? (isPresence ? fc.constant(true) : json);
    fc.assert(
      fc.property(parts, value, (row, content) => {
        const write = family.put(row, content);
        const key = Buffer.from(family.key(...row));
        expect(key.equals(write.key)).toBe(true);
        expect(key.equals(family.del(...row).key)).toBe(true);
        expect(write.type === 'put' && family.decode(write.value)).toEqual(content);
      }),
      runs,
    );
  });
});
