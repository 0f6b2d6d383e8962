import { beforeAll, describe, expect, it } from 'vitest';
import { ExpirySource } from '../../../gen/artifacta/v1/artifact_pb.ts';
import {
  byId,
  byName,
  create,
  download,
  listAll,
  refusal,
  refusals,
  sha256,
  someBytes,
  text,
  upload,
} from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function artifactsSuite(open: OpenService): void {
  const opened = checked(open);

  describe('contents', () => {
    const sizes = [0, 1, 32 * 1024, 32 * 1024 + 1, 1024 * 1024, 3 * 1024 * 1024 + 7];

    it.each(sizes)('of %i bytes come back as they went', async (size) => {
      const service = await opened();
      const bytes = someBytes(size);
      const { artifact, receipt } = await upload(service, { session: 's', name: 'a.bin' }, bytes);
      expect(artifact).toMatchObject({ sha256: sha256(bytes), sizeBytes: BigInt(size), version: 1n });
      expect(receipt).toMatchObject({ deduplicated: false, replayed: false, bytesSaved: 0n });
      const back = await download(service, { artifact: byId(artifact!.id) });
      expect(back.artifact).toEqual(artifact);
      expect(sha256(back.bytes)).toBe(sha256(bytes));
    });

    it('can be read from anywhere to anywhere', async () => {
      const service = await opened();
      const bytes = someBytes(2 * 1024 * 1024 + 100);
      const { artifact } = await upload(service, { session: 's', name: 'a.bin' }, bytes);
      const ranges = [
        [0, 0],
        [0, 1],
        [1024 * 1024 - 1, 2],
        [5, 2 * 1024 * 1024],
        [bytes.length - 1, 10],
        [bytes.length, 10],
      ] as const;
      for (const [offset, limit] of ranges) {
        const part = await download(service, {
          artifact: byId(artifact!.id),
          offset: BigInt(offset),
          limit: BigInt(limit),
        });
        expect(Buffer.compare(part.bytes, bytes.subarray(offset, offset + limit))).toBe(0);
      }
    });

    it('are stored once and count for each artifact', async () => {
      const service = await opened();
      const bytes = someBytes(100_000);
      await upload(service, { session: 's', name: 'a' }, bytes);
      const second = await upload(service, { session: 't', name: 'b' }, bytes);
      expect(second.receipt).toMatchObject({ deduplicated: false, bytesSaved: 100_000n });
      expect(service.blobs.stagedCount).toBe(0);
      const back = await download(service, { artifact: byName('t', 'b') });
      expect(sha256(back.bytes)).toBe(sha256(bytes));
    });

    it('can be named by digest once the caller can read them', async () => {
      const service = await opened();
      const bytes = someBytes(50_000);
      const digest = { sha256: sha256(bytes), sizeBytes: 50_000n };
      const push = (name: string) =>
        service.artifacts.createArtifact({
          spec: { session: 's', name },
          content: { case: 'digest', value: digest },
        });
      expect(await refusal(push('b'))).toMatchObject({ code: 'NotFound', reason: 'CONTENT_NOT_FOUND' });
      const { artifact } = await upload(service, { session: 's', name: 'a' }, bytes);
      const { artifact: named, receipt } = await push('b');
      expect(receipt!.bytesSaved).toBe(50_000n);
      expect(sha256((await download(service, { artifact: byId(named!.id) })).bytes)).toBe(digest.sha256);

      await service.artifacts.deleteArtifact({ artifact: byId(artifact!.id) });
      await service.artifacts.deleteArtifact({ artifact: byId(named!.id) });
      expect(await refusal(push('c'))).toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
    });

    it('named by digest with another size are not found', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'hello');
      const digest = { sha256: sha256(text('hello')), sizeBytes: 6n };
      const call = service.artifacts.createArtifact({
        spec: { session: 's', name: 'b' },
        content: { case: 'digest', value: digest },
      });
      expect(await refusal(call)).toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
    });
  });

  describe('versions', () => {
    it('count up, and equal bytes give the latest back', async () => {
      const service = await opened();
      const first = await create(service, { session: 's', name: 'a.txt', metadata: { k: '1' } }, 'one');
      const again = await create(
        service,
        { session: 's', name: 'a.txt', metadata: { k: '2' }, labels: { l: 'x' } },
        'one',
      );
      expect(again.artifact).toEqual(first.artifact);
      expect(again.receipt).toMatchObject({
        deduplicated: true,
        metadataDiffers: true,
        labelsDiffer: true,
        inputsDiffer: false,
        bytesSaved: 3n,
      });
      const second = await create(service, { session: 's', name: 'a.txt' }, 'two');
      expect(second.artifact).toMatchObject({ version: 2n, latest: true });
      // Only the latest is matched: going back to older bytes is a version of its own.
      const third = await create(service, { session: 's', name: 'a.txt' }, 'one');
      expect(third.artifact!.version).toBe(3n);
      const older = await service.artifacts.getArtifact({ artifact: byName('s', 'a.txt', 1n) });
      expect(older.artifact).toMatchObject({ id: first.artifact!.id, latest: false });
    });

    it('are made by another explicit type, never by a guessed one', async () => {
      const service = await opened();
      const guessed = await create(service, { session: 's', name: 'a.json' }, '{}');
      expect(guessed.artifact!.contentType).toBe('application/json');
      const explicit = await create(
        service,
        { session: 's', name: 'a.json', contentType: 'text/plain' },
        '{}',
      );
      expect(explicit.artifact).toMatchObject({ version: 2n, contentType: 'text/plain' });
      const none = await create(service, { session: 's', name: 'a.json' }, '{}');
      expect(none.receipt!.deduplicated).toBe(true);
    });

    it('are made on request, which needs a request id', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      const forced = await create(
        service,
        { session: 's', name: 'a', newVersion: true, requestId: 'r1' },
        'x',
      );
      expect(forced.artifact!.version).toBe(2n);
      expect(
        await refusal(create(service, { session: 's', name: 'a', newVersion: true }, 'x')),
      ).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        fields: ['spec.request_id'],
      });
    });

    it('are never reused, and a deleted latest is said, not skipped', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, '1');
      const second = await create(service, { session: 's', name: 'a' }, '2');
      expect(await service.artifacts.deleteArtifact({ artifact: byName('s', 'a') })).toMatchObject({
        deleted: true,
      });
      expect(await service.artifacts.deleteArtifact({ artifact: byId(second.artifact!.id) })).toMatchObject({
        deleted: false,
      });
      expect(await refusal(service.artifacts.getArtifact({ artifact: byName('s', 'a') }))).toMatchObject({
        code: 'NotFound',
        reason: 'ARTIFACT_DELETED',
      });
      expect(
        (await service.artifacts.getArtifact({ artifact: byName('s', 'a', 1n) })).artifact!.version,
      ).toBe(1n);
      const third = await create(service, { session: 's', name: 'a' }, '2');
      expect(third).toMatchObject({ artifact: { version: 3n }, receipt: { deduplicated: false } });
    });
  });

  describe('request ids', () => {
    it('give the first answer again, also after the seal and from the other method', async () => {
      const service = await opened();
      const bytes = someBytes(1000);
      const spec = { session: 's', name: 'a', requestId: 'req-1' };
      const first = await upload(service, spec, bytes);
      await service.sessions.sealSession({ session: 's', outcome: 1 });
      const replay = await create(service, spec, bytes);
      expect(replay.artifact).toEqual(first.artifact);
      expect(replay.receipt).toMatchObject({ replayed: true, deduplicated: false });
      const early = await upload(service, { ...spec, sha256: sha256(bytes), sizeBytes: 1000n }, bytes);
      expect(early).toMatchObject({ artifact: { id: first.artifact!.id }, receipt: { replayed: true } });
      expect(await listAll(service, 's')).toHaveLength(1);
    });

    it('cannot be used for something else', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a', requestId: 'r' }, 'x');
      for (const failure of await refusals(
        create(service, { session: 's', name: 'a', requestId: 'r' }, 'y'),
        create(service, { session: 's', name: 'b', requestId: 'r' }, 'x'),
        create(service, { session: 't', name: 'a', requestId: 'r' }, 'x'),
        create(service, { session: 's', name: 'a', requestId: 'r', metadata: { k: 'v' } }, 'x'),
      ))
        expect(failure).toMatchObject({
          code: 'AlreadyExists',
          reason: 'REQUEST_ID_REUSED',
          fields: ['spec.request_id'],
        });
      expect(await listAll(service, 's')).toHaveLength(1);
    });

    it('say what became of the artifact, and are forgotten after a day', async () => {
      const service = await opened();
      const push = (requestId: string, content: string) =>
        create(service, { session: 's', name: requestId, requestId }, content);
      const { artifact } = await push('r1', 'x');
      await service.artifacts.deleteArtifact({ artifact: byId(artifact!.id) });
      expect(await refusal(push('r1', 'x'))).toMatchObject({ reason: 'ARTIFACT_DELETED' });
      service.clock.now += 24 * 3_600_000;
      expect((await push('r1', 'x')).receipt!.replayed).toBe(false);
    });
  });

  describe('reading', () => {
    let service: Service;
    beforeAll(async () => {
      service = await open();
      await create(
        service,
        { session: 's', name: 'dir/a b.txt', metadata: { 'gen_ai.request.model': 'm' } },
        'x',
      );
      return () => service[Symbol.asyncDispose]();
    });

    it('finds by id and by name', async () => {
      const { artifact } = await service.artifacts.getArtifact({ artifact: byName('s', 'dir/a b.txt') });
      expect(artifact).toMatchObject({
        session: 's',
        metadata: { 'gen_ai.request.model': 'm' },
        sequence: 1n,
        etag: '"1"',
      });
      expect(artifact!.id).toMatch(/^art_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
      expect((await service.artifacts.getArtifact({ artifact: byId(artifact!.id) })).artifact).toEqual(
        artifact,
      );
    });

    it.each([
      ['a session', byName('nope', 'a'), 'SESSION_NOT_FOUND'],
      ['a name', byName('s', 'nope'), 'ARTIFACT_NOT_FOUND'],
      ['a version', byName('s', 'dir/a b.txt', 9n), 'ARTIFACT_NOT_FOUND'],
      ['an id', byId('art_01h455vb4pex5vsknk084sn02q'), 'ARTIFACT_NOT_FOUND'],
    ])('says which is missing: %s', async (_what, artifact, reason) => {
      expect(await refusal(service.artifacts.getArtifact({ artifact }))).toMatchObject({
        code: 'NotFound',
        reason,
      });
      expect(await refusal(download(service, { artifact }))).toMatchObject({ code: 'NotFound', reason });
    });

    it('answers for each of several', async () => {
      const artifacts = [byName('s', 'dir/a b.txt'), byName('s', 'nope'), byName('s', 'dir/a b.txt')];
      const { results } = await service.artifacts.batchGetArtifacts({ artifacts });
      expect(results.map(({ result }) => result.case)).toEqual(['artifact', 'failure', 'artifact']);
      expect(results[1]!.result.value).toMatchObject({ reason: 10 });
    });
  });

  describe('changes', () => {
    it('replace labels under an etag', async () => {
      const service = await opened();
      const { artifact } = await create(
        service,
        { session: 's', name: 'a', labels: { a: '1', b: '2' } },
        'x',
      );
      const ref = byId(artifact!.id);
      const changed = await service.artifacts.updateArtifact({
        artifact: ref,
        changes: { labels: { c: '3' } },
        etag: artifact!.etag,
      });
      expect(changed.artifact).toMatchObject({ labels: { c: '3' }, etag: '"2"' });
      const stale = service.artifacts.updateArtifact({
        artifact: ref,
        changes: { labels: {} },
        updateMask: { paths: ['labels'] },
        etag: '"1"',
      });
      expect(await refusal(stale)).toMatchObject({
        code: 'Aborted',
        reason: 'ETAG_MISMATCH',
        metadata: { etag: '"2"' },
      });
      const none = await service.artifacts.updateArtifact({
        artifact: ref,
        changes: {},
        updateMask: { paths: ['labels'] },
      });
      expect(none.artifact!.labels).toEqual({});
    });

    it('set, move and remove the expiry, which is decided when read', async () => {
      const service = await opened();
      const { artifact } = await create(
        service,
        { session: 's', name: 'a', expiry: { case: 'ttl', value: { seconds: 60n, nanos: 0 } } },
        'x',
      );
      expect(artifact).toMatchObject({ expirySource: ExpirySource.ARTIFACT });
      const ref = byId(artifact!.id);
      const later = { case: 'ttl' as const, value: { seconds: 120n, nanos: 0 } };
      await service.artifacts.updateArtifact({ artifact: ref, changes: { expiry: later } });
      service.clock.now += 61_000;
      expect((await service.artifacts.getArtifact({ artifact: ref })).artifact!.id).toBe(artifact!.id);
      service.clock.now += 60_000;
      expect(await refusal(service.artifacts.getArtifact({ artifact: ref }))).toMatchObject({
        code: 'NotFound',
        reason: 'ARTIFACT_EXPIRED',
      });
      expect(await refusal(download(service, { artifact: ref }))).toMatchObject({
        reason: 'ARTIFACT_EXPIRED',
      });
      expect(await listAll(service, 's')).toEqual([]);
      const again = await create(service, { session: 's', name: 'a' }, 'x');
      expect(again).toMatchObject({
        artifact: { version: 2n, expirySource: ExpirySource.NONE },
        receipt: { deduplicated: false },
      });
    });

    it('never shorten an expiry by pushing again, but do lengthen it', async () => {
      const service = await opened();
      const push = (seconds: number) =>
        create(
          service,
          { session: 's', name: 'a', expiry: { case: 'ttl', value: { seconds: BigInt(seconds), nanos: 0 } } },
          'x',
        );
      const first = await push(100);
      expect((await push(50)).artifact!.expireTime).toEqual(first.artifact!.expireTime);
      expect((await push(200)).artifact!.expireTime!.seconds).toBe(
        first.artifact!.expireTime!.seconds + 100n,
      );
    });

    it('hold an artifact against expiry and deletion', async () => {
      const service = await opened();
      const { artifact } = await create(
        service,
        { session: 's', name: 'a', expiry: { case: 'ttl', value: { seconds: 60n, nanos: 0 } } },
        'x',
      );
      const ref = byId(artifact!.id);
      const held = await service.artifacts.updateArtifact({ artifact: ref, changes: { hold: true } });
      expect(held.artifact).toMatchObject({ hold: true, expirySource: ExpirySource.NONE });
      expect((await service.sessions.getSession({ session: 's' })).session!.holdCount).toBe(1n);
      service.clock.now += 61_000;
      expect(await refusal(service.artifacts.deleteArtifact({ artifact: ref }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'ARTIFACT_HELD',
      });
      await service.artifacts.updateArtifact({ artifact: ref, changes: { hold: false } });
      expect(await refusal(service.artifacts.getArtifact({ artifact: ref }))).toMatchObject({
        reason: 'ARTIFACT_EXPIRED',
      });
    });
  });

  describe('lineage', () => {
    it('names live artifacts of the namespace', async () => {
      const service = await opened();
      const input = (await create(service, { session: 's', name: 'in' }, 'x')).artifact!.id;
      const derived = await create(service, { session: 's', name: 'out', inputs: [input, input] }, 'y');
      expect(derived.artifact!.inputs).toEqual([input]);
      await service.artifacts.deleteArtifact({ artifact: byId(input) });
      expect(
        await refusal(create(service, { session: 's', name: 'out2', inputs: [input] }, 'z')),
      ).toMatchObject({
        code: 'NotFound',
        reason: 'INPUT_NOT_FOUND',
        fields: ['spec.inputs[0]'],
      });
    });
  });
}
