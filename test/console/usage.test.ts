/** The plots of usage: periods, sums and lengths. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  inPeriods,
  periodAt,
  periods,
  segmentsOf,
  sumOfPeriods,
} from '../../src/console/operators/expiry-periods.ts';

const now = Date.UTC(2026, 10, 29);
const day = 86_400_000;

describe('periods of expiry', () => {
  it.each([
    [0, 'over'],
    [1, 'within a day'],
    [7, 'within 7 days'],
    [30, 'within 30 days'],
  ])('%i days from now is %s, also if the clocks differ by some hours', (days, name) => {
    for (const hours of [-11, 0, 11])
      expect(periods[periodAt(now + days * day + hours * 3_600_000, now)]).toBe(name);
  });

  it('have an end that does not matter, and none', () => {
    expect(periods[periodAt(Date.UTC(9999, 11, 31), now)]).toBe('later');
    expect(periods[periodAt(undefined, now)]).toBe('never');
  });

  it('have sums over values', () => {
    const one = inPeriods(
      {
        byExpiry: [
          { before: now, artifacts: 1, bytes: 10 },
          { before: now + day, artifacts: 2, bytes: 20 },
          { before: undefined, artifacts: 3, bytes: 30 },
        ],
      },
      now,
    );
    const two = inPeriods({ byExpiry: [{ before: now + day, artifacts: 5, bytes: 50 }] }, now);
    expect(sumOfPeriods([one, two]).map(({ artifacts, bytes }) => `${artifacts} ${bytes}`)).toEqual([
      '1 10',
      '7 70',
      '0 0',
      '0 0',
      '0 0',
      '3 30',
    ]);
    expect(sumOfPeriods([])).toHaveLength(periods.length);
  });
});

describe('parts of a bar', () => {
  it('lie one after another within the bar, and every one that is not empty is seen', () => {
    const bytes = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 50 })), {
      minLength: periods.length,
      maxLength: periods.length,
    });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 4 }), (all, times) => {
        const sum = all.reduce((total, one) => total + one, 0);
        const segments = segmentsOf(
          all.map((one) => ({ artifacts: 1, bytes: one })),
          sum * times,
          400,
        );
        expect(segments.map(({ period }) => period)).toEqual(
          all.flatMap((one, at) => (one === 0 ? [] : [at])),
        );
        let end = 0;
        for (const { from, length } of segments) {
          expect(from).toBe(end);
          expect(length).toBeGreaterThanOrEqual(1);
          end = from + length;
        }
        expect(end).toBeLessThanOrEqual(400 + 1e-6);
      }),
      { seed: 11 },
    );
  });
});
