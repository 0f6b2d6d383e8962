import { expect, it } from 'vitest';
import { Budget } from '../../../src/domain/load/budget.ts';

it('counts work by its kind, and all of it together', () => {
  const budget = new Budget({ limit: 10 });
  budget.spend('entries', 3);
  budget.spend('records', 2);
  budget.spend('entries', 1);
  expect([budget.used('entries'), budget.used('records'), budget.used('probes')]).toEqual([4, 2, 0]);
  expect(budget.left).toBe(4);
  expect(budget.isSpent).toBe(false);
  budget.spend('probes', 9);
  expect(budget.left).toBe(-5);
  expect(budget.isSpent).toBe(true);
});

it('is spent while the reserve is left', () => {
  const budget = new Budget({ limit: 10, reserve: 4 });
  budget.spend('items', 5);
  expect(budget.isSpent).toBe(false);
  budget.spend('items', 1);
  expect(budget.isSpent).toBe(true);
});

it('is spent once it is stopped, whatever is left', () => {
  let isStopped = false;
  const budget = new Budget({ limit: 10, isStopped: () => isStopped });
  expect(budget.isSpent).toBe(false);
  isStopped = true;
  expect(budget.isSpent).toBe(true);
});
