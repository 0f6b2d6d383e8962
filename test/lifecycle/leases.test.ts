/** Leases: what lapses is sealed as of the lapse, whoever writes that down, and whether anybody does. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openTestStore, startOfTime } from '../support/service.ts';
import { sessionNamed, target, tester } from '../support/specs.ts';
import { TestTimers } from '../support/timers.ts';
import { openRig } from './open-rig.ts';
import { day, hour, type Rig, reasonOf, rigOver, second } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});

const minute = 60 * second;
const lapse = startOfTime + minute;
const retention = { ttlMs: { abandoned: day, succeeded: 3 * day } };
const { id } = sessionNamed('s');

async function lapsed(): Promise<void> {
  await rig.open('s', { leaseMs: minute, retention });
  await rig.push('s', 'a');
  await rig.push('s', 'brief', { ttlMs: minute + second });
  rig.pass(hour);
}

const sealedAsOfLapse = {
  state: 'sealed',
  outcome: 'abandoned',
  sealTime: lapse,
  expireTime: lapse + day,
} as const;

describe('a lapse', () => {
  test('shows at once, before anybody has written it down', async () => {
    await lapsed();
    expect(await rig.session('s')).toMatchObject({ ...sealedAsOfLapse, lastSequence: 2 });
    expect((await rig.session('s')).manifest).toBeUndefined();
    expect(await rig.get('s', 'a')).toMatchObject({ expireTime: lapse + day, expirySource: 'session' });
    for (const [filter, count] of [
      ['session.state = SEALED', 1],
      ['session.outcome = ABANDONED', 1],
      ['session.state = OPEN', 0],
      ['session.state != OPEN', 1],
      ['NOT session.state = SEALED', 0],
    ] as const) {
      const query = { filter, oldestFirst: false, pageSize: 10, pageToken: '' };
      const page = await rig.store.listing.sessions(tester, query);
      expect([filter, page.items.length]).toEqual([filter, count]);
      const found = await rig.store.listing.artifacts(tester, {
        ...query,
        session: undefined,
        name: undefined,
        allVersions: false,
        showGone: false,
      });
      expect([filter, found.items.length]).toEqual([filter, count]);
    }
    rig.pass(day);
    expect(await reasonOf(rig.session('s'))).toBe('SESSION_NOT_FOUND');
    expect(await reasonOf(rig.get('s', 'a'))).toBe('ARTIFACT_EXPIRED');
    expect(await rig.reap()).toMatchObject({ lapsed: 1 });
    expect(await rig.reap()).toMatchObject({ artifacts: 1, sessions: 1 });
  });

  const firsts: [string, () => Promise<unknown>, string][] = [
    ['a push', () => rig.push('s', 'b'), 'SESSION_SEALED'],
    ['a seal', () => rig.seal('s'), 'OUTCOME_CONFLICT'],
    ['a seal that says the same', () => rig.seal('s', 'abandoned'), 'OK'],
    ['opening it again', () => rig.open('s', { leaseMs: minute, retention }), 'OK'],
    ['a touch', () => rig.store.sessions.update(tester, id, { touch: true }), 'SESSION_SEALED'],
    ['a label', () => rig.store.sessions.update(tester, id, { labels: [['a', 'b']] }), 'OK'],
    ['a hold', () => rig.store.artifacts.update(tester, target('s', 'a'), { hold: true }), 'OK'],
    ['a deletion', () => rig.store.artifacts.delete(tester, target('s', 'a')), 'OK'],
    ['the reaper', () => rig.reap(), 'OK'],
    [
      'saying how it ended',
      () => rig.store.sessions.amend(tester, id, { outcome: 'failed', etag: undefined }),
      'OK',
    ],
  ];

  test.each(firsts)('is written down first by %s', async (_who, call, reason) => {
    await lapsed();
    expect(await reasonOf(call())).toBe(reason);
    const session = await rig.session('s');
    expect(session).toMatchObject({ state: 'sealed', sealTime: lapse });
    // What was live at the lapse, though it has expired or was deleted by now.
    expect(session.manifest?.lineCount).toBe(2);
  });

  test('by many at once seals once', async () => {
    await lapsed();
    const calls = Array.from({ length: 20 }, (_, at) => reasonOf(rig.push('s', `x${at}`)));
    expect(new Set(await Promise.all([...calls, reasonOf(rig.reap())]))).toEqual(
      new Set(['SESSION_SEALED', 'OK']),
    );
    expect(await rig.session('s')).toMatchObject({ ...sealedAsOfLapse, lastSequence: 3 });
  });

  test('a session that was deleted does not lapse', async () => {
    await rig.open('s', { leaseMs: minute });
    expect(await rig.remove('s')).toBe(true);
    rig.pass(hour);
    expect(await rig.reap()).toMatchObject({ lapsed: 0, sessions: 1 });
  });
});

describe('a renewal', () => {
  test('is every commit and every touch', async () => {
    await rig.open('s', { leaseMs: minute });
    for (let round = 0; round < 5; round++) {
      rig.pass(50 * second);
      if (round % 2 === 0) await rig.push('s', `a${round}`);
      else await rig.store.sessions.update(tester, id, { touch: true });
      expect(await rig.session('s')).toMatchObject({ state: 'open' });
    }
    const { lease, updateTime } = await rig.session('s');
    expect(lease).toEqual({ durationMs: minute, expireTime: rig.clock.now + minute });
    expect(updateTime).toBe(startOfTime);
    rig.pass(minute);
    expect((await rig.session('s')).state).toBe('sealed');
  });

  test('is written once an eighth of the lease has passed', async () => {
    await rig.open('s', { leaseMs: 80 * second });
    rig.pass(9 * second);
    await rig.store.sessions.update(tester, id, { touch: true });
    expect((await rig.session('s')).lease?.expireTime).toBe(startOfTime + 80 * second);
    rig.pass(second);
    await rig.store.sessions.update(tester, id, { touch: true });
    expect((await rig.session('s')).lease?.expireTime).toBe(startOfTime + 90 * second);
  });

  test('does nothing for a session without a lease', async () => {
    await rig.open('s');
    expect((await rig.store.sessions.update(tester, id, { touch: true })).lease).toBeUndefined();
  });
});

describe('who watches', () => {
  async function watched() {
    const timers = new TestTimers();
    const opened = rigOver(await openTestStore({ after: timers.after }));
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const events = opened.store
      .watch(
        tester,
        { session: id, after: 0, sealOnly: true, waitForOpen: false },
        new AbortController().signal,
      )
      [Symbol.asyncIterator]();
    const advance = async (ms: number) => {
      await expect.poll(() => timers.count).toBeGreaterThan(1);
      opened.pass(ms);
      timers.advance(ms);
    };
    return { ...opened, events, advance };
  }

  test('is told of the lapse when it comes, though nobody reaps', async () => {
    const { open, events, advance } = await watched();
    await open('s', { leaseMs: 10 * second });
    expect((await events.next()).value).toMatchObject({ what: { kind: 'heartbeat' } });
    const next = events.next();
    await advance(10 * second);
    expect((await next).value).toMatchObject({
      what: { kind: 'sealed', session: { outcome: 'abandoned', sealTime: startOfTime + 10 * second } },
    });
    expect(await events.next()).toMatchObject({ done: true });
  });

  test('of a session that has lapsed already, too', async () => {
    const { open, events, pass } = await watched();
    await open('s', { leaseMs: 10 * second });
    pass(hour);
    expect((await events.next()).value).toMatchObject({ what: { kind: 'heartbeat' } });
    expect((await events.next()).value).toMatchObject({ what: { kind: 'sealed' } });
    expect(await events.next()).toMatchObject({ done: true });
  });
});
