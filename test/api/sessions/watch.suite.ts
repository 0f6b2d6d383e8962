import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import type { WatchSessionResponse } from '../../../gen/artifacta/v1/watch_pb.ts';
import { byName, create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function watchSuite(open: OpenService): void {
  const opened = checked(open);

  function told({ sequence, event }: WatchSessionResponse): string {
    return `${sequence} ${event.case === 'committed' ? event.value.name : event.case}`;
  }

  async function all(messages: AsyncIterable<WatchSessionResponse>): Promise<string[]> {
    const lines: string[] = [];
    for await (const message of messages) lines.push(told(message));
    return lines;
  }

  const seal = (service: Service, session = 's') =>
    service.sessions.sealSession({ session, outcome: SessionOutcome.SUCCEEDED });

  describe('watching', () => {
    it('tells what was and what comes, each once, and ends with the seal', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'a');
      const messages = service.sessions.watchSession({ session: 's' })[Symbol.asyncIterator]();
      const first = (await messages.next()).value as WatchSessionResponse;
      expect(first).toMatchObject({
        sequence: 1n,
        time: { seconds: BigInt(Math.floor(service.clock.now / 1000)) },
        event: { case: 'committed', value: { session: 's', name: 'a', version: 1n, latest: true } },
      });
      await create(service, { session: 's', name: 'b' }, 'b');
      await service.artifacts.deleteArtifact({ artifact: byName('s', 'a') });
      await seal(service);
      const rest: WatchSessionResponse[] = [];
      for (let next = await messages.next(); !next.done; next = await messages.next()) rest.push(next.value);
      expect(rest.map(told)).toEqual(['2 b', '3 deleted', '4 sealed']);
      expect(rest[1]!.event.value).toMatchObject({ artifactId: expect.stringMatching(/^art_/) });
      expect(rest[1]!.time).toBeDefined();
      expect(rest[2]!.event.value).toMatchObject({
        id: 's',
        outcome: SessionOutcome.SUCCEEDED,
        manifest: { lineCount: 1n },
      });
    });

    it('resumes after a number, and is told of a seal that was', async () => {
      const service = await opened();
      for (const name of ['a', 'b', 'c']) await create(service, { session: 's', name }, name);
      await seal(service);
      expect(await all(service.sessions.watchSession({ session: 's', afterSequence: 2n }))).toEqual([
        '3 c',
        '4 sealed',
      ]);
      expect(await all(service.sessions.watchSession({ session: 's', afterSequence: 4n }))).toEqual([
        '4 sealed',
      ]);
      expect(await all(service.sessions.watchSession({ session: 's', sealOnly: true }))).toEqual([
        '4 sealed',
      ]);
    });

    it('waits for a session that is not there', async () => {
      const service = await opened();
      const watched = all(service.sessions.watchSession({ session: 's', waitForOpen: true }));
      await create(service, { session: 's', name: 'a' }, 'a');
      await seal(service);
      // It may have begun after the first of these.
      expect((await watched).filter((line) => line !== '0 heartbeat')).toEqual(['1 a', '2 sealed']);
    });

    it.each([
      ['of what has nothing to tell yet', { afterSequence: 1n }, '1 heartbeat'],
      ['of the seal alone', { sealOnly: true }, '1 heartbeat'],
      ['of what is not there yet', { session: 'later', waitForOpen: true }, '0 heartbeat'],
      ['of what has something to tell', {}, '1 a'],
    ])('%s is answered at once', async (_what, wanted, first) => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'a');
      const given = new AbortController();
      const watched = service.sessions.watchSession({ session: 's', ...wanted }, { signal: given.signal });
      const messages = watched[Symbol.asyncIterator]();
      const { value } = await messages.next();
      expect(told(value as WatchSessionResponse)).toBe(first);
      expect((value as WatchSessionResponse).time).toBeDefined();
      given.abort();
      await refusal(messages.next());
    });

    it('is over when the caller gives up', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'a');
      const given = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const message of service.sessions.watchSession(
          { session: 's' },
          { signal: given.signal },
        )) {
          seen.push(told(message));
          given.abort();
        }
      })();
      expect(await refusal(watching)).toMatchObject({ code: 'Canceled' });
      expect(seen).toEqual(['1 a']);
      await expect
        .poll(() => service.calls.at(-1))
        .toMatchObject({
          method: 'artifacta.v1.SessionService/WatchSession',
          outcome: 'CANCELLED',
        });
    });
  });

  describe('a watch is refused', () => {
    it.each([
      ['of no session', { session: 'none' }, { code: 'NotFound', reason: 'SESSION_NOT_FOUND' }],
      [
        'after a number above the last',
        { session: 's', afterSequence: 2n },
        { code: 'InvalidArgument', fields: ['after_sequence'] },
      ],
      [
        'after a negative number',
        { session: 's', afterSequence: -1n },
        { code: 'InvalidArgument', fields: ['after_sequence'] },
      ],
      ['without a session', {}, { code: 'InvalidArgument', fields: ['session'] }],
    ])('%s', async (_what, request, expected) => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'a');
      expect(await refusal(all(service.sessions.watchSession(request)))).toMatchObject(expected);
    });
  });
}
