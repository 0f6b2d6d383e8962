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
import { checked, type OpenService, type Service } from '../support/service.ts';

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

/** `unsendable`: bad specs that the listener's own client cannot put into a message. */
export function badInputSuite(open: OpenService, unsendable: readonly string[] = []): void {
  const opened = checked(open);

  async function expectNothingStored(service: Service): Promise<void> {
    expect((await service.sessions.listSessions({})).sessions).toEqual([]);
    expect(service.blobs.stagedCount).toBe(0);
  }

  it.each(badStreams)('an upload with %s is refused', async (_what, parts, expected) => {
    const service = await opened();
    const failure = await refusal(service.artifacts.uploadArtifact(messages(...parts)));
    expect(failure).toMatchObject({ code: 'InvalidArgument', ...expected });
    await expectNothingStored(service);
  });

  const sendable = badSpecs.filter(([what]) => !unsendable.includes(what));
  it.each(sendable)('a push with %s is refused by both methods', async (_what, spec, field) => {
    const service = await opened();
    const whole = { session: 's', name: 'a', ...spec };
    expect(await refusal(create(service, whole, 'x'))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'INVALID_ARGUMENT',
      fields: [`spec.${field}`],
    });
    expect(await refusal(upload(service, whole, text('x')))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'INVALID_ARGUMENT',
      fields: [`start.spec.${field}`],
    });
    await expectNothingStored(service);
  });

  it.each(goodNames)('the odd name %s works', async (name) => {
    const service = await opened();
    await create(service, { session: 's', name }, 'x');
    const back = await download(service, {
      artifact: { by: { case: 'name', value: { session: 's', name } } },
    });
    expect(back.artifact.name).toBe(name.normalize('NFC'));
  });

  it('names are one name in NFC', async () => {
    const service = await opened();
    await create(service, { session: 's', name: 'e\u0301' }, 'x');
    expect((await create(service, { session: 's', name: '\u00e9' }, 'x')).receipt!.deduplicated).toBe(true);
  });

  describe('sizes', () => {
    it('an artifact at the limit is taken, one byte more is not', async () => {
      const service = await opened({ artifactBytesMax: 100_000 });
      await upload(service, { session: 'ok', name: 'a' }, someBytes(100_000));
      const large = await refusal(upload(service, { session: 's', name: 'a' }, someBytes(100_001)));
      expect(large).toMatchObject({
        code: 'InvalidArgument',
        reason: 'ARTIFACT_TOO_LARGE',
        metadata: { limit: '100000' },
      });
      const said = await refusal(
        upload(service, { session: 's', name: 'a', sizeBytes: 100_001n }, new Uint8Array(0)),
      );
      expect(said).toMatchObject({ reason: 'ARTIFACT_TOO_LARGE' });
      expect(await refusal(listAll(service, 's'))).toMatchObject({ reason: 'SESSION_NOT_FOUND' });
      expect(service.blobs.stagedCount).toBe(0);
    });

    it('inline content at the limit is taken, one byte more is not', async () => {
      const service = await opened();
      await create(service, { session: 'ok', name: 'a' }, someBytes(limits.inlineRequestBytesMax));
      const large = await refusal(
        create(service, { session: 's', name: 'a' }, someBytes(limits.inlineRequestBytesMax + 1)),
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
      const service = await opened();
      const send = (count: number, name: string) =>
        service.artifacts.uploadArtifact(
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
      expect((await listAll(service, 's')).map(({ name }) => name)).toEqual(['most']);
    });
  });

  describe('requests', () => {
    const calls: [string, (service: Service) => Promise<unknown>, Expected][] = [
      [
        'a page size of -1',
        (service) => service.artifacts.listArtifacts({ session: 's', pageSize: -1 }),
        { fields: ['page_size'] },
      ],
      [
        'a page size of -1 of sessions',
        (service) => service.sessions.listSessions({ pageSize: -1 }),
        { fields: ['page_size'] },
      ],
      [
        'an unknown order',
        (service) => service.artifacts.listArtifacts({ session: 's', order: 9 as never }),
        { fields: ['order'] },
      ],
      ['no artifact', (service) => service.artifacts.getArtifact({}), { fields: ['artifact'] }],
      [
        'an id that is none',
        (service) => service.artifacts.getArtifact({ artifact: { by: { case: 'id', value: 'art_x' } } }),
        { fields: ['artifact.id'] },
      ],
      [
        'version 0',
        (service) =>
          service.artifacts.getArtifact({
            artifact: { by: { case: 'name', value: { session: 's', name: 'a', version: 0n } } },
          }),
        { fields: ['artifact.name.version'] },
      ],
      [
        'no content',
        (service) => service.artifacts.createArtifact({ spec: { session: 's', name: 'a' } }),
        { fields: ['content'] },
      ],
      ['no batch', (service) => service.artifacts.batchGetArtifacts({}), { fields: ['artifacts'] }],
      [
        'a negative offset',
        (service) =>
          download(service, {
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            offset: -1n,
          }),
        { fields: ['offset'] },
      ],
      [
        'an unknown mask path',
        (service) =>
          service.artifacts.updateArtifact({
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            changes: {},
            updateMask: { paths: ['sha256'] },
          }),
        { fields: ['update_mask'] },
      ],
      [
        'no change',
        (service) =>
          service.artifacts.updateArtifact({
            artifact: { by: { case: 'id', value: 'art_01h455vb4pex5vsknk084sn02q' } },
            changes: {},
          }),
        { fields: ['changes'] },
      ],
      ['no outcome', (service) => service.sessions.sealSession({ session: 's' }), { fields: ['outcome'] }],
      ['no session id', (service) => service.sessions.openSession({}), { fields: ['session'] }],
      [
        'a bad expected output',
        (service) => service.sessions.openSession({ session: 's', expectedOutputs: ['ok', '../x'] }),
        { fields: ['expected_outputs[1]'] },
      ],
    ];

    it.each(calls)('with %s are refused', async (_what, call, expected) => {
      const service = await opened();
      expect(await refusal(call(service))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        ...expected,
      });
      await expectNothingStored(service);
    });

    it('page sizes above the limit are taken as the limit', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect(
        (await service.artifacts.listArtifacts({ session: 's', pageSize: 2 ** 31 - 1 })).artifacts,
      ).toHaveLength(1);
    });

    it('an offset past the end is refused', async () => {
      const service = await opened();
      const { artifact } = await create(service, { session: 's', name: 'a' }, 'x');
      const call = download(service, { artifact: { by: { case: 'id', value: artifact!.id } }, offset: 2n });
      expect(await refusal(call)).toMatchObject({ code: 'InvalidArgument', fields: ['offset'] });
    });
  });
}
