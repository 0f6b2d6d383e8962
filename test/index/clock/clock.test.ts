/** The service's time over a wall clock that is set and a running time that is not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clockLimits, ServiceClock } from '../../../src/index/clock/clock.ts';
import { systemTime } from '../../../src/index/clock/system-time.ts';
import { startOfTime } from '../../support/service.ts';
import { TestTimers } from '../../support/timers.ts';
import { days, hours, minutes, TestTime } from '../../support/times.ts';

/** Over a store whose newest commit is so old. */
function begun(ageMs = minutes(1), countsSleep = true) {
  const time = new TestTime(countsSleep);
  const clock = time.clock();
  const isGap = clock.begin(time.wall - ageMs);
  return { time, clock, isGap };
}

describe('a wall clock that is believed', () => {
  it('is followed through small steps, and never back', () => {
    const { time, clock } = begun();
    expect(clock.now()).toBe(startOfTime);
    time.wall += minutes(4);
    expect(clock.now()).toBe(startOfTime + minutes(4));
    time.wall -= minutes(5);
    expect(clock.now()).toBe(startOfTime + minutes(4));
    time.pass(minutes(6));
    expect(clock.now()).toBe(startOfTime + minutes(5));
    expect(clock.suspicion).toBeUndefined();
  });

  it('may drift for months', () => {
    const { time, clock } = begun();
    for (let day = 0; day < 200; day++) {
      for (let hour = 0; hour < 24; hour++) time.passWatched(hours(1) / 60, clock);
      time.pass(hours(23));
      clock.check();
      time.wall += 5_000;
    }
    expect(clock.suspicion).toBeUndefined();
    expect(clock.now()).toBe(time.wall);
  });

  it('is not suspect after a sleep, whoever looks first', () => {
    const { time, clock } = begun();
    time.sleep(days(2));
    expect(clock.now()).toBe(startOfTime + days(2));
    expect(clock.suspicion).toBeUndefined();
  });

  it('is not suspect after a sleep that the running time does not know of', () => {
    const { time, clock } = begun(0, false);
    time.sleep(days(2));
    expect(clock.now()).toBe(startOfTime + days(2));
    expect(clock.suspicion).toBeUndefined();
    expect(clock.gap).toBeUndefined();
    time.sleep(days(8));
    clock.check();
    expect(clock.gap).toMatchObject({ from: startOfTime + days(2), to: startOfTime + days(10) });
    time.wall -= hours(2);
    expect(clock.now()).toBe(startOfTime + days(10));
    expect(clock.suspicion).toMatchObject({ cause: 'departed' });
  });
});

describe('I14 a wall clock that departs while the service runs', () => {
  for (const [what, step] of [
    ['30 days ahead', days(30)],
    ['2 hours behind', -hours(2)],
    ['just more than five minutes ahead', minutes(5) + 1],
    ['just more than five minutes behind', -minutes(5) - 1],
  ] as const)
    it(`is suspect at once, ${what}, and time goes on as the system runs`, () => {
      const { time, clock } = begun();
      time.pass(hours(3));
      clock.check();
      const before = clock.now();
      time.pass(2_500);
      time.wall += step;
      expect(clock.now()).toBe(before + 2_500);
      expect(clock.suspicion).toMatchObject({
        cause: 'departed',
        startTime: before + 2_500,
        wall: time.wall,
        time: before + 2_500,
        agreedMs: 0,
      });
      time.pass(hours(1));
      expect(clock.now()).toBe(before + 2_500 + hours(1));
      expect(time.warnings).toHaveLength(1);
    });

  it('is not at exactly five minutes', () => {
    const { time, clock } = begun();
    time.wall += minutes(5);
    expect(clock.suspicion).toBeUndefined();
  });

  it('is by many small steps within an hour', () => {
    const { time, clock } = begun();
    for (const _ of [1, 2]) {
      time.wall += minutes(4);
      time.passWatched(minutes(1), clock);
    }
    expect(clock.suspicion).toMatchObject({ cause: 'departed' });
  });

  it('is believed again when it has agreed for five minutes without a break', () => {
    const { time, clock } = begun();
    time.wall += days(30);
    time.passWatched(minutes(1), clock);
    time.wall -= days(30);
    time.passWatched(minutes(4), clock);
    expect(clock.suspicion?.agreedMs).toBeGreaterThan(minutes(3));
    time.wall -= hours(2);
    time.passWatched(minutes(1), clock);
    expect(clock.suspicion?.agreedMs).toBe(0);
    time.wall += hours(2);
    time.passWatched(minutes(4) + 59_000, clock);
    expect(clock.suspicion).toBeDefined();
    time.passWatched(2_000, clock);
    expect(clock.suspicion).toBeUndefined();
    expect(clock.now()).toBe(time.wall);
    expect(time.warnings).toEqual([
      expect.stringContaining('not trusted'),
      expect.stringContaining('trusted again'),
    ]);
  });

  it('changes its id when it is set again, and not as time passes', () => {
    const { time, clock } = begun();
    time.wall -= hours(2);
    const { id } = clock.suspicion!;
    time.pass(hours(1));
    expect(clock.suspicion!.id).toBe(id);
    time.wall -= minutes(6);
    expect(clock.suspicion!.id).not.toBe(id);
  });
});

describe('I14 a wall clock that is behind the newest commit at the start', () => {
  it('is believed up to five minutes, and time stands until it has caught up', () => {
    const { time, clock } = begun(-minutes(5));
    expect(clock.suspicion).toBeUndefined();
    expect(clock.now()).toBe(startOfTime + minutes(5));
    time.pass(minutes(5) + 1);
    expect(clock.now()).toBe(startOfTime + minutes(5) + 1);
  });

  it('is suspect beyond, and time goes on from that commit', () => {
    const { time, clock } = begun(-minutes(10));
    expect(clock.suspicion).toMatchObject({ cause: 'behindMark', startTime: startOfTime + minutes(10) });
    time.passWatched(minutes(30), clock);
    expect(clock.now()).toBe(startOfTime + minutes(40));
    time.wall += minutes(10);
    time.passWatched(minutes(5) + 1_000, clock);
    expect(clock.suspicion).toBeUndefined();
  });

  it('and is then put right, ahead by as long as nothing ran: that is believed after five minutes', () => {
    const { time, clock } = begun(days(300));
    expect(clock.suspicion).toBeUndefined();
    const restarted = time.clock();
    time.wall -= days(400);
    restarted.begin(startOfTime);
    time.passWatched(minutes(1), restarted);
    time.wall += days(400) + days(8);
    time.passWatched(minutes(4), restarted);
    expect(restarted.suspicion).toMatchObject({ cause: 'behindMark' });
    // Set again: the five minutes begin anew.
    time.wall += hours(1);
    time.passWatched(minutes(5) - 1_000, restarted);
    expect(restarted.suspicion?.agreedMs).toBeGreaterThan(minutes(4));
    time.passWatched(2_000, restarted);
    expect(restarted.suspicion).toBeUndefined();
    expect(restarted.now()).toBe(time.wall);
    expect(restarted.gap).toMatchObject({ to: time.wall });
  });

  it('is when an index is imported, too', () => {
    const { time, clock } = begun();
    expect(clock.begin(startOfTime + hours(1))).toBe(false);
    expect(clock.suspicion).toMatchObject({ cause: 'behindMark' });
    time.pass(minutes(1));
    clock.begin(startOfTime + hours(2));
    expect(clock.now()).toBe(startOfTime + hours(2));
    time.pass(minutes(1));
    expect(clock.now()).toBe(startOfTime + hours(2) + minutes(1));
  });
});

describe('I14 an operator who says that the wall clock is right', () => {
  it('lets the service follow it at once if it is ahead', () => {
    const { time, clock } = begun();
    time.wall += days(30);
    clock.check();
    expect(clock.confirmation()).toBeUndefined();
    clock.confirm(undefined);
    expect(clock.suspicion).toBeUndefined();
    expect(clock.now()).toBe(startOfTime + days(30));
  });

  it('lets it go at half speed if it is behind, over restarts, until both are the same', () => {
    const { time, clock } = begun();
    time.wall -= hours(2);
    clock.check();
    const confirmation = clock.confirmation();
    expect(confirmation).toEqual({ wall: startOfTime - hours(2), time: startOfTime });
    clock.confirm(confirmation);
    expect(clock.suspicion).toBeUndefined();
    time.passWatched(hours(1), clock);
    expect(clock.now()).toBe(startOfTime + hours(0.5));
    const restarted = time.clock();
    restarted.begin(clock.now(), confirmation);
    expect(restarted.suspicion).toBeUndefined();
    time.passWatched(hours(1), restarted);
    expect(restarted.now()).toBe(startOfTime + hours(1));
    time.passWatched(hours(2), restarted);
    expect(restarted.now()).toBe(time.wall);
    time.passWatched(hours(1), restarted);
    expect(restarted.now()).toBe(time.wall);
    // It counts for the wall clock as it was, not for one that is set back further.
    time.wall = startOfTime - hours(3);
    const later = time.clock();
    later.begin(restarted.now(), confirmation);
    expect(later.suspicion).toMatchObject({ cause: 'behindMark' });
  });
});

describe('a long gap', () => {
  it('is one of more than seven days, and lasts for five minutes', () => {
    expect(begun(days(7)).isGap).toBe(false);
    const { time, clock, isGap } = begun(days(7) + 1);
    expect(isGap).toBe(true);
    expect(clock.now()).toBe(startOfTime);
    expect(clock.gap).toMatchObject({ from: startOfTime - days(7) - 1, to: startOfTime, leftMs: minutes(5) });
    time.pass(minutes(5) - 1);
    expect(clock.gap).toBeDefined();
    time.pass(1);
    expect(clock.gap).toBeUndefined();
    expect(clock.suspicion).toBeUndefined();
  });

  it('can be ended, and does not begin again with another index', () => {
    const { clock } = begun(days(30));
    clock.endGap();
    expect(clock.gap).toBeUndefined();
    expect(clock.begin(startOfTime - days(30))).toBe(false);
    expect(clock.gap).toBeUndefined();
  });

  it('is none in a store that is new', () => {
    expect(begun(startOfTime).isGap).toBe(false);
  });
});

describe('whatever the wall clock does', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: hours(3) }) }),
    fc.record({ kind: fc.constant('small' as const), ms: fc.integer({ min: -minutes(5), max: minutes(5) }) }),
    fc.record({ kind: fc.constant('large' as const), ms: fc.integer({ min: -days(40), max: days(40) }) }),
    fc.record({ kind: fc.constant('sleep' as const), ms: fc.integer({ min: 0, max: days(3) }) }),
  );

  it('the service’s time never decreases, is never below the mark, and keeps near to what has passed', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: -days(20), max: days(20) }),
        (steps, ageMs) => {
          const { time, clock } = begun(ageMs);
          const mark = startOfTime - ageMs;
          const first = clock.now();
          const beganAt = time.running;
          let last = first;
          // A step that is followed, one way or the other, is at most one of five minutes in an hour; so is the end of
          // a suspicion, which may besides leave time standing.
          let slackMs = minutes(5);
          for (const { kind, ms } of steps) {
            if (kind === 'pass') time.passWatched(ms, clock);
            else if (kind === 'sleep') time.sleep(ms);
            else time.wall += ms;
            slackMs +=
              minutes(10) + (kind === 'pass' || kind === 'sleep' ? minutes(10) * (ms / hours(1)) : 0);
            expect(clock.now()).toBeGreaterThanOrEqual(last);
            // After a sleep the next look is exact.
            clock.check();
            const now = clock.now();
            expect(now).toBeGreaterThanOrEqual(last);
            expect(now).toBeGreaterThanOrEqual(mark);
            // What a start has found behind may turn out to be any time ahead.
            if (ageMs >= -minutes(5))
              expect(Math.abs(now - first - (time.running - beganAt))).toBeLessThanOrEqual(slackMs);
            last = now;
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

it('looks by itself every few seconds until it is told not to', () => {
  const timers = new TestTimers();
  const time = new TestTime();
  const clock = time.clock();
  const end = clock.watch(timers.after);
  time.wall += days(30);
  timers.advance(clockLimits.checkEveryMs);
  expect(time.warnings).toHaveLength(1);
  end();
  expect(timers.count).toBe(0);
});

describe('the system’s time', () => {
  it('reads how long the system has run, and carries on from there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'artifacta-clock-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'uptime');
    await writeFile(path, '100.25 7.00\n');
    const source = systemTime(path);
    expect(source.countsSleep).toBe(true);
    const before = source.running(false);
    expect(before).toBeGreaterThanOrEqual(100_250);
    await writeFile(path, '5000.00 7.00\n');
    expect(source.running(false)).toBeLessThan(4_000_000);
    expect(source.running(true)).toBeGreaterThanOrEqual(5_000_000);
    // Neither a file that is late nor one that is gone takes it back.
    await writeFile(path, '4999.00 7.00\n');
    expect(source.running(true)).toBeGreaterThanOrEqual(5_000_000);
    await rm(path);
    expect(source.running(true)).toBeGreaterThanOrEqual(5_000_000);
  });

  it('is that of the process where the system does not say', () => {
    const source = systemTime('/nonexistent/uptime');
    expect(source.countsSleep).toBe(false);
    const before = source.running(true);
    expect(source.running(true)).toBeGreaterThanOrEqual(before);
    const clock = new ServiceClock({ source });
    clock.begin(0);
    expect(clock.suspicion).toBeUndefined();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(60_000);
  });
});
