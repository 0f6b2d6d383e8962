/** Seals that could not be completed are tried again, by the timer and at every start. */
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/domain/errors.ts';
import type { After } from '../../../src/domain/timer.ts';
import { ManualTimer } from '../../index/support.ts';
import { withBlobs } from '../../support/blobs.ts';
import { inconsistencies } from '../../support/naive.ts';
import { beginning, type Remains } from '../../support/restart.ts';
import { sessionNamed, specOf, target, tester } from '../../support/specs.ts';

const { id } = sessionNamed('s');

/** Remembers for how long each task was to wait. */
class Timer extends ManualTimer {
  readonly delays: number[] = [];

  readonly recording: After = (delayMs, task) => {
    this.delays.push(delayMs);
    return this.after(delayMs, task);
  };
}

/** A store whose manifests are staged, on a disk that is full for the next `failures` blobs. */
async function opened(remains: Remains, failures = 0) {
  const disk = { failures, attempts: 0 };
  const timer = new Timer();
  const store = await remains.open({ inlineBytesMax: 0, after: timer.recording }, (inner) =>
    withBlobs(inner, {
      stage: async (name) => {
        disk.attempts++;
        if (disk.failures === 0) return await inner.stage(name);
        disk.failures--;
        throw new Failure('STORAGE_FULL', 'the disk is full');
      },
    }),
  );
  return { ...store, disk, timer };
}

type Opened = Awaited<ReturnType<typeof opened>>;

const push = ({ store }: Opened, session = 's') =>
  store.uploads.create(tester, specOf({ session, name: 'a' }), Buffer.from('content'));
const stateOf = async ({ store }: Opened) => (await store.sessions.get(tester, id)).state;
const full = { reason: 'STORAGE_FULL' };

describe('a seal that could not be completed', () => {
  it('is completed when the timer says so', async () => {
    await using remains = await beginning('memory');
    await using rig = await opened(remains);
    await push(rig);
    rig.disk.failures = 1;
    await expect(rig.store.seals.seal(tester, id, 'succeeded')).rejects.toMatchObject(full);
    expect(await stateOf(rig)).toBe('sealing');
    expect(rig.timer).toMatchObject({ pending: 1, delays: [500] });
    rig.timer.fire();
    await expect.poll(() => stateOf(rig), { interval: 1 }).toBe('sealed');
    expect(rig.timer.pending).toBe(0);
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
    expect(rig.blobs.stagedCount).toBe(0);
  });

  it('is tried again with growing delays, up to half a minute', async () => {
    await using remains = await beginning('memory');
    await using rig = await opened(remains);
    await push(rig);
    rig.disk.failures = 9;
    const before = rig.disk.attempts;
    await expect(rig.store.seals.seal(tester, id, 'succeeded')).rejects.toMatchObject(full);
    for (let retry = 1; retry <= 8; retry++) {
      rig.timer.fire();
      await expect.poll(() => rig.timer.pending, { interval: 1 }).toBe(1);
    }
    expect(rig.timer.delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    rig.timer.fire();
    await expect.poll(() => stateOf(rig), { interval: 1 }).toBe('sealed');
    expect(rig.disk.attempts).toBe(before + 10);
  });

  it('is completed by sealing again, and is then not tried in vain', async () => {
    await using remains = await beginning('memory');
    await using rig = await opened(remains);
    await push(rig);
    rig.disk.failures = 2;
    for (const _ of [1, 2])
      await expect(rig.store.seals.seal(tester, id, 'succeeded')).rejects.toMatchObject(full);
    // One retry a session, however often it was asked for.
    expect(rig.timer.pending).toBe(1);
    const { session } = await rig.store.seals.seal(tester, id, 'succeeded');
    const { attempts } = rig.disk;
    rig.timer.fire();
    // Whatever the retry does is queued before this.
    await push(rig, 't');
    expect(rig.disk.attempts).toBe(attempts + 1);
    expect(await rig.store.sessions.get(tester, id)).toEqual(session);
    expect(await inconsistencies(rig.index, rig.blobs)).toEqual([]);
  });

  it('is not tried any more when the store is closed', async () => {
    await using remains = await beginning('memory');
    const rig = await opened(remains);
    await push(rig);
    rig.disk.failures = 1;
    await expect(rig.store.seals.seal(tester, id, 'succeeded')).rejects.toMatchObject(full);
    await rig[Symbol.asyncDispose]();
    expect(rig.timer.pending).toBe(0);
  });
});

describe.each(['memory', 'disk'] as const)('%s: a start', (kind) => {
  it('completes a pending seal, with the manifest it would have had', async () => {
    await using remains = await beginning(kind);
    const before = await opened(remains);
    await push(before);
    before.disk.failures = 1;
    await expect(before.store.seals.seal(tester, id, 'failed')).rejects.toMatchObject(full);
    await before[Symbol.asyncDispose]();
    remains.clock.now += 60_000;

    await using after = await opened(remains);
    expect(after.store.recovered).toMatchObject({ pendingSeals: 1 });
    expect(after.timer.delays).toEqual([]);
    const session = await after.store.sessions.get(tester, id);
    expect(session).toMatchObject({ state: 'sealed', outcome: 'failed', manifest: { lineCount: 1 } });
    expect(session.sealTime).toBe(remains.clock.now - 60_000);
    expect(await inconsistencies(after.index, after.blobs)).toEqual([]);
  });

  it('is not prevented by a seal that cannot be completed, which is tried again', async () => {
    await using remains = await beginning(kind);
    const before = await opened(remains);
    await push(before);
    before.disk.failures = 1;
    await expect(before.store.seals.seal(tester, id, 'failed')).rejects.toMatchObject(full);
    await before[Symbol.asyncDispose]();

    await using after = await opened(remains, 1);
    expect(after.store.recovered).toMatchObject({ pendingSeals: 1 });
    expect(after.timer).toMatchObject({ pending: 1, delays: [500] });
    // Everything else is served.
    await push(after, 't');
    await expect(after.store.artifacts.delete(tester, target('s', 'a'))).rejects.toMatchObject({
      reason: 'SEAL_PENDING',
    });
    after.timer.fire();
    await expect.poll(() => stateOf(after), { interval: 1 }).toBe('sealed');
    expect(await inconsistencies(after.index, after.blobs)).toEqual([]);
  });
});
