/** Watches of sessions whose namespace another process owns, while it moves and while it stays. */
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { WatchEvent, WatchRequest } from '../../../src/store/watch/watches.ts';
import { openReplicas, type Replica, type Replicas } from '../../support/replicas.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { principalOf, sessionNamed } from '../../support/specs.ts';
import { told } from '../watch/watch-rig.ts';
import { push, settled } from './rig.ts';

const id = parseSessionId('session', 's');

/** A watch, and what it has told so far but for heartbeats. */
class Watched {
  readonly told: string[] = [];
  isOver = false;

  constructor({ store }: Replica, request: Partial<WatchRequest> = {}) {
    const wanted = { session: id, after: 0, sealOnly: false, waitForOpen: false, ...request };
    this.take(store.watch(principalOf({}), wanted, new AbortController().signal)).catch((error: unknown) => {
      this.told.push(String(error));
    });
  }

  private async take(events: AsyncIterable<WatchEvent>): Promise<void> {
    for await (const event of events) if (event.what.kind !== 'heartbeat') this.told.push(told(event));
    this.isOver = true;
  }
}

async function second({ timers }: Replicas): Promise<void> {
  await settled();
  timers.advance(1_000);
  await settled();
}

async function openTwo() {
  const replicas = await openReplicas();
  const a = await replicas.open('a');
  const b = await replicas.open('b');
  return { replicas, a, b };
}

it('events elsewhere come within a second, with one read a second for all watches', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'default', 'n1', 'x');
  const watches = Array.from({ length: 20 }, () => new Watched(b));
  await settled();
  // Before the first look.
  await push(a, 'default', 'n2', 'x');
  await second(replicas);
  for (const watch of watches) expect(watch.told).toEqual(['1 n1', '2 n2']);
  await push(a, 'default', 'n3', 'x');
  await second(replicas);
  for (const watch of watches) expect(watch.told).toEqual(['1 n1', '2 n2', '3 n3']);
  const before = b.reads();
  for (let at = 0; at < 10; at++) await second(replicas);
  expect(b.reads() - before).toBe(10);
  await a.store.seals.seal(principalOf({}), id, 'succeeded');
  await second(replicas);
  for (const watch of watches) expect(watch).toMatchObject({ isOver: true, told: { length: 4 } });
  // Nothing is looked at when nothing is watched.
  await second(replicas);
  await second(replicas);
  expect(replicas.timers.count).toBe(0);
});

it('a watch goes on while its namespace moves to and fro, without loss and without duplicates', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'default', 'n1', 'x');
  const watches = [new Watched(a), new Watched(b)];
  const expected = ['1 n1'];
  let owner = a;
  for (let at = 2; at < 12; at++) {
    await push(owner, 'default', `n${at}`, 'x');
    expected.push(`${at} n${at}`);
    // Sometimes the move comes before anybody has looked.
    if (at % 3 === 0) await second(replicas);
    await replicas.move('default', owner === a ? 'b' : 'a');
    owner = owner === a ? b : a;
    if (at % 3 === 1) await second(replicas);
  }
  await second(replicas);
  for (const watch of watches) expect(watch.told).toEqual(expected);
  await owner.store.seals.seal(principalOf({}), id, 'succeeded');
  await second(replicas);
  for (const watch of watches)
    expect(watch).toMatchObject({ isOver: true, told: [...expected, '12 sealed'] });
});

it('who becomes the owner tells its watchers at once what came before', async () => {
  const { replicas, a, b } = await openTwo();
  await push(a, 'default', 'n1', 'x');
  const watch = new Watched(b);
  await second(replicas);
  await push(a, 'default', 'n2', 'x');
  await replicas.move('default', 'b');
  await settled();
  expect(watch.told).toEqual(['1 n1', '2 n2']);
});

it('a watch that waits for a session sees it open elsewhere, and its end', async () => {
  const { replicas, a, b } = await openTwo();
  const watch = new Watched(b, { waitForOpen: true, sealOnly: true });
  await second(replicas);
  await a.store.sessions.open(principalOf({}), { ...sessionNamed('s'), leaseMs: 10_000 });
  await second(replicas);
  expect(watch.told).toEqual([]);
  replicas.clock.now += 10_000;
  // The watch reaches the end of the lease, and leaves the seal to the owner.
  for (let at = 0; at < 10; at++) await second(replicas);
  expect(watch).toMatchObject({ isOver: false, told: [] });
  expect(await a.store.reaper.reap({ limit: 100 })).toMatchObject({ lapsed: 1 });
  await second(replicas);
  expect(watch).toMatchObject({ isOver: true, told: ['1 sealed'] });
});

it('watches of a process that has the store for itself look nowhere else', async () => {
  const { timers } = await openReplicas();
  const index = await openMemoryIndex();
  const store = await openCheckedStore({ index, blobs: openMemoryBlobs(), after: timers.after });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const alone: Replica = { index, store, reads: () => 0 };
  await push(alone, 'default', 'n1', 'x');
  const watch = new Watched(alone);
  await settled();
  expect(watch.told).toEqual(['1 n1']);
  // That of its heartbeat.
  expect(timers.count).toBe(1);
});
