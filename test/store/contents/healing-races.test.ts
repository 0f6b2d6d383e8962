/** Pushes of damaged contents, at once with other pushes, with readers that meet the damage, and with the end of the process. */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/errors.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { inconsistencies } from '../../support/naive.ts';
import { bytesKeyOf } from '../../support/rows.ts';
import { digestOf, principalOf, target, tester } from '../../support/specs.ts';
import { contentOf, fileDamages, type Healing, inlineDamages, openHealing } from './healing-rig.ts';

const file = contentOf('a file of one block', 1);
const small = contentOf('a small content', 1);
const narrow: Principal = {
  ...principalOf({ subject: 'tok_1' }),
  operator: false,
  restriction: { sessions: new Set([parseSessionId('session', 't')]) },
};
const dataLoss = { reason: 'DATA_LOSS' };

const kinds: readonly [string, Uint8Array, (rig: Healing) => Promise<void>][] = [
  ['a file', file, (rig) => rig.flip(file, 77)],
  ['a small content', small, (rig) => inlineDamages[1]!.do(rig, small)],
];

async function damaged(bytes: Uint8Array, damage: (rig: Healing) => Promise<void>): Promise<Healing> {
  const rig = await openHealing();
  await rig.push(bytes, {});
  await damage(rig);
  return rig;
}

async function expectHealed(rig: Healing, bytes: Uint8Array, ...others: string[]): Promise<void> {
  for (const session of ['s', ...others]) expect((await rig.read(session, 'a')).equals(bytes)).toBe(true);
  await rig.expectSound();
}

describe.each(kinds)('%s that is damaged', (_kind, bytes, damage) => {
  it('heals when many push it at once, whatever they may see', async () => {
    const rig = await damaged(bytes, damage);
    await Promise.all([
      ...Array.from({ length: 6 }, (_, at) => rig.push(bytes, { session: `t${at}` })),
      rig.push(bytes, { session: 't' }, narrow),
      rig.push(bytes, {}),
      expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss),
    ]);
    await expectHealed(rig, bytes, 't', 't0', 't5');
  });

  it('is not given up by a reader who met the damage before a push healed it', async () => {
    for (const by of [tester, narrow]) {
      const rig = await damaged(bytes, damage);
      rig.meanwhile = () => rig.push(bytes, { session: 't' }, by);
      await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
      expect(rig.meanwhile).toBeUndefined();
      await expectHealed(rig, bytes, 't');
    }
  });

  it('is not given up by a reader who met it before the same name was pushed again', async () => {
    const rig = await damaged(bytes, damage);
    rig.meanwhile = () => rig.push(bytes, {});
    await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
    await expectHealed(rig, bytes);
  });

  it('heals when it is given up between the look of a push and its commit', async () => {
    const rig = await openHealing();
    await rig.push(bytes, {});
    // Sound when the push looks.
    rig.meanwhile = async () => {
      await damage(rig);
      await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
    };
    await rig.push(bytes, { session: 't' });
    await expectHealed(rig, bytes, 't');
  });

  it('is refused by its digest when it is given up between the look and the commit', async () => {
    const rig = await openHealing();
    await rig.push(bytes, {});
    rig.meanwhile = async () => {
      await damage(rig);
      await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
    };
    await expect(rig.byDigest(bytes, { session: 't' })).rejects.toMatchObject({
      reason: 'CONTENT_NOT_FOUND',
    });
    await rig.push(bytes, { session: 't' });
    await expectHealed(rig, bytes, 't');
  });
});

it.each(['upload.written', 'upload.published', 'upload.checked', 'upload.committed'])(
  'a push that is killed at %s heals when it is made again',
  async (where) => {
    let isArmed = false;
    const rig = await openHealing(async (step) => {
      if (isArmed && step === where) throw new Error('killed');
    });
    await rig.push(file, {});
    await rig.flip(file, 77);
    isArmed = true;
    await expect(rig.push(file, { session: 't', requestId: 'r' })).rejects.toThrow('killed');
    const next = await rig.restarted();
    const faults = await inconsistencies(next.opened.index, next.blobs, { orphans: true });
    expect(faults.filter((fault) => !fault.endsWith('its bytes are others'))).toEqual([]);
    const { receipt } = await next.push(file, { session: 't', requestId: 'r' });
    expect(receipt.replayed).toBe(where === 'upload.committed');
    for (const session of ['s', 't']) expect((await next.read(session, 'a')).equals(file)).toBe(true);
    expect(await next.check(true)).toEqual([]);
    expect(await inconsistencies(next.opened.index, next.blobs, { orphans: true })).toEqual([]);
  },
);

it('a push whose own copy cannot be written has made the damage known', async () => {
  const rig = await damaged(file, (rig) => rig.flip(file));
  const { stage } = rig.blobs;
  rig.blobs.stage = async (name) => {
    const staged = await stage(name);
    staged.commit = () => Promise.reject(new Error('no'));
    return staged;
  };
  await expect(rig.push(file, { session: 't' })).rejects.toThrow('no');
  rig.blobs.stage = stage;
  expect(await rig.listed()).toHaveLength(1);
  await expect(rig.byDigest(file, { session: 't' })).rejects.toMatchObject({ reason: 'CONTENT_NOT_FOUND' });
  await rig.push(file, { session: 't' });
  await expectHealed(rig, file, 't');
});

it('a fault that passes is told to its reader and not written down', async () => {
  const rig = await openHealing();
  await rig.push(file, {});
  const { read } = rig.blobs;
  let left = 1;
  rig.blobs.read = (name, offset, length, signal) =>
    left-- > 0 ? read(name, offset, length - 1, signal) : read(name, offset, length, signal);
  await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
  await expectHealed(rig, file);
});

it('damage that cannot be written down is told to its reader all the same, and written down by the next', async () => {
  const rig = await damaged(file, (rig) => rig.flip(file));
  rig.meanwhile = () => Promise.reject(new Failure('STORE_UNAVAILABLE', 'the index cannot be written'));
  await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
  expect(rig.meanwhile).toBeUndefined();
  expect(await rig.listed()).toEqual([]);
  await expect(rig.read('s', 'a')).rejects.toMatchObject(dataLoss);
  expect(await rig.listed()).toHaveLength(1);
});

it('a disk that is not there is no damage: a read says so, and a push of the bytes goes on', async () => {
  const rig = await openHealing();
  await rig.push(file, {});
  const { read } = rig.blobs;
  const absent = { reason: 'STORE_UNAVAILABLE' };
  rig.blobs.read = () => failing();
  await expect(rig.read('s', 'a')).rejects.toMatchObject(absent);
  expect(await rig.listed()).toEqual([]);
  await rig.push(file, { session: 't' });
  rig.blobs.read = read;
  await expectHealed(rig, file, 't');
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield* [];
  throw new Failure('STORE_UNAVAILABLE', 'is the disk mounted?');
}

it('a download that has begun goes on when what it reads is replaced', async () => {
  const rig = await openHealing();
  const bytes = contentOf('a file of several blocks', 1);
  await rig.push(bytes, {});
  const { bytes: pieces } = await rig.store.downloads.artifact(tester, target('s', 'a'), {
    offset: 0,
    limit: undefined,
  });
  const taken = [];
  for await (const piece of pieces) {
    taken.push(piece);
    if (taken.length === 1) await rig.push(bytes, { session: 't' }, narrow);
  }
  expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  await expectHealed(rig, bytes, 't');
});

it('what is stored stays where it is if the caller may read everything, and takes no second file', async () => {
  const rig = await openHealing();
  await rig.push(file, {});
  await rig.push(small, { name: 'b' });
  const before = [await rig.recordOf(file), await rig.recordOf(small)];
  await rig.push(file, { session: 't' });
  await rig.push(small, { session: 't', name: 'b' });
  const after = before.map((record) => ({ ...record, refs: 2 }));
  expect([await rig.recordOf(file), await rig.recordOf(small)]).toEqual(after);
  await rig.push(file, { session: 't', name: 'c' }, narrow);
  expect((await rig.recordOf(file)).name).not.toBe(before[0]!.name);
  const key = await bytesKeyOf(rig.opened.index, digestOf(small).sha256);
  expect(await rig.opened.index.get(key)).toBeDefined();
  await rig.expectSound();
});

it('no read of a file is added to a push by its digest', async () => {
  const rig = await openHealing();
  await rig.push(file, {});
  const { read } = rig.blobs;
  rig.blobs.read = () => {
    throw new Error('read');
  };
  await rig.byDigest(file, { session: 't' });
  rig.blobs.read = read;
  await fileDamages[0]!.do(rig, file);
  await rig.push(file, { session: 't' });
  await expectHealed(rig, file, 't');
});
