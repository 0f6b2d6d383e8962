/** What a request id remembers, for how long, and for whom. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { CommitResult } from '../../../src/store/artifacts/commit.ts';
import { Upload } from '../../../src/store/artifacts/upload.ts';
import { sha256, someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { digestOf, principalOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const day = 24 * 3_600_000;
const bytes = Buffer.from('content');

let opened: TestStore;
beforeEach(async () => {
  opened = await openTestStore();
  onTestFinished(async () => {
    const faults = await inconsistencies(opened.index, opened.blobs);
    await opened[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  });
});

type Said = Parameters<typeof specOf>[0];

function push(said: Partial<Said> = {}, content: Uint8Array = bytes, who = tester): Promise<CommitResult> {
  return opened.store.uploads.create(
    who,
    specOf({ session: 's', name: 'a', requestId: 'r', ...said }),
    content,
  );
}

function pushDigest(said: Partial<Said> = {}, digest = digestOf(bytes)): Promise<CommitResult> {
  const spec = specOf({ session: 's', name: 'a', requestId: 'r', ...said });
  return opened.store.uploads.createByDigest(tester, spec, digest);
}

describe('a request id', () => {
  it('is of everything that a request says about the artifact', async () => {
    const input = await push({ name: 'input', requestId: 'other' });
    const said = {
      contentType: 'text/plain',
      metadata: { m: '1' },
      labels: { l: '1' },
      inputs: [input.artifact.id],
      expiry: { ttlMs: 60_000 },
    };
    const first = await push(said);
    const { contentType: _type, ...untyped } = said;
    const others: [string, Said][] = [
      ['session', { ...said, session: 't', name: 'a' }],
      ['name', { ...said, session: 's', name: 'b' }],
      ['no content type', { ...untyped, session: 's', name: 'a' }],
      ['content type', { ...said, session: 's', name: 'a', contentType: 'text/html' }],
      ['metadata', { ...said, session: 's', name: 'a', metadata: { m: '2' } }],
      ['labels', { ...said, session: 's', name: 'a', labels: { l: '2' } }],
      ['no labels', { ...said, session: 's', name: 'a', labels: {} }],
      ['inputs', { ...said, session: 's', name: 'a', inputs: [] }],
      ['ttl', { ...said, session: 's', name: 'a', expiry: { ttlMs: 60_001 } }],
      [
        'expire time',
        { ...said, session: 's', name: 'a', expiry: { expireTimeMs: opened.clock.now + 60_000 } },
      ],
      ['new version', { ...said, session: 's', name: 'a', newVersion: true }],
    ];
    for (const [what, other] of others)
      await expect(push(other), what).rejects.toMatchObject({
        reason: 'REQUEST_ID_REUSED',
        violations: [{ field: 'request_id' }],
      });
    await expect(push(said, Buffer.from('another'))).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    await expect(pushDigest(said, { ...digestOf(bytes), sizeBytes: bytes.length + 1 })).rejects.toMatchObject(
      { reason: 'REQUEST_ID_REUSED' },
    );
    expect(await push(said)).toMatchObject({
      artifact: { id: first.artifact.id },
      receipt: { replayed: true },
    });
  });

  it('tells so long from until then', async () => {
    const number = opened.clock.now + 60_000;
    await push({ expiry: { ttlMs: number } });
    await expect(push({ expiry: { expireTimeMs: number } })).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('is not of what a request asserts', async () => {
    const first = await push();
    const again = await push({ sha256: sha256(bytes), sizeBytes: bytes.length });
    expect(again).toMatchObject({ artifact: { id: first.artifact.id }, receipt: { replayed: true } });
  });

  it('is one principal’s own', async () => {
    const first = await push();
    const other = await push({ name: 'b' }, bytes, principalOf({ subject: 'somebody' }));
    expect(other).toMatchObject({ artifact: { name: 'b' }, receipt: { replayed: false } });
    expect((await push()).artifact.id).toBe(first.artifact.id);
  });

  it('answers with the artifact as it is now', async () => {
    const first = await push();
    expect((await push()).artifact.latest).toBe(true);
    await push({ requestId: 'r2' }, Buffer.from('later'));
    await opened.store.artifacts.update(
      tester,
      { id: first.artifact.id },
      { labels: [['l', '1']], expiry: { ttlMs: 1_000 } },
    );
    for (const replay of [await push(), await pushDigest()])
      expect(replay).toMatchObject({
        artifact: { id: first.artifact.id, version: 1, latest: false, labels: [['l', '1']], etag: '"2"' },
        receipt: { replayed: true, deduplicated: false, labelsDiffer: false, bytesSaved: 0 },
      });
    opened.clock.now += 1_000;
    for (const replay of [push(), pushDigest()])
      await expect(replay).rejects.toMatchObject({ reason: 'ARTIFACT_EXPIRED' });
  });

  it('answers with what was found when nothing was made', async () => {
    const first = await push({ requestId: 'r1' });
    expect((await push({ requestId: 'r2' })).receipt.deduplicated).toBe(true);
    const replay = await push({ requestId: 'r2' });
    expect(replay).toMatchObject({
      artifact: { id: first.artifact.id },
      receipt: { replayed: true, deduplicated: false },
    });
  });

  it('makes no second version by new_version', async () => {
    await push({ requestId: 'r1' });
    const made = await push({ newVersion: true });
    expect(made.artifact.version).toBe(2);
    expect(await push({ newVersion: true })).toMatchObject({
      artifact: { id: made.artifact.id },
      receipt: { replayed: true },
    });
  });

  it('is not remembered by a failure', async () => {
    await opened.store.sessions.open(tester, sessionNamed('s'));
    await opened.store.seals.seal(tester, sessionNamed('s').id, 'failed');
    await expect(push()).rejects.toMatchObject({ reason: 'SESSION_SEALED' });
    expect((await push({ session: 't' })).receipt.replayed).toBe(false);
  });
});

describe('a request id that is known, used by digest', () => {
  it('gives the first answer, also after the seal', async () => {
    const first = await push();
    await opened.store.seals.seal(tester, sessionNamed('s').id, 'failed');
    expect(await pushDigest()).toMatchObject({
      artifact: { id: first.artifact.id },
      receipt: { replayed: true, bytesSaved: 0 },
    });
  });

  it('says what became of the artifact though nothing has that content any more', async () => {
    await push();
    await opened.store.artifacts.delete(tester, target('s', 'a'));
    await expect(pushDigest()).rejects.toMatchObject({ reason: 'ARTIFACT_DELETED' });
    await expect(pushDigest({ requestId: 'unknown' })).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
  });

  it('is REQUEST_ID_REUSED for a content that nothing has', async () => {
    await push();
    await expect(pushDigest({}, digestOf(someBytes(10)))).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('is forgotten after a day', async () => {
    await push();
    await opened.store.artifacts.delete(tester, target('s', 'a'));
    opened.clock.now += day - 1;
    await expect(pushDigest()).rejects.toMatchObject({ reason: 'ARTIFACT_DELETED' });
    opened.clock.now += 1;
    await expect(pushDigest()).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
    await push({ session: 't', requestId: undefined });
    expect(await pushDigest()).toMatchObject({ artifact: { version: 2 }, receipt: { replayed: false } });
    // Remembered anew, for what it was used for last.
    expect((await pushDigest()).receipt.replayed).toBe(true);
  });
});

describe('a request id that is known, at the start of a stream', () => {
  const begin = (said: Partial<Said>) =>
    opened.store.uploads.begin(tester, specOf({ session: 's', name: 'a', requestId: 'r', ...said }));
  const asserted = { sha256: sha256(bytes), sizeBytes: bytes.length };

  it('is answered when size and digest are asserted, and forgotten after a day', async () => {
    const first = await push();
    const answer = await begin(asserted);
    expect(answer).toMatchObject({ artifact: { id: first.artifact.id }, receipt: { replayed: true } });
    opened.clock.now += day;
    const upload = await begin(asserted);
    expect(upload).toBeInstanceOf(Upload);
    if (upload instanceof Upload) await upload[Symbol.asyncDispose]();
  });

  it.each([{}, { sha256: asserted.sha256 }, { sizeBytes: asserted.sizeBytes }])(
    'waits for the bytes with no more than %o',
    async (said) => {
      const first = await push();
      await opened.store.seals.seal(tester, sessionNamed('s').id, 'failed');
      const begun = await begin(said);
      if (!(begun instanceof Upload)) throw new Error('answered');
      await using upload = begun;
      await upload.write(bytes);
      const replay = await upload.finish({ sizeBytes: bytes.length, sha256: undefined });
      expect(replay).toMatchObject({ artifact: { id: first.artifact.id }, receipt: { replayed: true } });
    },
  );

  it('is refused when another digest or size is asserted', async () => {
    await push();
    for (const other of [{ sha256: sha256(Buffer.from('x')) }, { sizeBytes: 1 }])
      await expect(begin({ ...asserted, ...other })).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  });
});
