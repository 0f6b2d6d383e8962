/**
 * Damaged contents are found, in time and in bounds; they are read and matched no more until they are pushed again, or are found
 * sound.
 */
import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { Failure } from '../../../src/domain/errors.ts';
import { keys } from '../../../src/index/keys.ts';
import { Verifier, type VerifyEvent } from '../../../src/store/verify/verifier.ts';
import { someBytes } from '../../support/calls.ts';
import { inconsistencies } from '../../support/naive.ts';
import { bytesKeyOf } from '../../support/rows.ts';
import { digestOf, tester } from '../../support/specs.ts';
import { day, hour, minute, openCollected, type Rig } from './collection-rig.ts';

const large = someBytes(5_000, 1);

async function filled(count = 3): Promise<Rig> {
  const rig = await openCollected();
  for (let at = 1; at <= count; at++) await rig.push(`n${at}`, someBytes(5_000, at));
  return rig;
}

async function nameOf(rig: Rig, bytes: Uint8Array): Promise<string> {
  return (await rig.recordOf(bytes))!.name!;
}

/** Makes the blob store answer otherwise, beneath the store. */
function answering(
  rig: Rig,
  read: (name: string, usual: BlobStore['read']) => ReturnType<BlobStore['read']> | undefined,
) {
  const usual = rig.blobs.read.bind(rig.blobs);
  rig.blobs.read = (name, offset, length, signal) => read(name, usual) ?? usual(name, offset, length, signal);
  return () => {
    rig.blobs.read = usual;
  };
}

async function* failing(error: unknown): AsyncGenerator<Uint8Array> {
  yield* [];
  throw error;
}

async function* other(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function deviceError(code: string): Failure {
  return new Failure('STORE_UNAVAILABLE', 'storage error while reading a blob', {
    cause: Object.assign(new Error(code), { code, errno: 5 }),
  });
}

async function listed(rig: Rig, pageSize = 100, pageToken = '') {
  const asked = { pageSize, pageToken };
  const { items: contents, nextPageToken } = await rig.store.quarantined.page(tester, undefined, asked);
  return { contents, nextPageToken };
}

it('reads everything there is, small contents included, and finds nothing wrong', async () => {
  const rig = await filled();
  await rig.push('small', Buffer.from('small'));
  await rig.push('empty', Buffer.alloc(0));
  expect(await rig.scrub()).toEqual({
    contents: 5,
    bytes: 15_005,
    damaged: [],
    damagedCount: 0,
    releasedCount: 0,
    more: false,
  });
  expect((await listed(rig)).contents).toEqual([]);
});

const damages: [string, (rig: Rig) => Promise<unknown>][] = [
  ['is gone', async (rig) => rig.blobs.delete(await nameOf(rig, large))],
  [
    'has another byte',
    async (rig) => {
      const name = await nameOf(rig, large);
      answering(rig, (asked) => (asked === name ? other(large.with(77, large[77]! ^ 1)) : undefined));
    },
  ],
  [
    'is shorter',
    async (rig) => {
      const name = await nameOf(rig, large);
      answering(rig, (asked) => (asked === name ? other(large.subarray(1)) : undefined));
    },
  ],
  [
    'has other bytes with the right checksums',
    async (rig) => {
      const [from, to] = [someBytes(5_000, 2), large].map(digestOf);
      const name = await nameOf(rig, large);
      const bytes = someBytes(5_000, 2);
      answering(rig, (asked) => (asked === name ? other(bytes) : undefined));
      const crcs = await rig.index.get(keys.blobs.crcs.key('default', from!.sha256, 0));
      await rig.write(keys.blobs.crcs.put(['default', to!.sha256, 0], crcs!));
    },
  ],
  ['has no checksums', (rig) => rig.write(keys.blobs.crcs.del('default', digestOf(large).sha256, 0))],
  [
    'cannot be read by the disk',
    async (rig) => {
      const name = await nameOf(rig, large);
      answering(rig, (asked) => (asked === name ? failing(deviceError('EIO')) : undefined));
    },
  ],
];

it.each(damages)(
  'I4 a file that %s is quarantined, and heals when its bytes are pushed again',
  async (_how, spoil) => {
    const rig = await filled();
    const usual = rig.blobs.read;
    await spoil(rig);
    const { sha256 } = digestOf(large);
    const found = await rig.scrub();
    expect(found).toMatchObject({
      contents: 3,
      damagedCount: 1,
      damaged: [
        { ns: 'default', sha256, size: 5_000, time: rig.clock.now, message: expect.stringMatching(/./) },
      ],
    });
    await expect(rig.read('n1')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
    expect((await listed(rig)).contents).toMatchObject([
      { ns: 'default', sha256, size: 5_000, artifactCount: 1, artifacts: [expect.stringMatching(/^art_/)] },
    ]);
    // What is known is not found again.
    expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 0, releasedCount: 0 });

    rig.blobs.read = usual;
    expect((await rig.push('again', large)).receipt.bytesSaved).toBe(0);
    expect(await rig.read('n1')).toEqual(Buffer.from(large));
    expect((await listed(rig)).contents).toEqual([]);
    expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 0 });
    rig.clock.now += day;
    await rig.drain();
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  },
);

it('I4 small contents whose row is damaged, or holds other bytes, are quarantined too', async () => {
  const rig = await filled(1);
  await rig.push('small', Buffer.from('small'));
  await rig.push('tiny', Buffer.from('tiny'));
  const key = await bytesKeyOf(rig.index, digestOf(Buffer.from('small')).sha256);
  rig.rows.write([{ type: 'put', key, value: Buffer.from('garbage') }]);
  const other = await bytesKeyOf(rig.index, digestOf(Buffer.from('tiny')).sha256);
  await rig.write({ type: 'put', key: other, value: Buffer.from('yniT') });
  expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 2 });
  expect((await listed(rig)).contents).toHaveLength(2);
  await rig.push('again', Buffer.from('small'));
  await rig.push('and again', Buffer.from('tiny'));
  expect((await listed(rig)).contents).toEqual([]);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

it('what says nothing about a content does not quarantine it', async () => {
  const rig = await filled();
  const name = await nameOf(rig, large);
  const restore = answering(rig, (asked) => (asked === name ? failing(deviceError('EMFILE')) : undefined));
  await expect(rig.scrub()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  expect((await listed(rig)).contents).toEqual([]);
  restore();
  expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 0 });
});

it('a fault that passes does not quarantine anything', async () => {
  const rig = await filled();
  const name = await nameOf(rig, large);
  let left = 1;
  answering(rig, (asked) => (asked === name && left-- > 0 ? other(large.subarray(1)) : undefined));
  expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 0 });
});

it('what was quarantined and is sound is let out, files and small contents alike', async () => {
  const rig = await filled();
  const small = Buffer.from('small');
  await rig.push('small', small);
  const restore = answering(rig, () => failing(new Failure('DATA_LOSS', 'the stored bytes are missing')));
  for (const name of ['n1', 'n2', 'n3'])
    await expect(rig.read(name)).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  const key = await bytesKeyOf(rig.index, digestOf(small).sha256);
  rig.rows.write([{ type: 'del', key }]);
  await expect(rig.read('small')).rejects.toMatchObject({ reason: 'DATA_LOSS' });
  await rig.write({ type: 'put', key, value: small });
  expect((await listed(rig)).contents).toHaveLength(4);
  const before = await rig.recordOf(large);

  expect(await rig.scrub()).toMatchObject({ contents: 4, damagedCount: 0, releasedCount: 1 });
  restore();
  await rig.blobs.delete(await nameOf(rig, someBytes(5_000, 2)));
  expect(await rig.scrub()).toMatchObject({ contents: 4, damagedCount: 0, releasedCount: 2 });
  const { quarantined: _, ...record } = before!;
  expect(await rig.recordOf(large)).toEqual(record);
  expect((await listed(rig)).contents).toMatchObject([{ sha256: digestOf(someBytes(5_000, 2)).sha256 }]);
  expect(await rig.read('n1')).toEqual(Buffer.from(large));
  expect(await rig.read('small')).toEqual(small);
  await rig.push('again', someBytes(5_000, 2));
  expect(await rig.scrub()).toMatchObject({ damagedCount: 0, releasedCount: 0 });
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

it('what was quarantined is not let out for blocks that match their checksums alone', async () => {
  const rig = await filled();
  await damages[3]![1](rig);
  expect(await rig.scrub()).toMatchObject({ damagedCount: 1 });
  expect(await rig.scrub()).toMatchObject({ damagedCount: 0, releasedCount: 0 });
  expect((await listed(rig)).contents).toHaveLength(1);
});

it('what heals while it is looked at again is left as it is', async () => {
  const rig = await filled();
  const name = await nameOf(rig, large);
  const { sha256 } = digestOf(large);
  const record = (await rig.recordOf(large))!;
  await rig.write(
    keys.blobs.record.put(['default', sha256], { ...record, quarantined: true }),
    keys.blobs.quarantine.put(['default', sha256], { time: 1, message: 'x' }),
  );
  answering(rig, (asked, usual) => {
    if (asked !== name) return undefined;
    return (async function* () {
      await rig.push('again', large);
      yield* usual(asked, 0, 5_000);
    })();
  });
  expect(await rig.scrub()).toMatchObject({ contents: 3, damagedCount: 0, releasedCount: 0 });
  expect(await rig.recordOf(large)).toMatchObject({ refs: 2, name: expect.not.stringMatching(name) });
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

it('a disk that is not there, or fails altogether, quarantines nothing', async () => {
  const rig = await filled(12);
  const restore = answering(rig, () => failing(new Failure('DATA_LOSS', 'the stored bytes are missing')));
  await expect(rig.scrub()).rejects.toMatchObject({
    reason: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/cannot read any of 12 contents; is the disk mounted/),
  });
  restore();
  const again = answering(rig, () => failing(deviceError('EIO')));
  await expect(rig.scrub({ limit: 3 })).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' });
  again();
  expect((await listed(rig)).contents).toEqual([]);
  // The place was kept: nothing counts as checked.
  expect(await rig.scrub()).toMatchObject({ contents: 12, more: false });
});

it('a content that is deleted or healed while it is read is not quarantined', async () => {
  const rig = await openCollected({ options: { graces: { dedupMs: 0, readMs: 0 } } });
  await rig.push('n1', large);
  await rig.push('n2', someBytes(5_000, 2));
  const name = await nameOf(rig, large);
  let isDue = true;
  answering(rig, (asked, usual) => {
    if (asked !== name || !isDue) return undefined;
    isDue = false;
    return (async function* () {
      await rig.remove('n1');
      await rig.drain();
      yield* usual(asked, 0, 5_000);
    })();
  });
  expect(await rig.scrub()).toMatchObject({ contents: 2, damagedCount: 0 });
  expect((await listed(rig)).contents).toEqual([]);
});

it('I15 goes on where the last call was, in calls as short as one likes', async () => {
  const rig = await filled(6);
  expect(await rig.scrub({ limit: 2 })).toMatchObject({ contents: 2, more: true });
  expect(await rig.scrub({ bytesMax: 5_001 })).toMatchObject({ contents: 2, bytes: 10_000, more: true });
  expect(await rig.scrub({ isStopped: () => true })).toMatchObject({ contents: 0, more: true });
  expect(await rig.scrub({ minAgeMs: 7 * day })).toMatchObject({ contents: 2, more: false });
});

it('I15 any number of calls at once find what is damaged once', async () => {
  const rig = await filled(6);
  await rig.blobs.delete(await nameOf(rig, large));
  const found = await Promise.all(Array.from({ length: 4 }, () => rig.scrub()));
  expect(found.reduce((sum, { damagedCount }) => sum + damagedCount, 0)).toBe(1);
});

it('what was checked less than so long ago is left out, reckoned from the beginning of its round', async () => {
  const rig = await filled(4);
  await rig.scrub({ limit: 2 });
  rig.clock.now += 3 * day;
  expect(await rig.scrub({ minAgeMs: 7 * day })).toMatchObject({ contents: 2, more: false });
  rig.clock.now += 4 * day - 1;
  expect(await rig.scrub({ minAgeMs: 7 * day })).toMatchObject({ contents: 0, more: false });
  rig.clock.now += 1;
  expect(await rig.scrub({ minAgeMs: 7 * day, limit: 3 })).toMatchObject({ contents: 3, more: true });
  rig.clock.now += 8 * day;
  // The round ends, and began so long ago that the next one is due.
  expect(await rig.scrub({ minAgeMs: 7 * day })).toMatchObject({ contents: 1, more: true });
  expect(await rig.scrub({ minAgeMs: 7 * day })).toMatchObject({ contents: 4, more: false });
  expect(await rig.scrub({ minAgeMs: 0 })).toMatchObject({ contents: 4, more: false });
});

it('a content that takes longer than a call is finished by the next ones', async () => {
  const rig = await openCollected();
  const huge = Buffer.alloc(130 * 1024 * 1024, 7);
  await rig.push('huge', huge);
  let looks = 0;
  const first = await rig.scrub({ isStopped: () => ++looks > 3 });
  expect(first).toMatchObject({ contents: 0, more: true });
  expect(first.bytes).toBeGreaterThan(0);
  const second = await rig.scrub();
  expect(second).toMatchObject({ contents: 1, damagedCount: 0, more: false });
  expect(first.bytes + second.bytes).toBe(huge.length);
});

it('a list of what is quarantined has pages, and says who holds it', async () => {
  const rig = await filled(5);
  for (let at = 1; at <= 5; at++) await rig.blobs.delete(await nameOf(rig, someBytes(5_000, at)));
  for (let at = 0; at < 12; at++)
    await rig.write(
      keys.blobs.reference.put(['default', digestOf(large).sha256, 'artifact', `art_${at}`], true),
    );
  await rig.scrub();
  const first = await listed(rig, 3);
  const second = await listed(rig, 3, first.nextPageToken);
  expect(second.nextPageToken).toBe('');
  const found = [...first.contents, ...second.contents];
  expect(found.map(({ sha256 }) => sha256)).toEqual(
    [1, 2, 3, 4, 5].map((at) => digestOf(someBytes(5_000, at)).sha256).sort(),
  );
  const shared = found.find(({ sha256 }) => sha256 === digestOf(large).sha256)!;
  expect(shared.artifactCount).toBe(13);
  expect(shared.artifacts).toHaveLength(10);
  const asked = { pageSize: 3, pageToken: '' };
  await expect(rig.store.quarantined.page(tester, 'other' as never, asked)).rejects.toMatchObject({
    reason: 'NAMESPACE_NOT_FOUND',
  });
  await expect(listed(rig, 3, 'AAAA')).rejects.toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
});

it('a quarantined content that nothing refers to is collected, and its row with it', async () => {
  const rig = await filled();
  await rig.blobs.delete(await nameOf(rig, large));
  await rig.scrub();
  await rig.remove('n1');
  rig.clock.now += 15 * minute;
  expect(await rig.collect()).toMatchObject({ condemned: 1 });
  rig.clock.now += hour;
  expect(await rig.collect()).toMatchObject({ removed: 1 });
  expect((await listed(rig)).contents).toEqual([]);
  expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
});

it('a check lists what an earlier version quarantined, and unlists what is not', async () => {
  const rig = await filled();
  const { sha256 } = digestOf(large);
  await rig.write(
    keys.blobs.record.put(['default', sha256], { ...(await rig.recordOf(large))!, quarantined: true }),
    keys.blobs.quarantine.put(['default', digestOf(someBytes(5_000, 2)).sha256], { time: 1, message: 'x' }),
  );
  const verifier = new Verifier(rig.index, rig.blobs);
  const check = async (repair?: string) => {
    const events: VerifyEvent[] = await Array.fromAsync(
      repair === undefined
        ? verifier.check({ checkContents: false })
        : verifier.repair(repair, { reindex: false }),
    );
    const last = events.at(-1)!;
    return {
      kinds: events.flatMap((event) => (event.kind === 'finding' ? [event.finding.kind] : [])),
      id: last.kind === 'summary' ? last.reportId : '',
    };
  };
  const { kinds, id } = await check();
  expect(kinds.sort()).toEqual(['CONTENT_CORRUPT', 'INDEX_ROW_WRONG', 'INDEX_ROW_WRONG']);
  await check(id);
  expect((await listed(rig)).contents).toMatchObject([{ sha256, time: rig.clock.now }]);
  const key = keys.blobs.quarantine.key('default', sha256);
  rig.rows.write([{ type: 'put', key, value: Buffer.from('garbage') }]);
  const damaged = await check();
  expect(damaged.kinds.sort()).toEqual(['CONTENT_CORRUPT', 'INDEX_ROW_WRONG']);
  await check(damaged.id);
  expect((await check()).kinds).toEqual(['CONTENT_CORRUPT']);
});
