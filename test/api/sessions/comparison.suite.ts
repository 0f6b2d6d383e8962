import { describe, expect, it } from 'vitest';
import { DifferenceKind, type SessionDifference } from '../../../gen/artifacta/v1/compare_pb.ts';
import { byName, create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

const { ADDED, REMOVED, CONTENT, METADATA, NONE } = DifferenceKind;

/** CompareSessions through a listener. */
export function comparisonSuite(open: OpenService): void {
  const opened = checked(open);

  /** One name for each way to differ; some are in both sessions only by their older versions. */
  async function runs(): Promise<Service> {
    const service = await opened();
    for (const session of ['good', 'bad'])
      await service.sessions.openSession({ session, metadata: { agent: session } });
    const push = (session: string, name: string, content: string, said = {}) =>
      create(service, { session, name, ...said }, content);
    await push('good', 'removed', 'x');
    await push('bad', 'added', 'x');
    await push('good', 'same', 'x', { labels: { l: '1' } });
    await push('bad', 'same', 'y');
    await push('bad', 'same', 'x', { labels: { l: '2' } });
    await push('good', 'type', 'x', { contentType: 'text/plain' });
    await push('bad', 'type', 'x', { contentType: 'text/html' });
    await push('good', 'metadata', 'x', { metadata: { own: '1' } });
    await push('bad', 'metadata', 'x', { metadata: { own: '2' } });
    await push('good', 'both', 'x', { metadata: { own: '1' } });
    await push('bad', 'both', 'y', { metadata: { own: '2' } });
    await push('good', 'deleted', 'x');
    await push('bad', 'deleted', 'x');
    await push('bad', 'deleted', 'y');
    await service.artifacts.deleteArtifact({ artifact: byName('bad', 'deleted') });
    await push('good', 'expired', 'x', { expiry: { case: 'ttl', value: { seconds: 60n } } });
    await push('bad', 'expired', 'x');
    service.clock.now += 61_000;
    return service;
  }

  async function compare(service: Service, asked: { showUnchanged?: boolean; pageSize?: number } = {}) {
    const found: SessionDifference[] = [];
    for (let pageToken = ''; ; ) {
      const page = await service.sessions.compareSessions({
        baseSession: 'good',
        session: 'bad',
        ...asked,
        pageToken,
      });
      found.push(...page.differences);
      pageToken = page.nextPageToken;
      if (pageToken === '') return found;
    }
  }

  const shown = (found: readonly SessionDifference[]) =>
    found.map(({ name, kind, base, compared }) => [name, kind, base?.version, compared?.version]);

  describe('a comparison of sessions', () => {
    const differences = [
      ['added', ADDED, undefined, 1n],
      ['both', CONTENT, 1n, 1n],
      ['deleted', REMOVED, 1n, undefined],
      ['expired', ADDED, undefined, 1n],
      ['metadata', METADATA, 1n, 1n],
      ['removed', REMOVED, 1n, undefined],
      ['type', METADATA, 1n, 1n],
    ];

    it('tells each name that differs, and in which way', async () => {
      const service = await runs();
      const found = await compare(service);
      expect(shown(found)).toEqual(differences);
      const { artifact } = await service.artifacts.getArtifact({ artifact: byName('bad', 'both') });
      expect(found[1]!.compared).toEqual(artifact);
      for (const pageSize of [1, 2, 7]) expect(await compare(service, { pageSize })).toEqual(found);
    });

    it('tells also those that do not, if asked', async () => {
      const service = await runs();
      const all = [...differences.slice(0, 6), ['same', NONE, 1n, 2n], differences[6]];
      expect(shown(await compare(service, { showUnchanged: true }))).toEqual(all);
      expect(shown(await compare(service, { showUnchanged: true, pageSize: 3 }))).toEqual(all);
    });

    it('of a session with itself finds nothing', async () => {
      const service = await runs();
      const itself = { baseSession: 'bad', session: 'bad' };
      expect((await service.sessions.compareSessions(itself)).differences).toEqual([]);
      const all = await service.sessions.compareSessions({ ...itself, showUnchanged: true });
      expect(all.differences.map(({ name, kind }) => [name, kind])).toEqual(
        ['added', 'both', 'expired', 'metadata', 'same', 'type'].map((name) => [name, NONE]),
      );
    });

    it('takes its own page tokens only, whatever the page size', async () => {
      const service = await runs();
      const asked = { baseSession: 'good', session: 'bad' };
      const { nextPageToken: pageToken } = await service.sessions.compareSessions({ ...asked, pageSize: 1 });
      const next = await service.sessions.compareSessions({ ...asked, pageToken, pageSize: 2 });
      expect(shown(next.differences)).toEqual(differences.slice(1, 3));
      for (const other of [
        { baseSession: 'bad', session: 'good', pageToken },
        { ...asked, showUnchanged: true, pageToken },
        { ...asked, pageToken: pageToken.slice(0, -1) },
      ])
        expect(await refusal(service.sessions.compareSessions(other))).toMatchObject({
          code: 'InvalidArgument',
          reason: 'PAGE_TOKEN_INVALID',
          fields: ['page_token'],
        });
    });

    it.each([
      ['no base', { baseSession: '' }, 'base_session'],
      ['no session', { session: '' }, 'session'],
      ['a base that is no id', { baseSession: 'a/b' }, 'base_session'],
      ['a negative page size', { pageSize: -1 }, 'page_size'],
    ])('refuses %s', async (_what, wrong, field) => {
      const service = await opened();
      const asked = { baseSession: 'good', session: 'bad', ...wrong };
      expect(await refusal(service.sessions.compareSessions(asked))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      });
    });

    it.each([
      [{ baseSession: 'nobody' }, 'nobody'],
      [{ session: 'nobody' }, 'nobody'],
    ])('with a session that is not there is refused: %o', async (wrong, session) => {
      const service = await runs();
      const asked = { baseSession: 'good', session: 'bad', ...wrong };
      expect(await refusal(service.sessions.compareSessions(asked))).toMatchObject({
        code: 'NotFound',
        reason: 'SESSION_NOT_FOUND',
        metadata: { session },
      });
    });
  });
}
