/** What opening a session again means, and what changes about a session when. */
import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { byName, create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function openSessionSuite(open: OpenService): void {
  const opened = checked(open);

  const shown = async (service: Service) => (await service.sessions.getSession({ session: 's' })).session!;

  describe('opening a session again', () => {
    it.each([
      ['more expected outputs', { metadata: { m: '1' }, expectedOutputs: ['a', 'b'] }, ['expected_outputs']],
      ['no expected outputs', { metadata: { m: '1' }, expectedOutputs: [] }, ['expected_outputs']],
      ['more metadata', { metadata: { m: '1', n: '1' }, expectedOutputs: ['a'] }, ['metadata']],
      ['no metadata', { metadata: {}, expectedOutputs: ['a'] }, ['metadata']],
      ['both', { metadata: { m: '2' }, expectedOutputs: ['b'] }, ['metadata', 'expected_outputs']],
    ])('with %s is a conflict', async (_what, settings, fields) => {
      const service = await opened();
      const first = { session: 's', metadata: { m: '1' }, expectedOutputs: ['a'] };
      const { session } = await service.sessions.openSession(first);
      expect(await refusal(service.sessions.openSession({ session: 's', ...settings }))).toMatchObject({
        code: 'AlreadyExists',
        reason: 'SESSION_CONFLICT',
        fields,
        metadata: { session: 's' },
      });
      expect(await shown(service)).toEqual(session);
    });

    it('with other labels leaves the labels as they are', async () => {
      const service = await opened();
      const first = await service.sessions.openSession({ session: 's', labels: { l: '1' } });
      for (const labels of [{ l: '2' }, {}])
        expect(await service.sessions.openSession({ session: 's', labels })).toMatchObject({
          created: false,
          session: first.session,
        });
    });

    it('after the seal gives the sealed one', async () => {
      const service = await opened();
      const settings = { session: 's', metadata: { m: '1' }, expectedOutputs: ['a'] };
      await service.sessions.openSession(settings);
      const { session } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.FAILED,
      });
      expect(await service.sessions.openSession(settings)).toMatchObject({ created: false, session });
      expect(await refusal(service.sessions.openSession({ session: 's' }))).toMatchObject({
        reason: 'SESSION_CONFLICT',
      });
    });
  });

  describe('opening a session that a push opened', () => {
    it('takes metadata and expected outputs, but no labels', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      const before = await shown(service);
      service.clock.now += 1_000;
      const { session, created } = await service.sessions.openSession({
        session: 's',
        metadata: { m: '1' },
        labels: { l: '1' },
        expectedOutputs: ['b', 'a'],
      });
      expect(created).toBe(false);
      expect(session).toMatchObject({
        uid: before.uid,
        metadata: { m: '1' },
        labels: {},
        expectedOutputs: ['a', 'b'],
        createTime: before.createTime,
      });
      expect(session!.updateTime!.seconds).toBe(before.updateTime!.seconds + 1n);
      expect(session!.etag).not.toBe(before.etag);
    });

    it('is done once, also without settings', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect((await service.sessions.openSession({ session: 's' })).created).toBe(false);
      for (const [settings, fields] of [
        [{ metadata: { m: '1' } }, ['metadata']],
        [{ expectedOutputs: ['a'] }, ['expected_outputs']],
      ] as const)
        expect(
          await refusal(
            service.sessions.openSession({
              session: 's',
              ...('metadata' in settings
                ? { metadata: settings.metadata }
                : { expectedOutputs: [...settings.expectedOutputs] }),
            }),
          ),
        ).toMatchObject({ code: 'AlreadyExists', reason: 'SESSION_CONFLICT', fields });
      expect((await service.sessions.openSession({ session: 's' })).created).toBe(false);
    });

    it('and that is sealed gives it, but takes no settings', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      const sealed = await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
      for (const settings of [{ metadata: { m: '1' } }, { expectedOutputs: ['a'] }])
        expect(await refusal(service.sessions.openSession({ session: 's', ...settings }))).toMatchObject({
          code: 'FailedPrecondition',
          reason: 'SESSION_SEALED',
          metadata: { session: 's', outcome: 'succeeded' },
        });
      expect(await service.sessions.openSession({ session: 's', labels: { l: '1' } })).toMatchObject({
        created: false,
        session: sealed.session,
      });
    });
  });

  describe('expected outputs', () => {
    it('are at most 256', async () => {
      const service = await opened();
      const names = Array.from({ length: 257 }, (_, at) => `out/${at}`);
      expect(
        await refusal(service.sessions.openSession({ session: 's', expectedOutputs: names })),
      ).toMatchObject({ code: 'InvalidArgument', reason: 'INVALID_ARGUMENT', fields: ['expected_outputs'] });
      const most = await service.sessions.openSession({ session: 's', expectedOutputs: names.slice(1) });
      expect(most.session!.expectedOutputs).toHaveLength(256);
    });

    it('are sorted as bytes, each once, and so are those that are missing and the manifest', async () => {
      const service = await opened();
      // In UTF-16 the second would come before the third; in UTF-8 it comes after it.
      const sorted = ['a', 'ｚ', '😀'];
      const { session } = await service.sessions.openSession({
        session: 's',
        expectedOutputs: ['😀', 'ｚ', 'a', '😀'],
      });
      expect(session!.expectedOutputs).toEqual(sorted);
      const again = await service.sessions.openSession({ session: 's', expectedOutputs: sorted });
      expect(again.created).toBe(false);
      for (const name of ['😀', 'a2', 'ｚ2', '😀2']) await create(service, { session: 's', name }, 'x');
      const sealed = await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
      expect(sealed.session!.missingOutputs).toEqual(['a', 'ｚ']);
      const lines: Uint8Array[] = [];
      for await (const { chunk } of service.sessions.downloadManifest({ session: 's' })) lines.push(chunk);
      const names = Buffer.concat(lines).toString().trim().split('\n');
      expect(names.map((line) => JSON.parse(line).name)).toEqual(['a2', 'ｚ2', '😀', '😀2']);
    });

    it('are missing at the seal when they were never there, deleted, or expired', async () => {
      const service = await opened();
      const expectedOutputs = ['deleted', 'expired', 'held', 'never', 'old', 'there'];
      await service.sessions.openSession({ session: 's', expectedOutputs });
      const expiry = { case: 'ttl' as const, value: { seconds: 1n, nanos: 0 } };
      await create(service, { session: 's', name: 'there' }, 'x');
      await create(service, { session: 's', name: 'deleted' }, 'x');
      await create(service, { session: 's', name: 'expired', expiry }, 'x');
      await create(service, { session: 's', name: 'held', expiry }, 'x');
      // An older version is enough: it is in the manifest.
      await create(service, { session: 's', name: 'old' }, '1');
      await create(service, { session: 's', name: 'old' }, '2');
      await service.artifacts.deleteArtifact({ artifact: byName('s', 'deleted') });
      await service.artifacts.deleteArtifact({ artifact: byName('s', 'old') });
      await service.artifacts.updateArtifact({ artifact: byName('s', 'held'), changes: { hold: true } });
      expect((await shown(service)).missingOutputs).toEqual([]);
      service.clock.now += 1_000;
      const { session } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.FAILED,
      });
      expect(session).toMatchObject({ expectedOutputs, missingOutputs: ['deleted', 'expired', 'never'] });
      // It stays what it was at the seal.
      await service.artifacts.deleteArtifact({ artifact: byName('s', 'there') });
      expect((await shown(service)).missingOutputs).toEqual(['deleted', 'expired', 'never']);
    });
  });

  describe('the update time and the etag of a session', () => {
    it('do not change by what happens to its artifacts', async () => {
      const service = await opened();
      const { session } = await service.sessions.openSession({ session: 's' });
      const unchanged = { updateTime: session!.updateTime, etag: session!.etag };
      const later = () => {
        service.clock.now += 1_000;
      };
      later();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect(await shown(service)).toMatchObject({ ...unchanged, artifactCount: 1n });
      later();
      await service.artifacts.updateArtifact({ artifact: byName('s', 'a'), changes: { hold: true } });
      expect(await shown(service)).toMatchObject({ ...unchanged, holdCount: 1n });
      later();
      await service.artifacts.updateArtifact({ artifact: byName('s', 'a'), changes: { hold: false } });
      await service.artifacts.deleteArtifact({ artifact: byName('s', 'a') });
      expect(await shown(service)).toMatchObject({ ...unchanged, artifactCount: 0n, lastSequence: 2n });
    });

    it('change by its labels and its seal', async () => {
      const service = await opened();
      const { session: first } = await service.sessions.openSession({ session: 's' });
      service.clock.now += 1_000;
      const changes = { labels: { l: '1' } };
      const { session: second } = await service.sessions.updateSession({ session: 's', changes });
      expect(second!.updateTime!.seconds).toBe(first!.updateTime!.seconds + 1n);
      expect(second!.etag).not.toBe(first!.etag);
      service.clock.now += 1_000;
      const same = await service.sessions.updateSession({ session: 's', changes });
      expect(same.session).toEqual(second);
      const sealed = await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
      expect(sealed.session!.updateTime!.seconds).toBe(first!.updateTime!.seconds + 2n);
      expect(sealed.session!.sealTime).toEqual(sealed.session!.updateTime);
      expect(sealed.session!.etag).not.toBe(second!.etag);
    });
  });
}
