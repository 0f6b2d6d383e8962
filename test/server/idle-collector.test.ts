import { expect, it } from 'vitest';
import { IdleCollector } from '../../src/server/idle-collector.ts';

const MiB = 1024 * 1024;

/** A process whose memory and whose time the test decides about. */
function processOf(residentMiB: number) {
  const waiting: (() => void)[] = [];
  const state: { residentMiB: number | undefined; freedMiB: number; collections: number } = {
    residentMiB,
    freedMiB: 100,
    collections: 0,
  };
  const collector = new IdleCollector({
    after: (_ms, task) => {
      waiting.push(task);
      return () => undefined;
    },
    residentBytes: () => (state.residentMiB === undefined ? undefined : state.residentMiB * MiB),
    collect: () => {
      state.collections++;
      state.residentMiB = state.residentMiB! - state.freedMiB;
    },
  });
  const second = () => waiting.shift()?.();
  /** The time after which a process counts as quiet. */
  const pass = () => {
    for (let at = 0; at < 5; at++) second();
  };
  return { collector, state, waiting, second, pass };
}

it('collects what a time of many messages has left, once no message comes', () => {
  const { collector, state, waiting, second, pass } = processOf(100);
  collector.note();
  collector.expectQuiet();
  collector.expectQuiet();
  expect(waiting).toHaveLength(1);
  state.residentMiB = 500;
  for (let at = 0; at < 30; at++) {
    if (at % 4 === 0) collector.note();
    second();
    expect(state.collections).toBe(0);
  }
  state.freedMiB = 400;
  for (let at = 0; at < 4; at++) {
    expect(state.collections).toBe(0);
    second();
  }
  expect(state.collections).toBe(1);
  // It looks once more, and finds the process small.
  pass();
  expect(state.collections).toBe(1);
  expect(waiting).toHaveLength(0);
});

it('leaves a process alone that has grown little', () => {
  const { collector, state, waiting, pass } = processOf(100);
  collector.expectQuiet();
  state.residentMiB = 190;
  pass();
  expect(state.collections).toBe(0);
  expect(waiting).toHaveLength(0);
});

it('collects memory later that was still in use, although no further message comes', () => {
  const { collector, state, pass } = processOf(100);
  collector.expectQuiet();
  Object.assign(state, { residentMiB: 800, freedMiB: 0 });
  pass();
  expect(state.collections).toBe(1);
  // Now its connections have gone.
  state.freedMiB = 600;
  for (let quiet = 0; quiet < 3; quiet++) pass();
  expect(state).toMatchObject({ collections: 2, residentMiB: 200 });
});

it('gives up on memory that stays in use, until the process grows again', () => {
  const { collector, state, waiting, pass } = processOf(100);
  collector.expectQuiet();
  Object.assign(state, { residentMiB: 600, freedMiB: 0 });
  let quiets = 0;
  for (; waiting.length > 0; quiets++) pass();
  expect(quiets).toBeLessThan(200);
  expect(state.collections).toBeLessThan(10);
  const before = state.collections;
  for (let burst = 0; burst < 100; burst++) {
    collector.note();
    collector.expectQuiet();
    pass();
  }
  expect(state.collections).toBe(before);
  state.residentMiB = 664;
  collector.expectQuiet();
  pass();
  expect(state.collections).toBe(before + 1);
});

it('waits while the memory of the process cannot be read', () => {
  const { collector, state, waiting, pass } = processOf(100);
  Object.assign(state, { residentMiB: undefined });
  collector.expectQuiet();
  expect(waiting).toHaveLength(0);
  state.residentMiB = 100;
  collector.expectQuiet();
  Object.assign(state, { residentMiB: undefined });
  pass();
  expect(state.collections).toBe(0);
  state.residentMiB = 500;
  pass();
  expect(state.collections).toBe(1);
});
