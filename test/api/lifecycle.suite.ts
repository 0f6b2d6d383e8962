import { timestampMs } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { AdminService } from '../../gen/artifacta/v1/admin_service_pb.ts';
import { ExpirySource } from '../../gen/artifacta/v1/artifact_pb.ts';
import { MaintenanceService } from '../../gen/artifacta/v1/maintenance_service_pb.ts';
import { SessionOutcome } from '../../gen/artifacta/v1/outcome_pb.ts';
import { SessionState } from '../../gen/artifacta/v1/session_pb.ts';
import { create, refusal } from '../support/calls.ts';
import { checked, type OpenService, type Service, startOfTime, testRoutes } from '../support/service.ts';

const hourMs = 3_600_000;
const days = (count: number) => ({ seconds: BigInt(count) * 86_400n, nanos: 0 });

interface LifecycleOptions {
  /** Names of cases whose values this listener cannot carry. */
  readonly unsendable?: readonly string[];
  /** Whoever comes through this listener is an operator. Else what operators do is called from within the process. */
  readonly forOperators?: boolean;
}

export function lifecycleSuite(
  open: OpenService,
  { unsendable = [], forOperators = false }: LifecycleOptions = {},
): void {
  const opened = checked(open, { reaped: true });
  const operatorOf = (service: Service) =>
    forOperators ? service.transport : createRouterTransport(testRoutes(service.store, service.calls));
  const adminOf = (service: Service) => createClient(AdminService, operatorOf(service));
  const maintenanceOf = (service: Service) => createClient(MaintenanceService, operatorOf(service));
  const sealed = async (service: Service, outcome: SessionOutcome = SessionOutcome.SUCCEEDED) =>
    (await service.sessions.sealSession({ session: 's', outcome })).session!;
  const byName = { by: { case: 'name', value: { session: 's', name: 'a' } } } as const;

  describe('an expiry', () => {
    it('comes from the session’s retention, and says so', async () => {
      const service = await opened();
      const retention = {
        succeededTtl: days(30),
        failedTtl: days(14),
        keepLast: { count: 3, metadataKey: 'pipeline', outcomes: [SessionOutcome.SUCCEEDED] },
      };
      const { session } = await service.sessions.openSession({ session: 's', retention });
      expect(session!.retention).toMatchObject({ failedTtl: days(14), keepLast: retention.keepLast });
      await create(service, { session: 's', name: 'a' }, 'x');
      const end = await sealed(service, SessionOutcome.FAILED);
      expect([timestampMs(end.expireTime!), end.kept]).toEqual([startOfTime + 14 * 24 * hourMs, false]);
      const { artifact } = await service.artifacts.getArtifact({ artifact: byName });
      expect(artifact).toMatchObject({
        expireTime: end.expireTime,
        expirySource: ExpirySource.SESSION_POLICY,
      });
      service.clock.now += 14 * 24 * hourMs;
      expect(await refusal(service.artifacts.getArtifact({ artifact: byName }))).toMatchObject({
        code: 'NotFound',
        reason: 'ARTIFACT_EXPIRED',
      });
      expect(await refusal(create(service, { session: 's', name: 'b' }, 'x'))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'SESSION_GONE',
      });
      expect(await maintenanceOf(service).reapExpired({})).toMatchObject({
        artifactCount: 1n,
        sizeBytes: 1n,
        sessionCount: 1n,
        more: false,
      });
      const gone = { code: 'NotFound', reason: 'SESSION_NOT_FOUND' };
      expect(await refusal(service.artifacts.getArtifact({ artifact: byName }))).toMatchObject(gone);
    });

    it('of a kept session there is none', async () => {
      const service = await opened();
      await service.sessions.openSession({
        session: 's',
        metadata: { pipeline: 'p' },
        retention: { succeededTtl: days(1), keepLast: { count: 1, metadataKey: 'pipeline' } },
      });
      const end = await sealed(service);
      expect([end.kept, end.expireTime]).toEqual([true, undefined]);
      expect(end.retention!.keepLast!.outcomes).toEqual([SessionOutcome.SUCCEEDED]);
    });
  });

  describe('a lease', () => {
    it('seals the session when nobody renews it', async () => {
      const service = await opened();
      const { session } = await service.sessions.openSession({
        session: 's',
        lease: { seconds: 60n, nanos: 0 },
      });
      expect(session!.lease!.duration!.seconds).toBe(60n);
      expect(timestampMs(session!.lease!.expireTime!)).toBe(startOfTime + 60_000);
      service.clock.now += 30_000;
      const touched = await service.sessions.updateSession({ session: 's', touch: true });
      expect(timestampMs(touched.session!.lease!.expireTime!)).toBe(startOfTime + 90_000);
      service.clock.now += hourMs;
      const { session: lapsed } = await service.sessions.getSession({ session: 's' });
      expect(lapsed).toMatchObject({ state: SessionState.SEALED, outcome: SessionOutcome.ABANDONED });
      expect(timestampMs(lapsed!.sealTime!)).toBe(startOfTime + 90_000);
      const late = service.sessions.updateSession({ session: 's', touch: true });
      expect(await refusal(late)).toMatchObject({ reason: 'SESSION_SEALED' });
      expect((await service.sessions.getSession({ session: 's' })).session!.manifest?.lineCount).toBe(0n);
    });
  });

  describe('deleting a session', () => {
    it('takes it away with all that is in it; its id stays taken', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      expect((await service.sessions.deleteSession({ session: 's' })).deleted).toBe(true);
      expect((await service.sessions.deleteSession({ session: 's' })).deleted).toBe(false);
      expect(await refusal(service.sessions.getSession({ session: 's' }))).toMatchObject({
        code: 'NotFound',
        reason: 'SESSION_NOT_FOUND',
      });
      expect((await service.sessions.listSessions({})).sessions).toEqual([]);
      expect((await service.artifacts.listArtifacts({})).artifacts).toEqual([]);
      for (const call of [
        () => create(service, { session: 's', name: 'b' }, 'x'),
        () => service.sessions.openSession({ session: 's' }),
      ])
        expect(await refusal(call())).toMatchObject({ code: 'FailedPrecondition', reason: 'SESSION_GONE' });
    });

    it('and holding what is in it do not go together', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a' }, 'x');
      await service.artifacts.updateArtifact({ artifact: byName, changes: { hold: true } });
      expect(await refusal(service.sessions.deleteSession({ session: 's' }))).toMatchObject({
        code: 'FailedPrecondition',
        reason: 'ARTIFACT_HELD',
        metadata: { session: 's', holds: '1' },
      });
      expect((await service.artifacts.getArtifact({ artifact: byName })).artifact!.hold).toBe(true);
    });
  });

  describe('the retention of a namespace', () => {
    it('is set, read, and applied to earlier sessions', async () => {
      const service = await opened();
      const admin = adminOf(service);
      await create(service, { session: 's', name: 'a' }, 'xyz');
      await sealed(service);
      const namespace = service.calls.at(-1)!.namespace;
      const { retentionPolicy: none } = await admin.getRetentionPolicy({ namespace });
      expect([none!.namespace, none!.retention, none!.updateTime]).toEqual([namespace, undefined, undefined]);
      const wanted = { namespace, retention: { succeededTtl: days(1) } };
      const { retentionPolicy: set } = await admin.setRetentionPolicy({ ...wanted, etag: none!.etag });
      expect((await admin.getRetentionPolicy({ namespace })).retentionPolicy).toEqual(set);
      const stale = admin.setRetentionPolicy({ ...wanted, etag: none!.etag });
      expect(await refusal(stale)).toMatchObject({ code: 'Aborted', reason: 'ETAG_MISMATCH' });
      const tried = await admin.applyRetentionPolicy({ namespace, validateOnly: true });
      expect(tried).toMatchObject({
        sessionCount: 1n,
        changes: [{ session: 's', artifactCount: 1n, sizeBytes: 3n }],
        nextPageToken: '',
      });
      expect((await service.sessions.getSession({ session: 's' })).session!.expireTime).toBeUndefined();
      expect((await admin.applyRetentionPolicy({ namespace })).changes).toEqual(tried.changes);
      const { session } = await service.sessions.getSession({ session: 's' });
      expect(session!.expireTime).toEqual(tried.changes[0]!.newExpireTime);
    });

    it('of a namespace that does not exist there is none', async () => {
      const admin = adminOf(await opened());
      for (const call of [
        () => admin.getRetentionPolicy({ namespace: 'nowhere' }),
        () => admin.setRetentionPolicy({ namespace: 'nowhere' }),
        () => admin.applyRetentionPolicy({ namespace: 'nowhere' }),
      ])
        expect(await refusal(call())).toMatchObject({ code: 'NotFound', reason: 'NAMESPACE_NOT_FOUND' });
    });
  });

  describe('reaping', () => {
    it('is bounded, says whether there is more, and when the next is due', async () => {
      const service = await opened();
      const ttl = (seconds: bigint) => ({ case: 'ttl', value: { seconds, nanos: 0 } }) as const;
      for (const name of ['a', 'b', 'c'])
        await create(service, { session: 's', name, expiry: ttl(60n) }, name);
      await create(service, { session: 's', name: 'd', expiry: ttl(600n) }, 'd');
      const maintenance = maintenanceOf(service);
      const before = await maintenance.reapExpired({});
      expect([before.artifactCount, timestampMs(before.nextTime!)]).toEqual([0n, startOfTime + 60_000]);
      service.clock.now += 60_000;
      const first = await maintenance.reapExpired({ maxItems: 1 });
      expect([first.artifactCount > 0n, first.more, first.nextTime]).toEqual([true, true, undefined]);
      const rest = await maintenance.reapExpired({});
      expect(first.artifactCount + rest.artifactCount).toBe(3n);
      expect([rest.more, timestampMs(rest.nextTime!)]).toEqual([false, startOfTime + 600_000]);
      expect(await maintenance.reapExpired({})).toMatchObject({ artifactCount: 0n, otherCount: 0n });
    });

    it('request ids are forgotten after a day', async () => {
      const service = await opened();
      await create(service, { session: 's', name: 'a', requestId: 'r' }, 'x');
      service.clock.now += 24 * hourMs - 1;
      expect(await refusal(create(service, { session: 's', name: 'a', requestId: 'r' }, 'y'))).toMatchObject({
        reason: 'REQUEST_ID_REUSED',
      });
      service.clock.now += 1;
      // The row is removed at the second midnight (UTC) after its use, and counts no more now.
      expect((await maintenanceOf(service).reapExpired({})).otherCount).toBe(0n);
      expect(
        (await create(service, { session: 's', name: 'a', requestId: 'r' }, 'y')).artifact!.version,
      ).toBe(2n);
    });

    it('the rows of request ids are removed at the second midnight after their use', async () => {
      const service = await opened();
      const dayMs = 24 * hourMs;
      await create(service, { session: 's', name: 'a', requestId: 'r' }, 'x');
      const midnight = (Math.floor(service.clock.now / dayMs) + 2) * dayMs;
      service.clock.now = midnight - 1;
      expect((await maintenanceOf(service).reapExpired({})).otherCount).toBe(0n);
      service.clock.now = midnight;
      expect((await maintenanceOf(service).reapExpired({})).otherCount).toBe(1n);
    });
  });

  describe('what makes no sense is refused', () => {
    const seconds = (count: bigint) => ({ seconds: count, nanos: 0 });
    const opening = (request: object) => (service: Service) =>
      service.sessions.openSession({ session: 's', ...request });
    const keeping = (keepLast: object) => opening({ retention: { succeededTtl: days(1), keepLast } });
    const calls: [string, (service: Service) => Promise<unknown>, string][] = [
      ['a time of 0', opening({ retention: { failedTtl: seconds(0n) } }), 'retention.failed_ttl'],
      ['a negative time', opening({ retention: { succeededTtl: seconds(-1n) } }), 'retention.succeeded_ttl'],
      [
        'a time of ten thousand years',
        opening({ retention: { cancelledTtl: seconds(315_576_000_000n) } }),
        'retention.cancelled_ttl',
      ],
      [
        'a time that overflows',
        opening({ retention: { abandonedTtl: seconds(2n ** 63n - 1n) } }),
        'retention.abandoned_ttl',
      ],
      [
        'a time that is none',
        opening({ retention: { failedTtl: { seconds: 1n, nanos: -1 } } }),
        'retention.failed_ttl',
      ],
      ['keeping the last 0', keeping({ metadataKey: 'p' }), 'retention.keep_last.count'],
      ['keeping the last 101', keeping({ count: 101, metadataKey: 'p' }), 'retention.keep_last.count'],
      ['keeping by no key', keeping({ count: 1 }), 'retention.keep_last.metadata_key'],
      [
        'keeping an unknown outcome',
        keeping({ count: 1, metadataKey: 'p', outcomes: [0] }),
        'retention.keep_last.outcomes[0]',
      ],
      [
        'keeping what is kept for ever anyway',
        keeping({ count: 1, metadataKey: 'p', outcomes: [SessionOutcome.FAILED] }),
        'retention.keep_last',
      ],
      ['a lease of nine seconds', opening({ lease: seconds(9n) }), 'lease'],
      ['a lease of 31 days', opening({ lease: days(31) }), 'lease'],
      ['a negative lease', opening({ lease: seconds(-60n) }), 'lease'],
      [
        'a session id that is none',
        (service) => service.sessions.deleteSession({ session: '..' }),
        'session',
      ],
      [
        'a policy that contradicts itself',
        (service) =>
          adminOf(service).setRetentionPolicy({
            namespace: 'default',
            retention: { keepLast: { count: 1, metadataKey: 'p' } },
          }),
        'retention.keep_last',
      ],
      [
        'a namespace that is none',
        (service) => adminOf(service).getRetentionPolicy({ namespace: 'No' }),
        'namespace',
      ],
      [
        'a filter that is none',
        (service) => adminOf(service).applyRetentionPolicy({ namespace: 'default', filter: 'nonsense = 1' }),
        'filter',
      ],
      [
        'a negative page size',
        (service) => adminOf(service).applyRetentionPolicy({ namespace: 'default', pageSize: -1 }),
        'page_size',
      ],
      [
        'a negative number of items',
        (service) => maintenanceOf(service).reapExpired({ maxItems: -1 }),
        'max_items',
      ],
    ];

    it.each(calls.filter(([what]) => !unsendable.includes(what)))('%s', async (_what, call, field) => {
      const service = await opened();
      expect(await refusal(call(service))).toMatchObject({
        code: 'InvalidArgument',
        reason: 'INVALID_ARGUMENT',
        fields: [field],
      });
      expect((await service.sessions.listSessions({})).sessions).toEqual([]);
    });
  });
}
