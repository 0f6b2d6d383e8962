import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function amendSuite(open: OpenService): void {
  const opened = checked(open);

  describe('amending', () => {
    const amend = (service: Service, outcome: SessionOutcome, etag = '') =>
      service.sessions.amendOutcome({ session: 's', outcome, etag });
    const conflict = { code: 'FailedPrecondition', reason: 'OUTCOME_CONFLICT' };

    it('says once how an abandoned session really ended', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect(await refusal(amend(service, SessionOutcome.FAILED))).toMatchObject(conflict);
      const { session: sealed } = await service.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.ABANDONED,
      });
      service.clock.now += 1_000;
      const wrongEtag = amend(service, SessionOutcome.FAILED, 'other');
      expect(await refusal(wrongEtag)).toMatchObject({ reason: 'ETAG_MISMATCH' });
      const { session: amended } = await amend(service, SessionOutcome.FAILED, sealed!.etag);
      expect(amended).toMatchObject({
        outcome: SessionOutcome.FAILED,
        sealTime: sealed!.sealTime,
        manifest: sealed!.manifest,
      });
      expect(amended!.etag).not.toBe(sealed!.etag);
      // The same again changes nothing, whatever etag its caller knew.
      expect((await amend(service, SessionOutcome.FAILED, sealed!.etag)).session).toEqual(amended);
      expect(await refusal(amend(service, SessionOutcome.SUCCEEDED))).toMatchObject(conflict);
      const { sessions } = await service.sessions.listSessions({ filter: 'session.outcome = FAILED' });
      expect(sessions).toMatchObject([{ id: 's' }]);
      expect(
        (await service.sessions.listSessions({ filter: 'session.outcome = ABANDONED' })).sessions,
      ).toEqual([]);
    });

    it('is refused of what ended otherwise, of nothing, and with nothing to say', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      await service.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
      expect(await refusal(amend(service, SessionOutcome.SUCCEEDED))).toMatchObject(conflict);
      const fields = { code: 'InvalidArgument', fields: ['outcome'] };
      expect(await refusal(amend(service, SessionOutcome.ABANDONED))).toMatchObject(fields);
      expect(await refusal(amend(service, SessionOutcome.UNSPECIFIED))).toMatchObject(fields);
      const none = service.sessions.amendOutcome({ session: 'none', outcome: SessionOutcome.FAILED });
      expect(await refusal(none)).toMatchObject({ code: 'NotFound', reason: 'SESSION_NOT_FOUND' });
    });
  });
}
