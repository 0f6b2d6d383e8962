/** The reaper and those who use the store meanwhile. */
import { Buffer } from 'node:buffer';
import { expect, test, vi } from 'vitest';
import { openMemoryRig } from '../../index/rigs.ts';
import { turns } from '../../index/support.ts';
import { openTestStore, startOfTime } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';

const hour = 3_600_000;
const artifacts = 100;

test('a push shares its batch with nothing of the reaper, which then removes the rest', async () => {
  const clock = { now: startOfTime };
  await using rig = await openMemoryRig({ clock: () => clock.now });
  await using opened = await openTestStore({ index: rig.index });
  const { store } = opened;
  const push = async (name: string, ttlMs?: number) =>
    await store.uploads.create(tester, specOf({ session: 's', name, ttlMs }), Buffer.from(name));
  for (let at = 0; at < artifacts; at++) await push(`due ${at}`, hour);
  const alone = await rowsOf(() => push('alone'));
  clock.now += 2 * hour;

  const stalled = rig.faults.stall();
  const first = push('first');
  await stalled;
  const reaping = store.reaper.reap({ limit: 1_000 });
  await vi.waitFor(() => expect(rig.index.waiting).toBe(4));
  const second = push('second');
  await turns();
  await rig.faults.releaseOne();
  await first;
  const beside = await rowsOf(async () => {
    rig.faults.release();
    await second;
  });
  expect(beside).toBe(alone);
  expect(await reaping).toMatchObject({ artifacts, more: false });

  async function rowsOf(work: () => Promise<unknown>): Promise<number> {
    const before = rig.index.stats.rowsWritten;
    await work();
    return rig.index.stats.rowsWritten - before;
  }
});
