import { createClient } from '@connectrpc/connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminService } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { MaintenanceService } from '../../../gen/artifacta/v1/maintenance_service_pb.ts';
import { StorePause_Cause } from '../../../gen/artifacta/v1/store_pb.ts';
import { keys } from '../../../src/index/keys.ts';
import { byName, create, refusal, sha256, someBytes } from '../../support/calls.ts';
import { writeRows } from '../../support/rows.ts';
import { checked, type OpenService, type Service } from '../../support/service.ts';
import { digestOf } from '../../support/specs.ts';

const minute = 60_000;

/** MaintenanceService, and what AdminService tells of what it found, through a listener. */
export function maintenanceSuite(open: OpenService): void {
  const opened = checked(open);
  const bytes = someBytes(50_000, 3);

  function clients(service: Service) {
    return {
      maintenance: createClient(MaintenanceService, service.transport),
      admin: createClient(AdminService, service.transport),
    };
  }

  describe('CollectGarbage', () => {
    it('frees what nothing refers to, and says when there is more', async () => {
      const service = await opened();
      const { maintenance } = clients(service);
      await create(service, { session: 's', name: 'a' }, bytes);
      await create(service, { session: 's', name: 'b' }, bytes);
      await create(service, { session: 's', name: 'small' }, 'x');
      for (const name of ['a', 'b', 'small'])
        await service.artifacts.deleteArtifact({ artifact: byName('s', name) });
      const due = service.clock.now + 15 * minute;
      expect(await maintenance.collectGarbage({})).toMatchObject({
        condemnedCount: 0n,
        more: false,
        nextTime: { seconds: BigInt(due / 1_000) },
        pauses: [],
      });
      service.clock.now = due;
      expect(await maintenance.collectGarbage({ maxItems: 1 })).toMatchObject({
        condemnedCount: 1n,
        more: true,
      });
      const second = await maintenance.collectGarbage({});
      expect(second).toMatchObject({ condemnedCount: 1n, removedCount: 0n, more: false });
      service.clock.now += 60 * minute;
      const third = await maintenance.collectGarbage({ findOrphans: true });
      expect(third).toMatchObject({ removedCount: 1n, removedBytes: 50_000n, orphanCount: 0n, more: false });
      expect(third.nextTime).toBeUndefined();
      expect(await Array.fromAsync(service.blobs.list(await internalId(service)))).toEqual([]);
    });

    it('says what it waits for', async () => {
      const service = await opened();
      const pause = {
        id: 'manyOrphans-1',
        cause: 'manyOrphans',
        startTime: 1_000,
        message: 'so many',
        objects: { count: 5, bytes: 7 },
      };
      await writeRows(service.index, [keys.store.setting.put(['pause/manyOrphans'], pause)]);
      expect((await clients(service).maintenance.collectGarbage({})).pauses).toMatchObject([
        {
          id: 'manyOrphans-1',
          cause: StorePause_Cause.MANY_ORPHANS,
          startTime: { seconds: 1n },
          message: 'so many',
          objectCount: 5n,
          sizeBytes: 7n,
        },
      ]);
    });

    it('refuses a negative number', async () => {
      const { maintenance } = clients(await opened());
      expect(await refusal(maintenance.collectGarbage({ maxItems: -1 }))).toMatchObject({
        code: 'InvalidArgument',
        fields: ['max_items'],
      });
      expect(await maintenance.collectGarbage({ maxItems: 2 ** 31 - 1 })).toMatchObject({ more: false });
    });
  });

  describe('Scrub', () => {
    /** Not closed with a check: what is damaged would be found. */
    async function damaged(): Promise<Service> {
      const service = await open();
      onTestFinished(() => service[Symbol.asyncDispose]());
      await create(service, { session: 's', name: 'sound' }, someBytes(50_000, 4));
      await create(service, { session: 's', name: 'bad' }, bytes);
      await create(service, { session: 's', name: 'also bad' }, bytes);
      const { sha256: digest } = digestOf(bytes);
      const ns = (await namespaces(service)).find((name) => name !== 'default') ?? 'default';
      const value = await service.index.get(keys.blobs.record.key(ns, digest));
      await service.blobs.delete(keys.blobs.record.decode(value!).name!);
      return service;
    }

    it('finds what is damaged, lists it, and heals it by another push', async () => {
      const service = await damaged();
      const { maintenance, admin } = clients(service);
      const found = await maintenance.scrub({});
      expect(found).toMatchObject({ contentCount: 2n, sizeBytes: 50_000n, damagedCount: 1n, more: false });
      expect(found.damaged).toMatchObject([{ sha256: sha256(bytes), sizeBytes: 50_000n, artifactCount: 2n }]);
      const { contents, nextPageToken } = await admin.listQuarantined({});
      expect(contents).toEqual(found.damaged);
      expect(nextPageToken).toBe('');
      const ids = contents[0]!.artifactIds;
      expect([...ids]).toEqual([...ids].sort());
      expect(ids).toHaveLength(2);
      await create(service, { session: 's', name: 'again' }, bytes);
      expect((await admin.listQuarantined({})).contents).toEqual([]);
      const { artifact } = await service.artifacts.getArtifact({ artifact: byName('s', 'bad') });
      expect(artifact!.sha256).toBe(sha256(bytes));
    });

    it('leaves out what was checked a short time ago', async () => {
      const service = await damaged();
      const { maintenance } = clients(service);
      expect(await maintenance.scrub({ maxItems: 1 })).toMatchObject({ contentCount: 1n, more: true });
      expect(await maintenance.scrub({})).toMatchObject({ contentCount: 1n, more: false });
      expect(await maintenance.scrub({})).toMatchObject({ contentCount: 0n, more: false });
      expect(await maintenance.scrub({ minAge: {} })).toMatchObject({ contentCount: 2n, more: false });
    });

    it.each([
      ['too few items', { maxItems: -1 }, 'max_items'],
      ['too few bytes', { maxBytes: -1n }, 'max_bytes'],
      ['a negative age', { minAge: { seconds: -1n } }, 'min_age'],
      ['an age that is almost nothing, and negative', { minAge: { nanos: -1 } }, 'min_age'],
    ])('refuses %s', async (_what, request, field) => {
      const { maintenance } = clients(await opened());
      expect(await refusal(maintenance.scrub(request))).toMatchObject({
        code: 'InvalidArgument',
        fields: [field],
      });
    });
  });

  describe('ListQuarantined', () => {
    it.each([
      [{ pageSize: -1 }, 'INVALID_ARGUMENT', ['page_size']],
      [{ namespace: 'Not a name' }, 'INVALID_ARGUMENT', ['namespace']],
      [{ pageToken: 'x' }, 'PAGE_TOKEN_INVALID', ['page_token']],
      [{ namespace: 'nowhere' }, 'NAMESPACE_NOT_FOUND', []],
    ])('refuses %j', async (request, reason, fields) => {
      const { admin } = clients(await opened());
      expect(await refusal(admin.listQuarantined(request))).toMatchObject({ reason, fields });
    });
  });
}

/** The same through a listener whose callers are not operators. */
export function maintenanceRefusedSuite(open: OpenService): void {
  const opened = checked(open);

  it('is for operators alone', async () => {
    const { transport } = await opened();
    const maintenance = createClient(MaintenanceService, transport);
    const admin = createClient(AdminService, transport);
    for (const call of [
      maintenance.collectGarbage({ findOrphans: true }),
      maintenance.scrub({ maxItems: -1 }),
      admin.listQuarantined({}),
    ])
      expect(await refusal(call)).toMatchObject({ code: 'PermissionDenied', reason: 'PERMISSION_DENIED' });
  });
}

async function namespaces({ index }: Service): Promise<string[]> {
  const names: string[] = [];
  for await (const block of index.scan(keys.store.namespace.range()))
    for (const [key] of block) names.push(keys.store.namespace.parse(key)[0]);
  return names;
}

async function internalId(service: Service): Promise<string> {
  const ns = (await namespaces(service)).find((name) => name !== 'default') ?? 'default';
  const value = await service.index.get(keys.store.namespace.key(ns));
  return keys.store.namespace.decode(value!).internalId;
}
