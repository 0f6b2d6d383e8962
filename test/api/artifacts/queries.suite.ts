import { describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import { byId, create, refusal, someBytes, upload } from '../../support/calls.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';

export function queriesSuite(open: OpenService): void {
  const opened = checked(open);

  /** Two agents in three sessions, one artifact a minute; the first session failed, the second succeeded. */
  async function filled(): Promise<Service> {
    const service = await opened();
    const agents = { one: 'billing', two: 'support', three: 'billing' };
    for (const [session, agent] of Object.entries(agents)) {
      await service.sessions.openSession({ session, metadata: { agent, pipeline: 'nightly' } });
      for (const [name, contentType] of [
        ['report.json', 'application/json'],
        ['log.txt', 'text/plain'],
      ] as const) {
        await create(
          service,
          { session, name, contentType, labels: { step: session } },
          `${session} ${name}`,
        );
        service.clock.now += 60_000;
      }
    }
    await service.sessions.sealSession({ session: 'one', outcome: SessionOutcome.FAILED });
    await service.sessions.sealSession({ session: 'two', outcome: SessionOutcome.SUCCEEDED });
    return service;
  }

  async function found(
    service: Service,
    filter: string,
    options: { order?: ListOrder; session?: string } = {},
  ) {
    const { artifacts } = await service.artifacts.listArtifacts({ filter, ...options });
    return artifacts.map(({ session, name }) => `${session}/${name}`);
  }

  describe('artifacts are found', () => {
    it('over all sessions, newest first or oldest first', async () => {
      const service = await filled();
      const filter =
        'metadata.agent = "billing" AND content_type = "application/json" AND create_time > now-7d';
      expect(await found(service, filter)).toEqual(['three/report.json', 'one/report.json']);
      expect(await found(service, filter, { order: ListOrder.OLDEST_FIRST })).toEqual([
        'one/report.json',
        'three/report.json',
      ]);
      expect(await found(service, '')).toHaveLength(6);
      expect(await found(service, filter, { session: 'one' })).toEqual(['one/report.json']);
    });

    it('by anything that is known of them', async () => {
      const service = await filled();
      expect(await found(service, 'session.outcome = FAILED')).toEqual(['one/log.txt', 'one/report.json']);
      expect(
        await found(service, 'session.state = OPEN AND name = "*.json"'.replace('*.json', 'report*')),
      ).toEqual(['three/report.json']);
      expect(await found(service, 'labels.step = two OR labels.step = three AND name = log.txt')).toEqual([
        'three/log.txt',
        'two/log.txt',
      ]);
      expect(await found(service, 'NOT metadata.agent = billing AND size_bytes > 11')).toEqual([
        'two/report.json',
      ]);
      const { artifacts } = await service.artifacts.listArtifacts({
        filter: 'name = log.txt AND session = one',
      });
      expect(await found(service, `sha256 = ${artifacts[0]!.sha256.toUpperCase()}`)).toEqual(['one/log.txt']);
    });

    it('as they are now: superseded, relabelled, deleted and expired ones are not', async () => {
      const service = await filled();
      const old = (await service.artifacts.listArtifacts({ filter: 'session = three' })).artifacts;
      await create(service, { session: 'three', name: 'report.json', contentType: 'text/html' }, 'other');
      expect(await found(service, 'session = three AND content_type = application/json')).toEqual([]);
      const log = byId(old.find(({ name }) => name === 'log.txt')!.id);
      await service.artifacts.updateArtifact({ artifact: log, changes: { labels: { step: 'done' } } });
      expect(await found(service, 'labels.step = three')).toEqual([]);
      expect(await found(service, 'labels.step = done')).toEqual(['three/log.txt']);
      await service.artifacts.deleteArtifact({ artifact: log });
      expect(await found(service, 'session = three')).toEqual(['three/report.json']);
      const ttl = { case: 'ttl' as const, value: { seconds: 5n, nanos: 0 } };
      await create(service, { session: 'three', name: 'brief', expiry: ttl }, 'x');
      expect(await found(service, 'expire_time:*')).toEqual(['three/brief']);
      service.clock.now += 5_000;
      expect(await found(service, 'expire_time:*')).toEqual([]);
    });

    it('page by page, `now` staying what it was', async () => {
      const service = await filled();
      const filter = 'create_time > now-6m';
      const names: string[] = [];
      let pageToken = '';
      do {
        const page = await service.artifacts.listArtifacts({ filter, pageSize: 2, pageToken });
        names.push(...page.artifacts.map(({ session, name }) => `${session}/${name}`));
        pageToken = page.nextPageToken;
        service.clock.now += 120_000;
      } while (pageToken !== '');
      expect(names).toEqual([
        'three/log.txt',
        'three/report.json',
        'two/log.txt',
        'two/report.json',
        'one/log.txt',
      ]);
    });
  });

  describe('a query tells', () => {
    it('how it was understood and what it took', async () => {
      const service = await filled();
      const filter = 'metadata.agent = billing AND create_time > now-1h AND size_bytes > 3';
      const { explanation } = await service.artifacts.listArtifacts({ filter, explain: true });
      expect(explanation).toMatchObject({
        filter: 'metadata."agent" = "billing" AND create_time > 2026-01-02T02:10:05.000Z AND size_bytes > 3',
        driver: 'metadata."agent" = "billing"',
        tests: ['size_bytes > 3'],
        entriesRead: 4n,
        probes: 0n,
        // Four artifacts and their two sessions.
        recordsRead: 6n,
      });
      expect(explanation!.budget).toBeGreaterThan(1_000n);
      const plain = await service.artifacts.listArtifacts({ filter });
      expect(plain.explanation).toBeUndefined();
    });

    it('that few sessions of a state drive it, and otherwise each is asked once', async () => {
      const service = await filled();
      const ask = async (filter: string) =>
        (await service.artifacts.listArtifacts({ filter, explain: true })).explanation!;
      expect(await ask('session.outcome = FAILED')).toMatchObject({
        driver: 'session.outcome = "FAILED"',
        tests: [],
        // The session, and its artifacts.
        entriesRead: 3n,
      });
      expect(await ask('session.state != OPEN')).toMatchObject({
        driver: 'time',
        tests: ['session.state != "OPEN"'],
        // Six artifacts in three sessions.
        recordsRead: 9n,
      });
    });

    it('how many there are in all, with the first page', async () => {
      const service = await filled();
      const ask = (pageToken: string, pageSize: number) =>
        service.artifacts.listArtifacts({
          filter: 'name = log.txt',
          estimateTotal: true,
          pageSize,
          pageToken,
        });
      expect((await ask('', 100)).approximateTotal).toBe(3n);
      const first = await ask('', 1);
      expect(first.approximateTotal).toBe(3n);
      expect((await ask(first.nextPageToken, 1)).approximateTotal).toBeUndefined();
      expect((await service.artifacts.listArtifacts({})).approximateTotal).toBeUndefined();
    });

    it('how texts begin, large and small ones', async () => {
      const service = await opened();
      const put = (name: string, content: string | Uint8Array) =>
        upload(service, { session: 's', name }, typeof content === 'string' ? Buffer.from(content) : content);
      const large = 'große Zahlen '.repeat(10_000);
      await put('small.txt', 'short');
      await put('large.txt', large);
      await put('small.bin', Buffer.from([0xff, 0xfe, 1]));
      await put('large.bin', someBytes(100_000));
      await put('zeros', Buffer.alloc(50));
      // More than what lies in the index, and less.
      for (const times of [1, 10_000]) {
        await put(`marked ${times}`, `\ufeff${'é\n'.repeat(times)}`);
        await put(`wide ${times}`, Buffer.from(`\ufeff${'é\n'.repeat(times)}`, 'utf16le').swap16());
        await put(`latin ${times}`, Buffer.from('\xe9 is one of several\n'.repeat(times), 'latin1'));
      }
      const previewed = async (previewBytes: number) => {
        const page = await service.artifacts.listArtifacts({ session: 's', previewBytes });
        const names = new Map(page.artifacts.map(({ id, name }) => [id, name]));
        return Object.fromEntries(Object.entries(page.previews).map(([id, text]) => [names.get(id)!, text]));
      };
      expect(await previewed(0)).toEqual({});
      // The fourth character has two bytes, of which the second would be the fifth.
      expect(await previewed(4)).toEqual({
        'small.txt': 'shor',
        'large.txt': 'gro',
        'marked 1': 'é\n',
        'marked 10000': 'é\n',
        'wide 1': 'é\n',
        'wide 10000': 'é\n',
        'latin 1': '\ufffd ',
        'latin 10000': '\ufffd ',
      });
      const whole = await previewed(2 ** 31 - 1);
      const odd = ['marked', 'wide', 'latin'].flatMap((name) => [`${name} 1`, `${name} 10000`]);
      expect(Object.keys(whole).sort()).toEqual([...odd, 'large.txt', 'small.txt'].sort());
      expect(Buffer.byteLength(whole['large.txt']!)).toBeLessThanOrEqual(1_024);
      expect(large.startsWith(whole['large.txt']!)).toBe(true);
      expect(whole['large.txt']!.length).toBeGreaterThan(900);
    });
  });

  describe('sessions are found', () => {
    it.each([
      ['metadata.agent = billing', ['three', 'one']],
      ['metadata.agent = billing AND session.state = OPEN', ['three']],
      ['session.outcome = FAILED OR session.outcome = SUCCEEDED', ['two', 'one']],
      ['session = two OR session = none', ['two']],
      ['session = t*', ['three', 'two']],
      ['seal_time:*', ['two', 'one']],
      ['NOT seal_time:* AND metadata:pipeline', ['three']],
      ['create_time > now-3m', ['three']],
      ['expire_time < now', []],
    ])('%s', async (filter, ids) => {
      const service = await filled();
      const { sessions, explanation } = await service.sessions.listSessions({ filter, explain: true });
      expect(sessions.map(({ id }) => id)).toEqual(ids);
      expect(explanation!.filter).not.toBe('');
      const order = ListOrder.OLDEST_FIRST;
      const reversed = (await service.sessions.listSessions({ filter, order })).sessions;
      expect(reversed.map(({ id }) => id)).toEqual(ids.toReversed());
    });
  });

  describe('a query is refused', () => {
    it('with the column of what is wrong in the filter', async () => {
      const service = await opened();
      const expected = { code: 'InvalidArgument', reason: 'INVALID_ARGUMENT', fields: ['filter'] };
      for (const filter of ['craete_time > now-7d', '(name = a', 'size_bytes > big', 'x'.repeat(5_000)]) {
        expect(await refusal(service.artifacts.listArtifacts({ filter }))).toMatchObject(expected);
        expect(await refusal(service.sessions.listSessions({ filter }))).toMatchObject(expected);
      }
      const refused = await refusal(service.artifacts.listArtifacts({ filter: 'craete_time > now-7d' }));
      expect(refused.message).toContain('column 1: no field is named craete_time; did you mean create_time?');
    });

    it('with a token of another one, or an altered one', async () => {
      const service = await filled();
      const filter = 'metadata.pipeline = nightly';
      const { nextPageToken: pageToken } = await service.artifacts.listArtifacts({ filter, pageSize: 1 });
      const expected = { code: 'InvalidArgument', reason: 'PAGE_TOKEN_INVALID', fields: ['page_token'] };
      const altered = `${pageToken.slice(0, 30)}${pageToken[30] === 'A' ? 'B' : 'A'}${pageToken.slice(31)}`;
      for (const request of [
        { filter: `${filter} `, pageToken },
        { filter, pageToken, order: ListOrder.OLDEST_FIRST },
        { filter, pageToken, session: 'one' },
        { filter, pageToken: altered },
        { filter, pageToken: `${pageToken}A` },
        { filter, pageToken: 'x'.repeat(5_000) },
      ])
        expect(await refusal(service.artifacts.listArtifacts(request))).toMatchObject(expected);
      expect(await refusal(service.sessions.listSessions({ filter, pageToken }))).toMatchObject(expected);
    });

    it('with a token that is 24 hours old', async () => {
      const service = await filled();
      const list = (pageToken: string) => service.artifacts.listArtifacts({ pageSize: 1, pageToken });
      const { nextPageToken } = await list('');
      service.clock.now += 24 * 3_600_000 - 1;
      const second = await list(nextPageToken);
      service.clock.now += 1;
      expect(await refusal(list(nextPageToken))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'PAGE_TOKEN_INVALID',
        fields: ['page_token'],
        message: 'page_token: must be less than 24 hours old; start again without one',
      });
      expect((await list(second.nextPageToken)).artifacts).toHaveLength(1);
    });

    it.each([
      ['a negative preview', { previewBytes: -1 }, 'preview_bytes'],
      ['a negative page', { pageSize: -1 }, 'page_size'],
      ['a name without a session', { name: 'a' }, 'session'],
      ['versions without a session', { allVersions: true }, 'session'],
      ['what is gone without a session', { showGone: true }, 'session'],
      ['what is gone with a filter', { showGone: true, session: 's', filter: 'name = a' }, 'filter'],
    ])('with %s', async (_what, request, field) => {
      const service = await opened();
      expect(await refusal(service.artifacts.listArtifacts(request))).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      });
    });
  });
}
