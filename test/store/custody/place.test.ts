/** Where a store is, as it remembers that. */
import { expect, it, onTestFinished } from 'vitest';
import { newestCommit } from '../../../src/index/engine/commits.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { notePlace, type Place, placeNotice } from '../../../src/store/custody/place.ts';

const day = 24 * 3_600_000;

async function newIndex() {
  const index = await openMemoryIndex({ clock: () => 0 });
  onTestFinished(() => index.close());
  return index;
}

it('says for a week that the store lies elsewhere', async () => {
  const index = await newIndex();
  const [here, there] = [
    { birth: '1', inode: '7' },
    { birth: '2', inode: '7' },
  ];
  expect(await notePlace(index, here, 0)).toBeUndefined();
  expect(await placeNotice(index, 1)).toBeUndefined();
  const said = await notePlace(index, there, day);
  expect(said).toMatch(/^since 1970-01-02T00:00:00.000Z the store has been in another directory than before/);
  expect(await placeNotice(index, 8 * day - 1)).toBe(said);
  expect(await placeNotice(index, 8 * day)).toBeUndefined();
  // Nothing new is written, so that a start costs no commit.
  const { seq } = await newestCommit(index);
  expect(await notePlace(index, there, 2 * day)).toBeUndefined();
  expect((await newestCommit(index)).seq).toBe(seq);
});

it.for<[one: Place, other: Place, isSame: boolean]>([
  [{ birth: '1', inode: '7' }, { birth: '1', inode: '7' }, true],
  // The same disk in another machine, or another driver for it.
  [{ birth: '1', inode: '7' }, { birth: '1', inode: '8' }, true],
  // The roots of two file systems.
  [{ birth: '1', inode: '2' }, { birth: '2', inode: '2' }, false],
  // Where nothing says when it was made.
  [{ birth: undefined, inode: '7' }, { birth: undefined, inode: '7' }, true],
  [{ birth: undefined, inode: '7' }, { birth: '1', inode: '7' }, true],
  [{ birth: undefined, inode: '7' }, { birth: undefined, inode: '8' }, false],
])('takes %j and %j for one place: %j', async ([one, other, isSame]) => {
  const index = await newIndex();
  await notePlace(index, one, 0);
  expect((await notePlace(index, other, 1)) === undefined).toBe(isSame);
});
