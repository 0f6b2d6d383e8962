/** A large file is given to the disk early, if it is the only one, and no error of the disk is lost. */
import { open } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { EarlySync, earlySyncBytes, LargeFiles } from '../../src/blobs/early-syncs.ts';

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

it('syncs after every so many bytes, one sync at a time', async () => {
  const file = slowFile();
  const sync = new EarlySync(file, new LargeFiles());
  sync.written(earlySyncBytes - 1);
  expect(file.syncs).toHaveLength(0);
  sync.written(1);
  sync.written(earlySyncBytes);
  expect(file.syncs).toHaveLength(1);
  file.syncs[0]!.resolve();
  await new Promise(setImmediate);
  sync.written(1);
  expect(file.syncs).toHaveLength(2);
  file.syncs[1]!.resolve();
  await sync.finish();
});

it('syncs no file early while another large one is written, also one that fails', async () => {
  const large = new LargeFiles();
  const [one, other] = [slowFile(), slowFile()];
  const [ofOne, ofOther] = [new EarlySync(one, large), new EarlySync(other, large)];
  ofOther.written(earlySyncBytes - 1); // not large yet
  ofOne.written(earlySyncBytes);
  ofOther.written(1);
  one.syncs[0]!.resolve();
  await new Promise(setImmediate);
  ofOne.written(earlySyncBytes);
  expect([one.syncs.length, other.syncs.length]).toEqual([1, 0]);
  await ofOne.abandon();
  ofOther.written(1);
  expect([one.syncs.length, other.syncs.length]).toEqual([1, 1]);
  other.syncs[0]!.resolve();
  await ofOther.finish();
});

it('throws the error of an early sync at the next write and at the end, and lets other files be synced', async () => {
  const large = new LargeFiles();
  await using refused = await open('/dev/full', 'w'); // it cannot be synced
  const failing = new EarlySync(refused, large);
  failing.written(earlySyncBytes);
  await failing.abandon();
  expect(() => failing.written(1)).toThrow(/EINVAL/);
  await expect(failing.finish()).rejects.toMatchObject({ code: 'EINVAL' });
  const next = slowFile();
  new EarlySync(next, large).written(earlySyncBytes);
  expect(next.syncs).toHaveLength(1);
});

it('ends only when the sync in progress has ended', async () => {
  const file = slowFile();
  const sync = new EarlySync(file, new LargeFiles());
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
