/** Artifacts without a message in between are the bytes that the library makes of the messages. */
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArtifactSchema } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ListArtifactsResponseSchema } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import {
  CreateArtifactResponseSchema,
  ReceiptSchema,
  UploadArtifactResponseSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { artifactBytes, committedBytes } from '../../../src/api/encoding/artifact-bytes.ts';
import { withBytes, withFirstField } from '../../../src/api/encoding/first-field.ts';
import { toArtifactMessage, toReceiptMessage } from '../../../src/api/messages.ts';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { encoderOf } from '../../../src/server/grpc/codec.ts';

const { artifacts: listed } = ListArtifactsResponseSchema.field;

/** Of all lengths at which the length of a length changes, and of all kinds of characters. */
const texts = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.integer({ min: 120, max: 135 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 40, max: 46 }).map((length) => '日'.repeat(length)),
  fc.integer({ min: 16_370, max: 16_390 }).map((length) => 'é'.repeat(length / 2)),
);
/** Also names that objects know or order. */
const keys = fc.oneof(
  texts,
  fc.constantFrom('0', '7', '42', '007', '4294967295', '1e3', '__proto__', 'toString', ''),
);
const maps = fc
  .uniqueArray(fc.tuple(keys, texts), { selector: ([key]) => key, maxLength: 6 })
  .map((pairs) => pairs as Artifact['metadata']);
const numbers = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());
const times = fc.oneof(fc.constantFrom(0, 999, 1_000), fc.nat({ max: 253_402_300_799_999 }));

const artifacts = fc.record(
  {
    id: texts,
    session: texts,
    name: texts,
    version: numbers,
    sha256: texts,
    sizeBytes: numbers,
    contentType: texts,
    metadata: maps,
    inherited: fc.array(texts, { maxLength: 3 }),
    labels: maps,
    inputs: fc.array(texts, { maxLength: 3 }),
    createTime: times,
    expireTime: times,
    expirySource: fc.constantFrom('none', 'artifact', 'session'),
    hold: fc.boolean(),
    sequence: numbers,
    latest: fc.boolean(),
    etag: texts,
  },
  {
    requiredKeys: [
      'id',
      'session',
      'name',
      'version',
      'sha256',
      'sizeBytes',
      'contentType',
      'metadata',
      'inherited',
      'labels',
      'inputs',
      'createTime',
      'expirySource',
      'hold',
      'sequence',
      'latest',
      'etag',
    ],
  },
) as fc.Arbitrary<unknown> as fc.Arbitrary<Artifact>;

function usual(all: readonly Artifact[]): Buffer {
  const message = create(ListArtifactsResponseSchema, { artifacts: all.map(toArtifactMessage) });
  return Buffer.from(toBinary(ListArtifactsResponseSchema, message));
}

describe('the bytes of artifacts', () => {
  it('are those that the library makes of their messages', () => {
    fc.assert(
      fc.property(fc.array(artifacts, { maxLength: 4 }), (all) => {
        expect(artifactBytes(listed, all).equals(usual(all))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('are the same when they are those of before, and when some are', () => {
    fc.assert(
      fc.property(fc.array(artifacts, { maxLength: 4 }), artifacts, (all, other) => {
        const kept = all.map((one) => Object.freeze(one));
        const mixed = [other, ...kept, other];
        for (const asked of [kept, kept, mixed])
          expect(artifactBytes(listed, asked).equals(usual(asked))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('have every field', () => {
    const whole: Artifact = {
      ...fc.sample(artifacts, { numRuns: 1, seed: 1 })[0]!,
      ...{ id: 'a', session: 'a', name: 'a', version: 1, sha256: 'a', sizeBytes: 1, contentType: 'a' },
      ...{ metadata: [['a', '']], inherited: ['a'], labels: [['', 'a']], inputs: [''], createTime: 1 },
      ...{ expireTime: 1, expirySource: 'artifact', hold: true, sequence: 1, latest: true, etag: 'a' },
    } as unknown as Artifact;
    const message = toArtifactMessage(whole);
    const unset = ArtifactSchema.fields.filter(({ localName }) => {
      const value = message[localName as keyof typeof message];
      return !value || (typeof value === 'object' && Object.keys(value).length === 0);
    });
    expect(unset).toEqual([]);
    expect(artifactBytes(listed, [whole]).equals(usual([whole]))).toBe(true);
  });

  it('are complete after some that could not be written', () => {
    const [one] = fc.sample(artifacts, { numRuns: 1, seed: 2 }) as [Artifact];
    expect(() => artifactBytes(listed, [one, { ...one, version: -1 }])).toThrow(RangeError);
    expect(artifactBytes(listed, [one]).equals(usual([one]))).toBe(true);
  });

  it('do not change when others are written', () => {
    const [one, other] = fc.sample(artifacts, { numRuns: 2, seed: 3 }) as [Artifact, Artifact];
    const first = artifactBytes(listed, [one]);
    artifactBytes(listed, [other]);
    expect(first.equals(usual([one]))).toBe(true);
  });
});

describe('the bytes of the answer to a push', () => {
  const receipts = fc.record({
    deduplicated: fc.boolean(),
    replayed: fc.boolean(),
    metadataDiffers: fc.boolean(),
    labelsDiffer: fc.boolean(),
    inputsDiffer: fc.boolean(),
    bytesSaved: numbers,
  });

  it.each([CreateArtifactResponseSchema, UploadArtifactResponseSchema])(
    'are those that the library makes of %s',
    (desc) => {
      fc.assert(
        fc.property(artifacts, receipts, (artifact, receipt) => {
          const fields = { artifact: toArtifactMessage(artifact), receipt: toReceiptMessage(receipt) };
          const plain = create(desc, fields);
          const answer = withBytes({ artifact: () => fields.artifact, receipt: () => fields.receipt }, () =>
            committedBytes(artifact, receipt),
          );
          const encoded = encoderOf(desc)(answer);
          const frame = Buffer.alloc(encoded.byteLength);
          encoded.copy(frame, 0);
          expect(frame.equals(toBinary(desc, plain))).toBe(true);
          // Other transports read the messages.
          expect(create(desc, answer)).toEqual(plain);
        }),
        { numRuns: 100 },
      );
    },
  );

  it('have every field of a receipt', () => {
    expect(ReceiptSchema.fields.map(({ localName }) => localName).sort()).toEqual(
      Object.keys(fc.sample(receipts, 1)[0]!).sort(),
    );
  });
});

describe('an answer with a first field', () => {
  const [one] = fc.sample(artifacts, { numRuns: 1, seed: 4 }) as [Artifact];
  const rest = { nextPageToken: 'next', approximateTotal: 7n };

  it('is encoded as if its messages had been made, which are not', () => {
    let made = 0;
    const messages = () => [one].map((artifact) => toArtifactMessage(artifact)).slice(0, ++made);
    const answer = withFirstField('artifacts', messages, () => artifactBytes(listed, [one]), rest);
    const encoded = encoderOf(ListArtifactsResponseSchema)(answer);
    const frame = Buffer.alloc(3 + encoded.byteLength);
    encoded.copy(frame, 3);
    expect(made).toBe(0);
    const plain = create(ListArtifactsResponseSchema, { artifacts: [toArtifactMessage(one)], ...rest });
    expect(frame.subarray(3).equals(toBinary(ListArtifactsResponseSchema, plain))).toBe(true);
    // Other transports read the messages.
    expect(create(ListArtifactsResponseSchema, answer)).toEqual(plain);
    expect(made).toBe(1);
  });

  it('has the field with the lowest number first, wherever one is made', () => {
    const lowest = [
      ListArtifactsResponseSchema,
      CreateArtifactResponseSchema,
      UploadArtifactResponseSchema,
    ].map(({ fields }) => fields.toSorted((a, b) => a.number - b.number)[0]);
    expect(lowest.map((field) => field?.message)).toEqual([ArtifactSchema, ArtifactSchema, ArtifactSchema]);
    expect(UploadArtifactResponseSchema.field.artifact.number).toBe(
      CreateArtifactResponseSchema.field.artifact.number,
    );
  });
});
