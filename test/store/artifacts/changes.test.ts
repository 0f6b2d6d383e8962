/** Changing and deleting artifacts, one version of several too. */
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Artifact } from '../../../src/domain/artifact.ts';
import { inconsistencies } from '../../support/naive.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { queryOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

let opened: TestStore;
beforeEach(async () => {
  opened = await openTestStore();
  onTestFinished(async () => {
    const faults = await inconsistencies(opened.index, opened.blobs);
    await opened[Symbol.asyncDispose]();
    expect(faults).toEqual([]);
  });
});

async function push(content: string, ttlMs?: number): Promise<Artifact> {
  const spec = specOf({ session: 's', name: 'a', ttlMs });
  return (await opened.store.uploads.create(tester, spec, Buffer.from(content))).artifact;
}

async function versions(allVersions: boolean): Promise<[version: number, isLatest: boolean][]> {
  const page = await opened.store.listing.artifacts(tester, queryOf('s', { allVersions }));
  return page.items.map(({ version, latest }) => [version, latest]);
}

const latest = target('s', 'a');
const remove = (...args: [Parameters<typeof target>[2]?, string?]) =>
  opened.store.artifacts.delete(tester, target('s', 'a', args[0]), args[1]);
const get = (version?: number) => opened.store.artifacts.get(tester, target('s', 'a', version));

describe('deleting', () => {
  it('the first of two versions leaves the latest what it is', async () => {
    await push('1');
    const second = await push('2');
    expect(await remove(1)).toBe(true);
    expect(await remove(1)).toBe(false);
    await expect(get(1)).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect(await get()).toEqual(second);
    expect(await versions(false)).toEqual([[2, true]]);
    expect(await versions(true)).toEqual([[2, true]]);
    // Still what equal bytes are compared with.
    expect((await push('2')).id).toBe(second.id);
    expect((await push('3')).version).toBe(3);
  });

  it('one in the middle leaves the others', async () => {
    for (const content of ['1', '2', '3']) await push(content);
    expect(await remove(2)).toBe(true);
    expect(await versions(true)).toEqual([
      [3, true],
      [1, false],
    ]);
    expect(await versions(false)).toEqual([[3, true]]);
    expect((await get(1)).version).toBe(1);
    const session = await opened.store.sessions.get(tester, sessionNamed('s').id);
    expect(session).toMatchObject({ artifactCount: 2, sizeBytes: 2, lastSequence: 4 });
  });

  it('the latest by its number is deleting the latest', async () => {
    const first = await push('1');
    await push('2');
    expect(await remove(2)).toBe(true);
    await expect(get()).rejects.toMatchObject({ reason: 'ARTIFACT_DELETED' });
    await expect(get(2)).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect(await remove()).toBe(false);
    expect(await get(1)).toEqual({ ...first, latest: false });
    expect(await versions(false)).toEqual([]);
    expect(await versions(true)).toEqual([[1, false]]);
    // A version that is older is not what equal bytes are compared with, and its number is not given again.
    expect((await push('1')).version).toBe(3);
    expect(await versions(false)).toEqual([[3, true]]);
  });

  it('all versions, the latest first, keeps the count of versions', async () => {
    for (const content of ['1', '2']) await push(content);
    expect([await remove(2), await remove(1)]).toEqual([true, true]);
    expect(await versions(true)).toEqual([]);
    await expect(get()).rejects.toMatchObject({ reason: 'ARTIFACT_DELETED' });
    expect((await push('2')).version).toBe(3);
  });

  it('what is not there says so, and changes nothing', async () => {
    const { id } = await push('1');
    const before = opened.index.stats.rowsWritten;
    const { artifacts } = opened.store;
    for (const one of [
      target('nope', 'a'),
      target('nope', 'a', 1),
      target('s', 'nope'),
      target('s', 'nope', 1),
      target('s', 'a', 2),
      { id: `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}` as typeof id },
    ])
      expect(await artifacts.delete(tester, one, '"some etag"')).toBe(false);
    expect(opened.index.stats.rowsWritten).toBe(before);
    expect(await get()).toMatchObject({ id });
  });

  it('needs the etag that the artifact has', async () => {
    const { etag } = await push('1');
    const changed = await opened.store.artifacts.update(tester, latest, { labels: [['l', '1']] });
    expect(changed.etag).not.toBe(etag);
    await expect(remove(undefined, etag)).rejects.toMatchObject({
      reason: 'ETAG_MISMATCH',
      metadata: { etag: changed.etag },
      violations: [{ field: 'etag' }],
    });
    expect(await get()).toEqual(changed);
    expect(await remove(undefined, changed.etag)).toBe(true);
  });

  it('is refused by a hold before the etag is looked at, on old versions too', async () => {
    await push('1');
    await push('2');
    await opened.store.artifacts.update(tester, target('s', 'a', 1), { hold: true });
    await expect(remove(1, '"old"')).rejects.toMatchObject({ reason: 'ARTIFACT_HELD' });
    expect(await remove(2)).toBe(true);
  });

  it('deletes what has expired', async () => {
    await push('1', 1_000);
    opened.clock.now += 1_000;
    expect(await remove()).toBe(true);
    // As if it had been reaped before.
    await expect(get()).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect((await opened.store.sessions.get(tester, sessionNamed('s').id)).artifactCount).toBe(0);
  });
});

describe('updating', () => {
  it('what has expired is refused: nothing brings it back', async () => {
    const { id } = await push('1', 1_000);
    opened.clock.now += 1_000;
    for (const changes of [
      { labels: [['l', '1']] as const },
      { expiry: 'never' as const },
      { expiry: { ttlMs: 1_000 } },
      { hold: true },
    ])
      for (const one of [latest, target('s', 'a', 1), { id }])
        await expect(opened.store.artifacts.update(tester, one, changes)).rejects.toMatchObject({
          reason: 'ARTIFACT_EXPIRED',
          metadata: { artifact: id },
        });
    expect((await push('1')).version).toBe(2);
  });

  it('says what is missing', async () => {
    await push('1');
    const update = (...args: Parameters<typeof target>) =>
      opened.store.artifacts.update(tester, target(...args), { hold: true });
    await expect(update('nope', 'a')).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    await expect(update('s', 'nope')).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    await expect(update('s', 'a', 2)).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    await remove();
    await expect(update('s', 'a')).rejects.toMatchObject({ reason: 'ARTIFACT_DELETED' });
  });

  it('an old version leaves what finds the latest as it is', async () => {
    await push('1');
    await push('2');
    const changed = await opened.store.artifacts.update(tester, target('s', 'a', 1), {
      labels: [['l', '1']],
    });
    expect(changed).toMatchObject({ version: 1, latest: false, labels: [['l', '1']] });
    expect((await get()).labels).toEqual([]);
  });

  it('to what is there already leaves the etag as it is', async () => {
    const { etag } = await push('1');
    const same = await opened.store.artifacts.update(tester, latest, {
      labels: [],
      expiry: 'never',
      hold: false,
    });
    expect(same.etag).toBe(etag);
  });
});
