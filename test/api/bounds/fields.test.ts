import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MintTokenRequestSchema } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import {
  BatchGetArtifactsRequestSchema,
  ListArtifactsRequestSchema,
  UpdateArtifactRequestSchema,
} from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { ReadArtifactRequestSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import { OpenSessionRequestSchema } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { countFields } from '../../../src/api/bounds/fields.ts';
import { limits } from '../../../src/domain/limits.ts';

const { messageFieldsMax: most, messageTextBytesMax: textMost } = limits;
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const repeated = (text: string, count: number) => Buffer.concat(Array<Buffer>(count).fill(hex(text)));
/** A field of bytes that holds others. */
function within(tag: string, bytes: Uint8Array): Buffer {
  const length = [0, 7, 14, 21].map((shift) => ((bytes.length >> shift) & 127) | (shift < 21 ? 128 : 0));
  return Buffer.concat([hex(tag), Buffer.from(length), bytes]);
}

/** Counts the fields that are read, by whoever reads them. */
function countTags(): () => number {
  const { tag } = BinaryReader.prototype;
  let count = 0;
  BinaryReader.prototype.tag = function (this: BinaryReader) {
    count++;
    return tag.call(this);
  };
  onTestFinished(() => {
    BinaryReader.prototype.tag = tag;
  });
  return () => count;
}

/** How each kind is written: what has so many fields for each time that it is repeated. */
const kinds: [string, DescMessage, string, number][] = [
  ['messages', BatchGetArtifactsRequestSchema, '0a 00', 1],
  ['messages with a field', BatchGetArtifactsRequestSchema, '0a 02 0a 00', 2],
  ['messages with another wire type', BatchGetArtifactsRequestSchema, '08 02 08 00', 2],
  ['texts', MintTokenRequestSchema, '1a 00', 1],
  ['numbers', MintTokenRequestSchema, '10 01', 1],
  ['entries', OpenSessionRequestSchema, '12 04 0a 00 12 00', 3],
  ['entries of nothing', OpenSessionRequestSchema, '12 00', 1],
  ['entries with more than they have', OpenSessionRequestSchema, '12 08 18 01 1b 1c 0a 00 12 00', 5],
  ['a field again and again', ListArtifactsRequestSchema, '28 01', 1],
  ['unknown numbers', UploadArtifactRequestSchema, 'f8 07 00', 1],
  ['unknown bytes', UploadArtifactRequestSchema, 'fa 07 00', 1],
  ['unknown fixed numbers', UploadArtifactRequestSchema, 'fd 07 00 00 00 00', 1],
  ['groups', UploadArtifactRequestSchema, 'fb 07 fc 07', 1],
  ['groups with a field', UploadArtifactRequestSchema, 'fb 07 08 00 fc 07', 2],
  ['masks', UpdateArtifactRequestSchema, '1a 02 0a 00', 2],
];

describe.each(kinds)('%s', (_name, desc, text, fields) => {
  it('are counted, and refused when they are too many', () => {
    const count = Math.floor(most / fields);
    const bytes = repeated(text, count);
    expect(countFields(desc, bytes)).toBe(count * fields);
    expect(() => fromBinary(desc, bytes)).not.toThrow();
    const tags = countTags();
    expect(() => countFields(desc, repeated(text, 100_000))).toThrow(
      `request: must have at most ${most} fields and elements, nested at most 100 deep`,
    );
    expect(tags()).toBeLessThan(2 * most + 2);
  });
});

it('counts packed elements', () => {
  const packed = (count: number) => within('12', Buffer.alloc(count, 1));
  expect(countFields(MintTokenRequestSchema, packed(most - 1))).toBe(most);
  expect(() => countFields(MintTokenRequestSchema, packed(most))).toThrow(/at most 4096/);
});

it('counts no bytes: the largest content is one field', () => {
  const bytes = within('12', Buffer.alloc(limits.messageBytesMax - 5, 0x0a));
  expect(countFields(UploadArtifactRequestSchema, bytes)).toBe(1);
});

it('bounds texts, at any depth', () => {
  const text = (bytes: number) => within('0a', within('0a', Buffer.alloc(bytes, 'x')));
  expect(countFields(BatchGetArtifactsRequestSchema, text(textMost))).toBe(2);
  expect(() => countFields(BatchGetArtifactsRequestSchema, text(textMost + 1))).toThrow(
    `request: must have no text of more than ${textMost} bytes`,
  );
});

it('bounds groups within each other', () => {
  const groups = (depth: number) => Buffer.concat([repeated('fb 07', depth), repeated('fc 07', depth)]);
  expect(countFields(UploadArtifactRequestSchema, groups(99))).toBe(99);
  expect(() => countFields(UploadArtifactRequestSchema, groups(101))).toThrow(/nested at most 100 deep/);
});

it('leaves what is no message to the decoder', () => {
  for (const text of ['0a', '0a 05 00', 'ff ff ff ff ff ff', '0f', '0c', 'fb 07', '0a 02 0a 05', ''])
    expect(countFields(BatchGetArtifactsRequestSchema, hex(text))).toBeLessThan(5);
});

/** Requests with as much as the limits allow. */
const largest: [string, DescMessage, MessageInitShape<DescMessage>][] = [
  [
    'columns of a CSV',
    ReadArtifactRequestSchema,
    {
      artifact: { by: { case: 'id', value: 'x' } },
      window: { case: 'csv', value: { columns: Array<string>(limits.csvColumnsMax).fill('c') } },
    } as MessageInitShape<typeof ReadArtifactRequestSchema>,
  ],
  [
    'outputs, metadata and labels of a session',
    OpenSessionRequestSchema,
    {
      expectedOutputs: Array<string>(limits.expectedOutputsMax).fill('o'),
      metadata: Object.fromEntries(
        Array.from({ length: limits.metadataKeysMax }, (_, at) => [`k${at}`, 'v']),
      ),
      labels: Object.fromEntries(Array.from({ length: limits.metadataKeysMax }, (_, at) => [`k${at}`, 'v'])),
    } as MessageInitShape<typeof OpenSessionRequestSchema>,
  ],
];

it.each(largest)('has room for %s', (_name, desc, init) => {
  expect(countFields(desc, toBinary(desc, create(desc, init)))).toBeLessThan(most / 3);
});

it('reads what the decoder reads, of any bytes', () => {
  const tags = countTags();
  const byte = fc.oneof(
    {
      arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 8, 0x0a, 0x0b, 0x0c, 0x10, 0x12, 0x1a, 0x22, 0x28, 0x80),
      weight: 5,
    },
    { arbitrary: fc.integer({ min: 0, max: 255 }), weight: 1 },
  );
  const descs = [...new Set(kinds.map(([, desc]) => desc))].filter((desc) => desc !== MintTokenRequestSchema);
  fc.assert(
    fc.property(fc.constantFrom(...descs), fc.array(byte, { maxLength: 60 }), (desc, bytes) => {
      const message = Uint8Array.from(bytes);
      const before = tags();
      try {
        fromBinary(desc, message);
      } catch {
        return;
      }
      const read = tags() - before;
      countFields(desc, message);
      // The ends of groups are read, too.
      expect(tags() - before).toBe(2 * read);
    }),
    { numRuns: 20_000, seed: 13 },
  );
});
