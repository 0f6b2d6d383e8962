import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { create, refusal } from '../../support/calls.ts';
import { checked, type Door, type OpenDoor } from '../../support/door.ts';

export function amendSuite(open: OpenDoor): void {
  const opened = checked(open);

  describe('amending', () => {
    const amend = (door: Door, outcome: SessionOutcome, etag = '') =>
      door.sessions.amendOutcome({ session: 's', outcome, etag });
    const conflict = { code: 'FailedPrecondition', reason: 'OUTCOME_CONFLICT' };

    it('says once how an abandoned session really ended', async () => {
      const door = await opened();
      await create(door, { session: 's', name: 'a' }, 'x');
      expect(await refusal(amend(door, SessionOutcome.FAILED))).toMatchObject(conflict);
      const { session: sealed } = await door.sessions.sealSession({
        session: 's',
        outcome: SessionOutcome.ABANDONED,
      });
      door.clock.now += 1_000;
      const wrongEtag = amend(door, SessionOutcome.FAILED, 'other');
      expect(await refusal(wrongEtag)).toMatchObject({ reason: 'ETAG_MISMATCH' });
      const { session: amended } = await amend(door, SessionOutcome.FAILED, sealed!.etag);
      expect(amended).toMatchObject({
        outcome: SessionOutcome.FAILED,
        sealTime: sealed!.sealTime,
        manifest: sealed!.manifest,
      });
      expect(amended!.etag).not.toBe(sealed!.etag);
      // The same again changes nothing, whatever etag its caller knew.
      expect((await amend(door, SessionOutcome.FAILED, sealed!.etag)).session).toEqual(amended);
      expect(await refusal(amend(door, SessionOutcome.SUCCEEDED))).toMatchObject(conflict);
      const { sessions } = await door.sessions.listSessions({ filter: 'session.outcome = FAILED' });
      expect(sessions).toMatchObject([{ id: 's' }]);
      expect((await door.sessions.listSessions({ filter: 'session.outcome = ABANDONED' })).sessions).toEqual(
        [],
      );
    });

    it('is refused of what ended otherwise, of nothing, and with nothing to say', async () => {
      const door = await opened();
      await create(door, { session: 's', name: 'a' }, 'x');
      await door.sessions.sealSession({ session: 's', outcome: SessionOutcome.SUCCEEDED });
      expect(await refusal(amend(door, SessionOutcome.SUCCEEDED))).toMatchObject(conflict);
      const fields = { code: 'InvalidArgument', fields: ['outcome'] };
      expect(await refusal(amend(door, SessionOutcome.ABANDONED))).toMatchObject(fields);
      expect(await refusal(amend(door, SessionOutcome.UNSPECIFIED))).toMatchObject(fields);
      const none = door.sessions.amendOutcome({ session: 'none', outcome: SessionOutcome.FAILED });
      expect(await refusal(none)).toMatchObject({ code: 'NotFound', reason: 'SESSION_NOT_FOUND' });
    });
  });
}
