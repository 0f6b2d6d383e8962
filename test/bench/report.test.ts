import { expect, it } from 'vitest';
import { describeMachine } from '../../bench/harness/machine.ts';
import { tableOf } from '../../bench/harness/report.ts';
import type { Figure } from '../../bench/harness/target.ts';

const conditions = { runs: 5, quick: false, sizes: [] };
const machine = describeMachine(import.meta.dirname);

/** The cells of the row of a figure. */
function rowOf(figure: Partial<Figure>): readonly string[] {
  const whole: Figure = {
    id: 'F',
    what: 'a figure',
    result: { label: '', unit: '', values: [1, 3, 3, 1, 3] },
    others: [],
    notes: [],
    ...figure,
  };
  const row = tableOf([whole], conditions, machine).split('\n')[2]!;
  return row.split('|').map((cell) => cell.trim());
}

it('judges by the median, and says whether the runs disagree', () => {
  const cells = rowOf({ requirement: { bound: 'at most', value: 2 } });
  expect(cells.slice(1, 5)).toEqual(['F', '3.00 (1.00–3.00)', '≤ 2', 'falls short, but not in every run']);
});

it('does not judge what has no requirement', () => {
  expect(rowOf({}).slice(1, 5)).toEqual(['F', '3.00 (1.00–3.00)', '–', 'no verdict']);
});

it('names what is missing in place of a verdict, and why', () => {
  const nothing = { label: '', unit: '', values: [] };
  const missing = { result: nothing, ours: nothing, missing: 'there is no go' } as const;
  expect(rowOf({ ...missing, requirement: { bound: 'at most', value: 2 } }).slice(2, 6)).toEqual([
    '–',
    '≤ 2',
    'missing',
    '–',
  ]);
  const table = tableOf(
    [{ id: 'F', what: 'a figure', others: [], notes: [], ...missing }],
    conditions,
    machine,
  );
  expect(table).toContain('F: a figure\n  missing: there is no go\n');
});
