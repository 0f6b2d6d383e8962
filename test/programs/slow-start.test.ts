import { expect, it } from 'vitest';
import { SlowStart } from '../../src/programs/slow-start.ts';
import { TestTimers } from '../support/timers.ts';

it('says what a start waits for after two seconds, and then more and more rarely, until it is over', () => {
  const timers = new TestTimers();
  const told: string[] = [];
  const start = new SlowStart(timers.after, (waitedMs, what) => told.push(`${waitedMs} ${what}`));
  timers.advance(1_999);
  start.waitsFor('the index');
  expect(told).toEqual([]);
  timers.advance(1);
  start.waitsFor('the store');
  for (let second = 0; second < 14; second++) timers.advance(1_000);
  expect(told).toEqual(['2000 the index', '4000 the store', '8000 the store', '16000 the store']);
  start[Symbol.dispose]();
  timers.advance(60_000);
  expect(told).toHaveLength(4);
  expect(timers.count).toBe(0);
});

it('says nothing of a start that is quick', () => {
  const timers = new TestTimers();
  const told: string[] = [];
  const start = new SlowStart(timers.after, (_waitedMs, what) => told.push(what));
  start.waitsFor('the index');
  timers.advance(1_000);
  start[Symbol.dispose]();
  timers.advance(5_000);
  expect(told).toEqual([]);
});
