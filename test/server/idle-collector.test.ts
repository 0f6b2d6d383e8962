import { expect, it } from 'vitest';
import { IdleCollector } from '../../src/server/idle-collector.ts';

const MiB = 1024 * 1024;

/** A process whose memory and whose time the test decides about. */
function processOf(residentMiB: number) {
  const waiting: (() => void)[] = [];
  const state = { residentMiB, collections: 0 };
  const collector = new IdleCollector({
    after: (_ms, task) => {
      waiting.push(task);
      return () => undefined;
    },
    residentBytes: () => state.residentMiB * MiB,
    collect: () => {
      state.collections++;
      state.residentMiB -= 100;
    },
  });
  return { collector, state, waiting, pass: () => waiting.shift()?.() };
}

it('collects what a time of many messages has left, once no message comes', () => {
  const { collector, state, waiting, pass } = processOf(100);
  collector.note();
  collector.expectQuiet();
  collector.expectQuiet();
  expect(waiting).toHaveLength(1);
  state.residentMiB = 500;
  for (let at = 0; at < 3; at++) {
    collector.note();
    pass();
    expect(state.collections).toBe(0);
  }
  pass();
  expect(state.collections).toBe(1);
  expect(waiting).toHaveLength(0);
});

it('leaves a process alone that has grown little, or whose memory is in use', () => {
  const { collector, state, pass } = processOf(100);
  collector.expectQuiet();
  state.residentMiB = 290;
  pass();
  expect(state.collections).toBe(0);
  collector.expectQuiet();
  state.residentMiB = 600;
  pass();
  expect(state.collections).toBe(1);
  // 500 MiB are left: they are what it needs.
  collector.expectQuiet();
  state.residentMiB = 550;
  pass();
  expect(state.collections).toBe(1);
  // Unless it grows again.
  collector.expectQuiet();
  state.residentMiB = 570;
  pass();
  expect(state.collections).toBe(2);
});
