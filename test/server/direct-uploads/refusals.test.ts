/** Direct uploads that must not become artifacts: other bytes, no bytes, other callers, other times. */
import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { byName, download, refusal, someBytes, upload as uploadThrough } from '../../support/calls.ts';
import {
  type Artifacts,
  begun,
  bytes,
  finish,
  hour,
  longer,
  openDirectRig,
  others,
  send,
  sent,
  specOf,
} from './rig.ts';

const refused = (artifacts: Artifacts, token: string) => refusal(finish(artifacts, token));

/** Changes the object of the only upload, as another program with rights on the bucket can. */
function overwrite({ fake, contents }: Awaited<ReturnType<typeof openDirectRig>>, content: Buffer): void {
  fake.buckets.put('bucket', { name: contents()[0]!.name, bytes: content });
}

const eightKiB = Object.fromEntries([...'abcdefgh'].map((key) => [key, 'x'.repeat(1_020)]));

describe('the bytes', () => {
  it('that are others of the same size are refused and deleted', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await begun(artifacts);
    expect(await send(upload.uri, others)).toBe(200);
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({
      reason: 'DIGEST_MISMATCH',
      fields: ['sha256'],
      message: expect.stringContaining('sha256: must be the SHA-256 of the content'),
    });
    expect(rig.contents()).toEqual([]);
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'UPLOAD_INCOMPLETE' });
  });

  it('of another size are refused by the bucket, and those that come there all the same by the service', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await begun(artifacts);
    expect(await send(upload.uri, longer)).toBe(400);
    expect(await send(upload.uri, bytes)).toBe(200);
    overwrite(rig, longer);
    const { expected, actual } = { expected: '700000', actual: '700001' };
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({
      reason: 'SIZE_MISMATCH',
      fields: ['size_bytes'],
      metadata: { expected, actual },
    });
    expect(rig.contents()).toEqual([]);
  });

  it.each([
    ['none', 0],
    ['a part', 262_144],
  ])('that have not come are asked for: %s', async (_how, length) => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await begun(artifacts);
    if (length > 0) {
      const range = `bytes 0-${length - 1}/${bytes.length}`;
      const body = bytes.subarray(0, length);
      const answer = await fetch(upload.uri, { method: 'PUT', headers: { 'content-range': range }, body });
      expect(answer.status).toBe(308);
    }
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({
      reason: 'UPLOAD_INCOMPLETE',
      fields: ['upload_token'],
    });
    const range = `bytes ${length}-${bytes.length - 1}/${bytes.length}`;
    const rest = { method: 'PUT', headers: { 'content-range': range }, body: bytes.subarray(length) };
    expect((await fetch(upload.uri, rest)).status).toBe(200);
    expect((await finish(artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
  });

  it('that change on the way back are read again, and not taken for those of the bucket', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    rig.fake.fail('read', 'corrupt');
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(rig.contents().length).toBe(1);
    expect((await finish(artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
  });

  it('that somebody has overwritten before the end are refused', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    overwrite(rig, others);
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'DIGEST_MISMATCH' });
    expect(rig.contents()).toEqual([]);
  });

  it('that somebody overwrites while they are read back are those of the old version, or none', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    rig.fake.fail('read', 'late');
    rig.fake.onFault = () => {
      overwrite(rig, others);
      queueMicrotask(() => rig.fake.release());
    };
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'DIGEST_MISMATCH' });
  });

  it('stay in the bucket while it is down, and are taken afterwards', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    rig.fake.forbidden.add('read');
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    rig.fake.forbidden.clear();
    rig.fake.fail('read', { cutAfter: 300_000 });
    expect((await finish(artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
  });
});

describe('the end', () => {
  it('can come twice, one after the other and at once', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    // All three have begun before one of them can commit.
    let late = 0;
    rig.fake.fail('read', 'late', 3);
    rig.fake.onFault = () => {
      if (++late === 3) queueMicrotask(() => rig.fake.release());
    };
    const ends = await Promise.all([1, 2, 3].map(() => finish(artifacts, upload.uploadToken)));
    expect(new Set(ends.map(({ artifact }) => artifact!.id)).size).toBe(1);
    expect(ends.filter(({ receipt }) => !receipt!.replayed).length).toBe(1);
    const again = await finish(artifacts, upload.uploadToken);
    expect(again).toMatchObject({ artifact: { id: ends[0]!.artifact!.id }, receipt: { replayed: true } });
    rig.clock.now += 30 * 24 * hour;
    await rig.collect();
    expect(rig.contents().length).toBe(1);
  });

  it('comes too late for a session that was sealed, and the file is removed', async () => {
    const rig = await openDirectRig();
    const { artifacts, sessions } = rig.owner;
    await uploadThrough({ artifacts } as never, { session: 's', name: 'other' }, others);
    const upload = await sent(artifacts);
    await sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({ reason: 'SESSION_SEALED' });
    expect(rig.contents().length).toBeGreaterThan(1);
    rig.clock.now += 14 * hour;
    await rig.collect();
    expect(rig.contents().some(({ bytes: stored }) => stored.equals(bytes))).toBe(false);
  });

  it('takes no file that was removed after it was read back, and the content stays readable', async () => {
    let onChecked = async () => {};
    const rig = await openDirectRig({
      onStep: (step) => (step === 'upload.checked' ? onChecked() : undefined),
    });
    const { artifacts } = rig.owner;
    const large = Buffer.from(someBytes(1_100_000));
    const { uploadToken } = await sent(artifacts, large);
    onChecked = async () => {
      onChecked = async () => {};
      // The other end commits. Then other bytes take the place of these, which are removed with all rows about them.
      await finish(artifacts, uploadToken);
      await uploadThrough({ artifacts } as never, { session: 's2', name: 'a.bin' }, large);
      rig.clock.now += 2 * hour;
      await rig.collect();
      expect(rig.contents().length).toBe(1);
    };
    expect(await refused(artifacts, uploadToken)).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    expect((await finish(artifacts, uploadToken)).receipt!.replayed).toBe(true);
    for (const session of ['s', 's2'])
      expect((await download({ artifacts } as never, { artifact: byName(session, 'a.bin') })).bytes).toEqual(
        new Uint8Array(large),
      );
  });

  it('needs the token as it was given', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const { uploadToken } = await sent(artifacts);
    const [head, claims, mac] = uploadToken.split('.');
    const said = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...said, exp: 9_999_999_999 })).toString('base64url');
    const { ticket } = await rig.owner.tickets.createTicket({
      kind: 4,
      target: { case: 'push', value: { spec: { session: 's', name: 'a.bin' } } },
    });
    for (const token of ['', 'x', `${head}.${forged}.${mac}`, ticket!.path.slice('/t/'.length)])
      expect(await refused(artifacts, token)).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        fields: ['upload_token'],
        message: expect.stringContaining('is not valid'),
      });
  });

  it('is refused to another caller', async () => {
    const rig = await openDirectRig();
    const { uploadToken } = await sent(rig.owner.artifacts);
    const other = await rig.key();
    expect(await refused(other.artifacts, uploadToken)).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringContaining('was given to another caller'),
    });
  });

  it('is refused to a caller whose key was revoked meanwhile', async () => {
    const rig = await openDirectRig();
    const { uploadToken } = await sent(rig.owner.artifacts);
    await rig.store.apiKeys.revoke(rig.owner.id);
    expect(await refused(rig.owner.artifacts, uploadToken)).toMatchObject({ reason: 'UNAUTHENTICATED' });
  });

  it('may begin for six hours', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const first = await sent(artifacts);
    const second = await sent(artifacts, others, specOf(others, { name: 'b.bin' }));
    rig.clock.now += 6 * hour - 1;
    await rig.collect();
    expect((await finish(artifacts, first.uploadToken)).artifact!.version).toBe(1n);
    rig.clock.now += 1;
    expect(await refused(artifacts, second.uploadToken)).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringContaining('has ended; begin the upload again'),
    });
  });

  it('is refused at the commit if reading back has taken until the file may be removed', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(artifacts);
    rig.fake.fail('read', 'late');
    rig.fake.onFault = () => {
      rig.clock.now += 12 * hour + 1;
      queueMicrotask(() => rig.fake.release());
    };
    expect(await refused(artifacts, upload.uploadToken)).toMatchObject({
      reason: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('the upload took too long'),
    });
  });

  it('is refused as any commit, for example for an input that does not exist', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const upload = await sent(
      artifacts,
      bytes,
      specOf(bytes, { inputs: ['art_00000000000000000000000000'] }),
    );
    expect((await refused(artifacts, upload.uploadToken)).fields).toEqual(['inputs[0]']);
  });
});

describe('what is never finished', () => {
  it('is removed from the bucket 13 hours after the begin, and later bytes after 8 days', async () => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const early = await sent(artifacts);
    const late = await begun(artifacts, specOf(others));
    expect(early.uri).not.toBe(late.uri);
    rig.clock.now += 13 * hour - 1;
    await rig.collect();
    expect(rig.contents().length).toBe(1);
    rig.clock.now += 1;
    await rig.collect();
    expect(rig.contents().length).toBe(0);
    rig.clock.now += 6 * 24 * hour;
    expect(await send(late.uri, others)).toBe(200);
    await rig.collect();
    expect(rig.contents().length).toBe(1);
    rig.clock.now += 36 * hour;
    await rig.collect();
    expect(rig.contents().length).toBe(0);
    const { removed, orphans, pauses } = await rig.collect();
    expect({ removed, orphans, pauses }).toEqual({ removed: 0, orphans: 0, pauses: [] });
    expect(await send(late.uri, others)).toBe(410);
  });

  it('leaves nothing if the bucket is down at the begin', async () => {
    const rig = await openDirectRig();
    rig.fake.forbidden.add('begin');
    expect(await refusal(begun(rig.owner.artifacts))).toMatchObject({ reason: 'STORE_UNAVAILABLE' });
    rig.fake.forbidden.clear();
    rig.clock.now += 9 * 24 * hour;
    await rig.collect();
    await rig.collect();
    expect(rig.contents()).toEqual([]);
  });
});

describe('the begin', () => {
  it.each([
    ['spec.size_bytes', { sizeBytes: undefined }],
    ['spec.size_bytes', { sizeBytes: 99_999n }],
    ['spec.sha256', { sha256: '' }],
    ['spec.name', { name: '' }],
    ['spec', { metadata: eightKiB, labels: eightKiB }],
  ])('needs %s: %#', async (field, wrong) => {
    const rig = await openDirectRig();
    const { artifacts } = rig.owner;
    const { sizeBytes, ...rest } = { ...specOf(bytes), ...wrong };
    const spec = { ...rest, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
    const answer = await refusal(artifacts.beginDirectUpload({ spec }));
    expect(answer).toMatchObject({ reason: 'INVALID_ARGUMENT', fields: [field] });
    expect(rig.fake.count('begin')).toBe(0);
  });

  it('is refused like an upload: too large, and without the right to write', async () => {
    const rig = await openDirectRig();
    const spec = specOf(bytes, { sizeBytes: 10_000_001n });
    const tooLarge = await refusal(rig.owner.artifacts.beginDirectUpload({ spec }));
    expect(tooLarge).toMatchObject({ reason: 'ARTIFACT_TOO_LARGE', fields: ['spec.size_bytes'] });
    const reader = await rig.key(['read']);
    const denied = await refusal(reader.artifacts.beginDirectUpload({ spec: specOf(bytes) }));
    expect(denied).toMatchObject({ reason: 'PERMISSION_DENIED' });
  });

  it('is refused, and so is the end, if the setting is off', async () => {
    const on = await openDirectRig();
    const { uploadToken } = await sent(on.owner.artifacts);
    const rig = await openDirectRig({ isOff: true });
    const { artifacts } = rig.owner;
    const begin = await refusal(artifacts.beginDirectUpload({ spec: specOf(bytes) }));
    expect(begin).toMatchObject({ code: 'Unimplemented', reason: 'NOT_IMPLEMENTED' });
    expect(begin.message).toContain('push the bytes with UploadArtifact');
    expect(await refused(artifacts, uploadToken)).toMatchObject({ reason: 'NOT_IMPLEMENTED' });
  });
});
