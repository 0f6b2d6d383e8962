import { describe, expect, it } from 'vitest';
import { readOptions, UsageError } from '../../bench/harness/options.ts';
import type { Target } from '../../bench/harness/target.ts';

const targets: readonly Target[] = ['p1', 'p7'].map((name) => ({ name, what: '', measure: async () => [] }));
const read = (...args: string[]) => readOptions(args, targets);

describe('the command line of the benchmarks', () => {
  it('measures everything unless targets are named', () => {
    expect(read().targets).toEqual(targets);
    expect(read('p7').targets).toEqual([targets[1]]);
    expect(read('--quick')).toMatchObject({ quick: true, runs: 1, task: 'measure' });
    expect(read('--list').task).toBe('list');
    expect(read('--help', '--list').task).toBe('help');
  });

  it('takes sizes in any order, each once, and gives them ascending', () => {
    expect(read('--sizes', '1M,10k, 10000,10M').sizes).toEqual([10_000, 1_000_000, 10_000_000]);
    expect(read().sizes).toEqual([10_000, 1_000_000]);
  });

  it('refuses what it does not understand', () => {
    for (const args of [
      ['p9'],
      ['--runs', '0'],
      ['--runs', '1.5'],
      ['--sizes', '10g'],
      ['--sizes', '10'],
      ['--x'],
    ])
      expect(() => read(...args)).toThrow(UsageError);
  });
});
