import { expect, it } from 'vitest';
import { Throttle } from '../../src/identity/throttle.ts';

it('lets a burst through, then so many a second, each key for itself', () => {
  let now = 0;
  const throttle = new Throttle({ perSecond: 2, burst: 3, keysMax: 10, elapsed: () => now });
  const passes = (key: string) => {
    if (throttle.waitMs(key) > 0) return false;
    throttle.count(key);
    return true;
  };
  expect([1, 2, 3, 4].map(() => passes('a'))).toEqual([true, true, true, false]);
  expect(passes('b')).toBe(true);
  expect(throttle.waitMs('a')).toBe(500);
  now += 500;
  expect([passes('a'), passes('a')]).toEqual([true, false]);
  now += 60_000;
  expect([1, 2, 3, 4].map(() => passes('a'))).toEqual([true, true, true, false]);
});

it('remembers a bounded number of keys, the latest ones', () => {
  const throttle = new Throttle({ perSecond: 1, burst: 1, keysMax: 100, elapsed: () => 0 });
  for (let at = 0; at < 1_000; at++) throttle.count(`key ${at}`);
  expect(throttle.size).toBe(100);
  expect(throttle.waitMs('key 999')).toBeGreaterThan(0);
  expect(throttle.waitMs('key 1')).toBe(0);
});
