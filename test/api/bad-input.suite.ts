/** What is refused, with which code, reason and field; and that nothing of it is stored. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import {
  create,
  download,
  listAll,
  messages,
  type Refusal,
  refusal,
  type Spec,
  sha256,
  someBytes,
  text,
  type UploadMessage,
  upload,
} from '../support/calls.ts';
import { checked, type Door, type OpenDoor } from '../support/door.ts';

type Part = NonNullable<UploadMessage['part']>;
type Expected = Partial<Refusal>;

const start = (spec: Spec = {}): Part => ({
  case: 'start',
  value: { spec: { session: 's', name: 'a', ...spec } },
});
const chunk = (bytes: Uint8Array | string): Part => ({
  case: 'chunk',
  value: typeof bytes === 'string' ? text(bytes) : bytes,
});
const finish = (size: number, digest = ''): Part => ({
  case: 'finish',
  value: { sizeBytes: BigInt(size), sha256: digest },
});
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

const badStreams: [string, Part[], Expected][] = [
  ['nothing', [], { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] }],
  ['no start', [chunk('x'), finish(1)], { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] }],
  ['two starts', [start(), start(), finish(0)], { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] }],
  [
    'a chunk after finish',
    [start(), chunk('x'), finish(1), chunk('y')],
    { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] },
  ],
  ['two finishes', [start(), finish(0), finish(0)], { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] }],
  ['no finish', [start(), chunk('x')], { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] }],
  [
    'no finish of a large one',
    [start(), chunk(someBytes(100_000))],
    { reason: 'UPLOAD_INCOMPLETE', fields: ['part'] },
  ],
  ['an empty message', [start(), { case: undefined }], { reason: 'INVALID_ARGUMENT', fields: ['part'] }],
  [
    'a size too small',
    [start(), chunk('xy'), finish(1)],
    { reason: 'SIZE_MISMATCH', fields: ['finish.size_bytes'], metadata: { expected: '1', actual: '2' } },
  ],
  [
    'a size too large',
    [start(), chunk('xy'), finish(3)],
    { reason: 'SIZE_MISMATCH', fields: ['finish.size_bytes'] },
  ],
  ['a negative size', [start(), finish(-1)], { reason: 'INVALID_ARGUMENT', fields: ['finish.size_bytes'] }],
  [
    'more than was asserted',
    [start({ sizeBytes: 1n }), chunk('xy'), finish(2)],
    { reason: 'SIZE_MISMATCH', fields: ['start.spec.size_bytes'] },
  ],
  [
    'less than was asserted',
    [start({ sizeBytes: 3n }), chunk('xy'), finish(2)],
    { reason: 'SIZE_MISMATCH', fields: ['start.spec.size_bytes'] },
  ],
  [
    'another digest at the start',
    [start({ sha256: sha256(text('y')) }), chunk('x'), finish(1)],
    { reason: 'DIGEST_MISMATCH', fields: ['start.spec.sha256'] },
  ],
  [
    'another digest at the end',
    [start(), chunk('x'), finish(1, sha256(text('y')))],
    { reason: 'DIGEST_MISMATCH', fields: ['finish.sha256'] },
  ],
  [
    'a digest that is none',
    [start(), chunk('x'), finish(1, 'abc')],
    { reason: 'INVALID_ARGUMENT', fields: ['finish.sha256'] },
  ],
  [
    'no spec',
    [{ case: 'start', value: {} }, finish(0)],
    { reason: 'INVALID_ARGUMENT', fields: ['start.spec'] },
  ],
];

const badSpecs: [string, Spec, string][] = [
  ['no session', { session: '' }, 'session'],
  ['a session with a slash', { session: 'a/b' }, 'session'],
  ['the session ..', { session: '..' }, 'session'],
  ['a long session', { session: 'x'.repeat(129) }, 'session'],
  ['no name', { name: '' }, 'name'],
  ['the name .', { name: '.' }, 'name'],
  ['a name that climbs', { name: 'a/../b' }, 'name'],
  ['an absolute name', { name: '/a' }, 'name'],
  ['an empty segment', { name: 'a//b' }, 'name'],
  ['a trailing slash', { name: 'a/' }, 'name'],
  ['a NUL', { name: 'a\0b' }, 'name'],
  ['a newline', { name: 'a\nb' }, 'name'],
  ['a bidi override', { name: 'a\u202egnp.exe' }, 'name'],
  ['a backslash', { name: 'a\\b' }, 'name'],
  ['a long segment', { name: 'x'.repeat(256) }, 'name'],
  ['a long name', { name: Array.from({ length: 11 }, () => 'x'.repeat(100)).join('/') }, 'name'],
  ['a content type that is none', { contentType: 'json' }, 'content_type'],
  ['a content type that splits headers', { contentType: 'text/plain\r\nx: y' }, 'content_type'],
  [
    'the metadata key __proto__',
    { metadata: Object.fromEntries([['__proto__', 'x']]) },
    'metadata["__proto__"]',
  ],
  [
    'the metadata key constructor',
    { metadata: { constructor: 'x' } as unknown as Record<string, string> },
    'metadata["constructor"]',
  ],
  ['an empty metadata key', { metadata: { '': 'x' } }, 'metadata[""]'],
  ['a metadata key with a space', { metadata: { 'a b': 'x' } }, 'metadata["a b"]'],
  ['a long metadata key', { metadata: { ['k'.repeat(129)]: 'x' } }, `metadata["${'k'.repeat(64)}"]`],
  ['a long metadata value', { metadata: { k: 'x'.repeat(1025) } }, 'metadata["k"]'],
  ['a NUL in a metadata value', { metadata: { k: 'a\0' } }, 'metadata["k"]'],
  ['33 metadata keys', { metadata: many(33) }, 'metadata'],
  ['33 labels', { labels: many(33) }, 'labels'],
  [
    'too much metadata',
    { metadata: Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`k${at}`, 'x'.repeat(1000)])) },
    'metadata',
  ],
  ['an input that is no id', { inputs: ['x'] }, 'inputs[0]'],
  [
    '65 inputs',
    { inputs: Array.from({ length: 65 }, (_, at) => `art_${String(at).padStart(26, '0')}`) },
    'inputs',
  ],
  ['a ttl of 0', { expiry: { case: 'ttl', value: { seconds: 0n, nanos: 0 } } }, 'ttl'],
  ['a negative ttl', { expiry: { case: 'ttl', value: { seconds: -1n, nanos: 0 } } }, 'ttl'],
  ['an overflowing ttl', { expiry: { case: 'ttl', value: { seconds: 2n ** 63n - 1n, nanos: 0 } } }, 'ttl'],
  [
    'a ttl of ten thousand years',
    { expiry: { case: 'ttl', value: { seconds: 315_576_000_000n, nanos: 0 } } },
    'ttl',
  ],
  [
    'an expiry in the past',
    { expiry: { case: 'expireTime', value: { seconds: 1n, nanos: 0 } } },
    'expire_time',
  ],
  [
    'an expiry after time',
    { expiry: { case: 'expireTime', value: { seconds: 2n ** 62n, nanos: 0 } } },
    'expire_time',
  ],
  ['a request id with a space', { requestId: 'a b' }, 'request_id'],
  ['a long request id', { requestId: 'x'.repeat(129) }, 'request_id'],
  ['a digest that is none', { sha256: 'xyz' }, 'sha256'],
  ['a negative size', { sizeBytes: -1n }, 'size_bytes'],
];

const goodNames = [
  'foo..bar',
  '.foo',
  '漢字.txt',
  'a b',
  "it's.md",
  '%2e%2e',
  'café/été.md',
  'x'.repeat(255),
  '-rf',
  'a:b',
  '..foo/bar..',
];

/** `unsendable`: bad specs that the door's own client cannot put into a message. */
export function badInputSuite(open: OpenDoor, unsendable: readonly string[] = []): void {
  const opened = checked(open);

  async function expectNothingStored(door: Door): Promise<void> {
    expect((await door.sessions.listSessions({})).sessions).toEqual([]);
    expect(door.blobs.stagedCount).toBe(0);
  }

  it.each(badStreams)('an upload with %s is refused', async (_what, parts, expected) => {
    const door = await opened();
    const failure = await refusal(door.artifacts.uploadArtifact(messages(...parts)));
    expect(failure).toMatchObject({ code: 'InvalidArgument', ...expected });
    await expectNothingStored(door);
  });

  const sendable = badSpecs.filter(([what]) => !unsendable.includes(what));
  it.each(sendable)('a push with %s is refused by both methods', async (_what, spec, field) => {
    const door = await opened();
    const whole = { session: 's', name: 'a', ...spec };
    expect(await refusal(create(door, whole, 'x'))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'INVALID_ARGUMENT',
      fields: [`spec.${field}`],
    });
    expect(await refusal(upload(door, whole, text('x')))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'INVALID_ARGUMENT',
      fields: [`start.spec.${field}`],
    });
    await expectNothingStored(door);
  });

  it.each(goodNames)('the odd name %s works', async (name) => {
    const door = await opened();
    await create(door, { session: 's', name }, 'x');
    const back = await download(door, { artifact: { by: { case: 'name', value: { session: 's', name } } } });
    expect(back.artifact.name).toBe(name.normalize('NFC'));
  });

  it('names are one name in NFC', async () => {
    const door = await opened();
    await create(door, { session: 's', name: 'e\u0301' }, 'x');
    expect((await create(door, { session: 's', name: '\u00e9' }, 'x')).receipt!.deduplicated).toBe(true);
  });

  describe('sizes', () => {
    it('an artifact at the limit is taken, one byte more is not', async () => {
      const door = await opened({ artifactBytesMax: 100_000 });
      await upload(door, { session: 'ok', name: 'a' }, someBytes(100_000));
      const large = await refusal(upload(door, { session: 's', name: 'a' }, someBytes(100_001)));
      expect(large).toMatchObject({
        code: 'InvalidArgument',
        reason: 'ARTIFACT_TOO_LARGE',
        metadata: { limit: '100000' },
      });
      const said = await refusal(
        upload(door, { session: 's', name: 'a', sizeBytes: 100_001n }, new Uint8Array(0)),
      );
      expect(said).toMatchObject({ reason: 'ARTIFACT_TOO_LARGE' });
      expect(await refusal(listAll(door, 's'))).toMatchObject({ reason: 'SESSION_NOT_FOUND' });
      expect(door.blobs.stagedCount).toBe(0);
    });

    it('inline content at the limit is taken, one byte more is not', async () => {
      const door = await opened();
      await create(door, { session: 'ok', name: 'a' }, someBytes(limits.inlineRequestBytesMax));
      const large = await refusal(
        create(door, { session: 's', name: 'a' }, someBytes(limits.inlineRequestBytesMax + 1)),
      );
      expect(large).toMatchObject({
        code: 'InvalidArgument',
        reason: 'ARTIFACT_TOO_LARGE',
        fields: ['data'],
      });
    });

    it.each([
      ['empty', ''],
      ['one byte', 'x'],
      ['2 KiB', 'x'.repeat(2_048)],
    ])('chunks of %s are one artifact, up to a number', async (_size, piece) => {
      const door = await opened();
      const send = (count: number, name: string) =>
        door.artifacts.uploadArtifact(
          (async function* (): AsyncIterable<UploadMessage> {
            yield { part: start({ name }) };
            for (let at = 0; at < count; at++) yield { part: chunk(piece) };
            yield { part: finish(count * piece.length) };
          })(),
        );
      const paid = piece.length / limits.streamMessageBytesMin;
      const most = Math.floor((limits.streamMessagesFree - 3) / (1 - paid));
      const { artifact } = await send(most, 'most');
      expect(artifact!.sizeBytes).toBe(BigInt(most * piece.length));
      expect(await refusal(send(2 * most + 100, 'more'))).toMatchObject({
        code: 'ResourceExhausted',
        reason: 'MESSAGES_TOO_SMALL',
        message: expect.stringMatching(/send chunks of at least 4096 bytes/),
        fields: ['request'],
        metadata: { least_bytes: '4096' },
      });
      expect((await listAll(door, 's')).map(({ name }) => name)).toEqual(['most']);
    });
  });

  describe('requests', () => {
    const calls: [string, (door: Door) => Promise<unknown>, Expected][] = [
      [
        'a page size of -1',
        (door) => door.artifacts.listArtifacts({ session: 's', pageSize: -1 }),
        { fields: ['page_size'] },
      ],
      [
        'a page size of -1 of sessions',
        (door) => door.sessions.listSessions({ pageSize: -1 }),
        { fields: ['page_size'] },
      ],
      [
        'an unknown order',
        (door) => door.artifacts.listArtifacts({ session: 's', order: 9 as never }),
        { fields: ['order'] },
      ],
      ['no artifact', (door) => door.artifacts.getArtifact({}), { fields: ['artifact'] }],
      [
        'an id that is none',
        (door) => door.artifacts.getArtifact({ artifact: { by: { case: 'id', value: 'art_x' } } }),
        { fields: ['artifact.id'] },
      ],
      [
        'version 0',
        (door) =>
          door.artifacts.getArtifact({
            artifact: { by: { case: 'name', value: { session: 's', name: 'a', version: 0n } } },
          }),
        { fields: ['artifact.name.version'] },
      ],
      [
        'no content',
        (door) => door.artifacts.createArtifact({ spec: { session: 's', name: 'a' } }),
        { fields: ['content'] },
      ],
      ['no batch', (door) => door.artifacts.batchGetArtifacts({}), { fields: ['artifacts'] }],
      [
        'a negative offset',
        (door) =>
          download(door, {
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            offset: -1n,
          }),
        { fields: ['offset'] },
      ],
      [
        'an unknown mask path',
        (door) =>
          door.artifacts.updateArtifact({
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            changes: {},
            updateMask: { paths: ['sha256'] },
          }),
        { fields: ['update_mask'] },
      ],
      [
        'no change',
        (door) =>
          door.artifacts.updateArtifact({
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            changes: {},
          }),
        { fields: ['changes'] },
      ],
      ['no outcome', (door) => door.sessions.sealSession({ session: 's' }), { fields: ['outcome'] }],
      ['no session id', (door) => door.sessions.openSession({}), { fields: ['session'] }],
      [
        'a bad expected output',
        (door) => door.sessions.openSession({ session: 's', expectedOutputs: ['ok', '../x'] }),
        { fields: ['expected_outputs[1]'] },
      ],
    ];

    it.each(calls)('with %s are refused', async (_what, call, expected) => {
      const door = await opened();
      expect(await refusal(call(door))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        ...expected,
      });
      await expectNothingStored(door);
    });

    it('page sizes above the limit are taken as the limit', async () => {
      const door = await opened();
      await create(door, { session: 's', name: 'a' }, 'x');
      expect(
        (await door.artifacts.listArtifacts({ session: 's', pageSize: 2 ** 31 - 1 })).artifacts,
      ).toHaveLength(1);
    });

    it('an offset past the end is refused', async () => {
      const door = await opened();
      const { artifact } = await create(door, { session: 's', name: 'a' }, 'x');
      const call = download(door, { artifact: { by: { case: 'id', value: artifact!.id } }, offset: 2n });
      expect(await refusal(call)).toMatchObject({ code: 'InvalidArgument', fields: ['offset'] });
    });
  });
}
