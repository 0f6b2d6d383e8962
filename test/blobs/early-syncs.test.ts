/** Large files are given to the disk early, one at a time, and no error of the disk is lost. */
import { open } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { EarlySync, EarlySyncs, earlySyncBytes } from '../../src/blobs/early-syncs.ts';

/** A file whose syncs end when the test says so. */
function slowFile() {
  const syncs: PromiseWithResolvers<void>[] = [];
  return {
    syncs,
    datasync() {
      syncs.push(Promise.withResolvers());
      return syncs.at(-1)!.promise;
    },
  };
}

it('syncs after every so many bytes, and one file at a time', async () => {
  const all = new EarlySyncs();
  const [one, other] = [slowFile(), slowFile()];
  const [ofOne, ofOther] = [new EarlySync(one, all), new EarlySync(other, all)];
  ofOne.written(earlySyncBytes - 1);
  expect(one.syncs).toHaveLength(0);
  ofOne.written(1);
  ofOne.written(earlySyncBytes);
  ofOther.written(earlySyncBytes);
  expect([one.syncs.length, other.syncs.length]).toEqual([1, 0]);
  one.syncs[0]!.resolve();
  await ofOne.finish();
  ofOther.written(1);
  expect([one.syncs.length, other.syncs.length]).toEqual([1, 1]);
  other.syncs[0]!.resolve();
  await ofOther.finish();
  expect(all.isBusy).toBe(false);
});

it('throws the error of an early sync at the next write and at the end, and lets other files be synced', async () => {
  const all = new EarlySyncs();
  await using refused = await open('/dev/full', 'w'); // it cannot be synced
  const failing = new EarlySync(refused, all);
  failing.written(earlySyncBytes);
  await failing.abandon();
  expect(() => failing.written(1)).toThrow(/EINVAL/);
  await expect(failing.finish()).rejects.toMatchObject({ code: 'EINVAL' });
  const next = slowFile();
  new EarlySync(next, all).written(earlySyncBytes);
  expect(next.syncs).toHaveLength(1);
});

it('ends only when the sync in progress has ended', async () => {
  const file = slowFile();
  const sync = new EarlySync(file, new EarlySyncs());
  sync.written(earlySyncBytes);
  let isEnded = false;
  const ended = sync.finish().then(() => {
    isEnded = true;
  });
  await new Promise(setImmediate);
  expect(isEnded).toBe(false);
  file.syncs[0]!.resolve();
  await ended;
});
