import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { create, refusal } from '../../support/calls.ts';
import { checked, type OpenService, type Service, startOfTime } from '../../support/service.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** @param unsendable names of cases whose values this listener cannot carry. */
export function shareLinksSuite(open: OpenService, unsendable: readonly string[] = []): void {
  const opened = checked(open);
  const named = (name: string, session = 's') =>
    ({ by: { case: 'name', value: { session, name } } }) as const;
  const ttl = (seconds: bigint, nanos = 0) => ({ case: 'ttl', value: { seconds, nanos } }) as const;
  const share = (service: Service, name = 'a', expiry?: ReturnType<typeof ttl>) =>
    service.artifacts.createShareLink({ artifact: named(name), ...(expiry ? { expiry } : {}) });
  const idsOf = async (
    service: Service,
    request: Parameters<Service['artifacts']['listShareLinks']>[0] = {},
  ) => (await service.artifacts.listShareLinks(request)).shareLinks.map(({ id }) => id).sort();
  const msOf = (time: Timestamp | undefined) => timestampMs(time!);

  describe('a link', () => {
    it('is for one version, for a day, and tells its token once', async () => {
      const service = await opened();
      const { artifact } = await create(service, { session: 's', name: 'a' }, 'x');
      const { shareLink, token, path, url } = await share(service);
      expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect([path, url]).toEqual([`/s/${token}`, '']);
      expect(shareLink).toMatchObject({ artifactId: artifact!.id, session: 's', name: 'a', version: 1n });
      expect(shareLink!.id).toMatch(/^lnk_/);
      expect(shareLink!.id).not.toContain(token);
      expect(msOf(shareLink!.expireTime)).toBe(startOfTime + dayMs);
      const [listed] = (await service.artifacts.listShareLinks({})).shareLinks;
      expect(listed).toEqual(shareLink);
      expect((await share(service)).token).not.toBe(token);
    });

    it('ends with the artifact, if that ends earlier', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a', expiry: ttl(3_600n) }, 'x');
      expect(msOf((await share(service)).shareLink!.expireTime)).toBe(startOfTime + hourMs);
      expect(msOf((await share(service, 'a', ttl(60n))).shareLink!.expireTime)).toBe(startOfTime + 60_000);
    });

    it('asked for with a URL is refused where there is none, and not made', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      const call = service.artifacts.createShareLink({ artifact: named('a'), requireUrl: true });
      expect(await refusal(call)).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'PUBLIC_URL_REQUIRED',
      });
      expect(await idsOf(service, { showEnded: true })).toEqual([]);
    });

    it('is not made for what is not there', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'gone', expiry: ttl(1n) }, 'x');
      await create(service, { session: 'deleted', name: 'a' }, 'x');
      await service.sessions.deleteSession({ session: 'deleted' });
      service.clock.now += 1_000;
      const reasonOf = async (name: string, session?: string) =>
        (await refusal(service.artifacts.createShareLink({ artifact: named(name, session) }))).reason;
      expect(await reasonOf('none')).toBe('ARTIFACT_NOT_FOUND');
      expect(await reasonOf('gone')).toBe('ARTIFACT_EXPIRED');
      expect(await reasonOf('a', 'never')).toBe('SESSION_NOT_FOUND');
      expect(await reasonOf('a', 'deleted')).toBe('SESSION_NOT_FOUND');
      expect(await idsOf(service, { showEnded: true })).toEqual([]);
    });
  });

  describe('links', () => {
    async function filled() {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      await create(service, { session: 's', name: 'b' }, 'x');
      await create(service, { session: 't', name: 'a' }, 'x');
      const made = async (name: string, session?: string) =>
        (await service.artifacts.createShareLink({ artifact: named(name, session) })).shareLink!.id;
      return { service, a: [await made('a'), await made('a')], b: await made('b'), t: await made('a', 't') };
    }

    it('are listed by artifact, session and namespace, in pages', async () => {
      const { service, a, b, t } = await filled();
      expect(await idsOf(service)).toEqual([...a, b, t].sort());
      expect(await idsOf(service, { scope: { case: 'session', value: 's' } })).toEqual([...a, b].sort());
      expect(await idsOf(service, { scope: { case: 'artifact', value: named('a') } })).toEqual([...a].sort());
      const paged: string[] = [];
      for (let pageToken = ''; ; ) {
        const page = await service.artifacts.listShareLinks({ pageSize: 1, pageToken });
        expect(page.shareLinks.length).toBeLessThanOrEqual(1);
        paged.push(...page.shareLinks.map(({ id }) => id));
        pageToken = page.nextPageToken;
        if (pageToken === '') break;
      }
      expect(paged.sort()).toEqual([...a, b, t].sort());
      const { nextPageToken: pageToken } = await service.artifacts.listShareLinks({ pageSize: 1 });
      const other = service.artifacts.listShareLinks({ pageToken, showEnded: true });
      expect(await refusal(other)).toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
    });

    it('are revoked one by one, by artifact and by session', async () => {
      const { service, a, b, t } = await filled();
      const revoke = async (target: Parameters<Service['artifacts']['revokeShareLinks']>[0]['target']) =>
        (await service.artifacts.revokeShareLinks({ target: target! })).revokedCount;
      expect(await revoke({ case: 'shareLinkId', value: a[0]! })).toBe(1n);
      expect(await revoke({ case: 'shareLinkId', value: a[0]! })).toBe(0n);
      expect(await idsOf(service)).toEqual([a[1]!, b, t].sort());
      expect(await revoke({ case: 'artifact', value: named('a') })).toBe(1n);
      expect(await idsOf(service)).toEqual([b, t].sort());
      expect(await revoke({ case: 'session', value: 's' })).toBe(1n);
      expect(await idsOf(service)).toEqual([t]);
      const ended = await service.artifacts.listShareLinks({ showEnded: true });
      expect(ended.shareLinks.filter(({ revokeTime }) => revokeTime !== undefined)).toHaveLength(3);
      const unknown = service.artifacts.revokeShareLinks({
        target: { case: 'shareLinkId', value: `lnk_${'x'.repeat(43)}` },
      });
      expect(await refusal(unknown)).toMatchObject({ code: 'NotFound', reason: 'SHARE_LINK_NOT_FOUND' });
    });

    it('that have expired are shown on request, until they are reaped', async () => {
      const { service, a, b, t } = await filled();
      service.clock.now += dayMs;
      expect(await idsOf(service)).toEqual([]);
      expect(await idsOf(service, { showEnded: true })).toEqual([...a, b, t].sort());
      const reaped = await service.store.reaper.reap({ limit: 1_000 });
      expect(reaped.others).toBe(4);
      expect(await idsOf(service, { showEnded: true })).toEqual([]);
    });
  });

  describe('what makes no sense is refused', () => {
    type Call = (service: Service) => Promise<unknown>;
    const sharing =
      (request: object): Call =>
      (service) =>
        service.artifacts.createShareLink({ artifact: named('a'), ...request });
    const cases: [string, Call, string][] = [
      ['a link to nothing', (service) => service.artifacts.createShareLink({}), 'artifact'],
      ['a ttl of 0', sharing({ expiry: ttl(0n) }), 'ttl'],
      ['a negative ttl', sharing({ expiry: ttl(-1n) }), 'ttl'],
      ['a ttl of more than 30 days', sharing({ expiry: ttl(30n * 86_400n + 1n) }), 'ttl'],
      ['an overflowing ttl', sharing({ expiry: ttl(2n ** 63n - 1n) }), 'ttl'],
      [
        'an expiry in the past',
        sharing({ expiry: { case: 'expireTime', value: { seconds: 1n, nanos: 0 } } }),
        'expire_time',
      ],
      ['revoking nothing', (service) => service.artifacts.revokeShareLinks({}), 'target'],
      [
        'revoking what is no link',
        (service) => service.artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: 'x' } }),
        'share_link_id',
      ],
      [
        'a session that is none',
        (service) => service.artifacts.listShareLinks({ scope: { case: 'session', value: '..' } }),
        'session',
      ],
      ['a negative page size', (service) => service.artifacts.listShareLinks({ pageSize: -1 }), 'page_size'],
    ];

    it.each(cases.filter(([what]) => !unsendable.includes(what)))('%s', async (_what, call, field) => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect(await refusal(call(service))).toMatchObject({ code: 'InvalidArgument', fields: [field] });
      expect(await idsOf(service, { showEnded: true })).toEqual([]);
    });
  });
}
