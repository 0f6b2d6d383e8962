import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from '../../../src/index/engine/fair-queue.ts';

const seed = 20_260_101;

interface Item {
  readonly lane: string;
  readonly at: number;
  readonly bytes: number;
}

function drain(queue: FairQueue<Item>): Item[] {
  const items: Item[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

const operations = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ lane: fc.constantFrom('a', 'b', 'c', 'd'), bytes: fc.nat(200_000) }),
    },
    { weight: 2, arbitrary: fc.constant('shift' as const) },
  ),
  { maxLength: 200 },
);

test(`everything comes out once, each lane in its order (seed ${seed})`, () => {
  fc.assert(
    fc.property(operations, (steps) => {
      const queue = new FairQueue<Item>();
      const pushed: Item[] = [];
      const shifted: Item[] = [];
      for (const [at, step] of steps.entries()) {
        if (step === 'shift') {
          const item = queue.shift();
          if (item !== undefined) shifted.push(item);
          else expect(queue.length).toBe(0);
        } else {
          pushed.push({ ...step, at });
          queue.push(step.lane, { ...step, at }, step.bytes);
        }
        expect(queue.length).toBe(pushed.length - shifted.length);
        for (const lane of 'abcd') {
          const waiting = (items: Item[]) => items.filter((item) => item.lane === lane).length;
          expect(queue.lengthOf(lane)).toBe(waiting(pushed) - waiting(shifted));
        }
      }
      shifted.push(...drain(queue));
      const byLane = (items: Item[], lane: string) => items.filter((item) => item.lane === lane);
      for (const lane of 'abcd') expect(byLane(shifted, lane)).toEqual(byLane(pushed, lane));
    }),
    { seed, numRuns: 300 },
  );
});

test(`lanes that wait share the bytes evenly, whatever the size of their items (seed ${seed})`, () => {
  const sizes = fc.array(fc.integer({ min: 64, max: 100_000 }), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(sizes, (laneBytes) => {
      const queue = new FairQueue<Item>();
      const passed = new Map<string, number>();
      for (const [lane, bytes] of laneBytes.entries()) {
        passed.set(String(lane), 0);
        // More than can pass below, so that every lane waits all the time.
        const count = Math.ceil(2_000_000 / bytes);
        for (let at = 0; at < count; at++) queue.push(String(lane), { lane: String(lane), at, bytes }, bytes);
      }
      const unfairBytesMax = 16 * 1024 + Math.max(...laneBytes);
      for (let total = 0; total < 1_500_000; ) {
        const item = queue.shift()!;
        total += item.bytes;
        passed.set(item.lane, passed.get(item.lane)! + item.bytes);
        const shares = [...passed.values()];
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * unfairBytesMax);
      }
    }),
    { seed, numRuns: 30 },
  );
});

test('items that cost nothing do not hold up the other lanes', () => {
  const queue = new FairQueue<string>();
  for (let at = 0; at < 10_000; at++) queue.push('free', 'free', 0);
  queue.push('other', 'other', 1);
  let before = 0;
  while (queue.shift() === 'free') before++;
  expect(before).toBeLessThan(1_000);
});
