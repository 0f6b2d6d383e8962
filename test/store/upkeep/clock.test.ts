/** I14 over a whole store: what a clock that is wrong does to expiry, ids, sessions and what cannot be undone. */
import { Buffer } from 'node:buffer';
import { describe, expect, it, onTestFinished } from 'vitest';
import { authenticationOver } from '../../../src/api/credentials.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { type ArtifactId, idToBytes } from '../../../src/domain/ids.ts';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Index } from '../../../src/index/door.ts';
import { MemoryHome } from '../../../src/index/memory/home.ts';
import { figuresOf } from '../../../src/store/custody/figures.ts';
import { StoreHost } from '../../../src/store/custody/host.ts';
import { clockPauses } from '../../../src/store/upkeep/clock-pauses.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { startOfTime } from '../../support/service.ts';
import { specOf, target, tester } from '../../support/specs.ts';
import { days, hours, idTimeMs, minutes, TestTime } from '../../support/times.ts';

/** A store that is opened and closed over the same rows, by one wall clock. */
function place() {
  const time = new TestTime();
  const blobs = openMemoryBlobs();
  let clock = time.clock();
  const home = new MemoryHome({ clock: () => clock.now() });
  const open = async () => {
    const serviceClock = time.clock();
    let index: Index | undefined;
    clock = serviceClock;
    const host = await StoreHost.open({
      home,
      serviceClock,
      open: (opened, isFirst) => {
        index = opened;
        return openCheckedStore({
          index: opened,
          blobs,
          removesStale: isFirst,
          reserveBytes: 0,
          clockPauses: () => clockPauses(serviceClock),
        });
      },
      warn: (message) => time.warnings.push(message),
    });
    onTestFinished(() => host[Symbol.asyncDispose]());
    const figures = () => figuresOf(host, index, undefined);
    return { host, figures, pass: (ms: number) => time.passWatched(ms, serviceClock) };
  };
  return { time, open };
}

const push = async (host: StoreHost, name: string, ttlMs?: number) =>
  (
    await host.store.uploads.create(
      tester,
      specOf({ session: 's', name, ttlMs, newVersion: true }),
      Buffer.from(name),
    )
  ).artifact;

const stateOf = (host: StoreHost, name: string) =>
  host.store.artifacts.get(tester, target('s', name)).then(
    () => 'there',
    (error: { reason: string }) => error.reason,
  );

const idTime = (id: ArtifactId) => idTimeMs(idToBytes(id));

async function causesOf(host: StoreHost): Promise<string[]> {
  return (await host.store.pauses.stopping('reap')).map(({ cause }) => cause);
}

/** Names in the order of the session's feed, the seal included. */
async function feedOf(host: StoreHost): Promise<(string | number)[]> {
  const names: (string | number)[] = [];
  const request = {
    session: parseSessionId('session', 's'),
    after: 0,
    sealOnly: false,
    waitForOpen: false,
  };
  for await (const { sequence, what } of host.store.watch(tester, request, new AbortController().signal))
    if (what.kind !== 'heartbeat')
      names.push(what.kind === 'committed' ? what.artifact.name : what.kind, sequence);
  return names;
}

describe('I14 the wall clock is set under the running store', () => {
  it('30 days ahead for a minute: nothing expires by it, and nothing is left of it', async () => {
    const { time, open } = place();
    const { host, pass, figures } = await open();
    expect(await figures()).toMatchObject({ pauses: 0, isClockSuspect: false });
    await push(host, 'keeps a day', days(1));
    await push(host, 'keeps ten minutes', minutes(10));
    time.wall += days(30);
    pass(1_000);
    expect(await causesOf(host)).toEqual(['clockSuspect']);
    expect(await figures()).toMatchObject({ pauses: 1, isClockSuspect: true });
    expect(await host.store.pauses.stopping('collect')).toHaveLength(1);
    expect(await stateOf(host, 'keeps a day')).toBe('there');
    expect(await stateOf(host, 'keeps ten minutes')).toBe('there');
    const meanwhile = await push(host, 'meanwhile', days(1));
    expect(meanwhile.createTime).toBe(startOfTime + 1_000);
    expect(idTime(meanwhile.id)).toBe(meanwhile.createTime);
    expect(meanwhile.expireTime).toBe(startOfTime + 1_000 + days(1));
    pass(59_000);
    time.wall -= days(30);
    pass(minutes(4));
    expect(await causesOf(host)).toEqual(['clockSuspect']);
    pass(minutes(2));
    expect(await causesOf(host)).toEqual([]);
    expect(await stateOf(host, 'keeps ten minutes')).toBe('there');
    pass(minutes(4));
    expect(await stateOf(host, 'keeps ten minutes')).toBe('ARTIFACT_EXPIRED');
    expect(await stateOf(host, 'keeps a day')).toBe('there');
    expect((await push(host, 'after')).createTime).toBe(time.wall);
    // The next start finds nothing strange.
    await host[Symbol.asyncDispose]();
    const next = await open();
    expect((await next.host.status()).pauses).toEqual([]);
  });

  it('2 hours back: nothing un-expires, ids grow, and sessions keep their order', async () => {
    const { time, open } = place();
    const { host, pass } = await open();
    const first = await push(host, 'first', minutes(10));
    const second = await push(host, 'second', hours(1));
    pass(minutes(11));
    expect(await stateOf(host, 'first')).toBe('ARTIFACT_EXPIRED');
    time.wall -= hours(2);
    expect(await stateOf(host, 'first')).toBe('ARTIFACT_EXPIRED');
    const third = await push(host, 'third');
    pass(minutes(50));
    // An hour has passed, whatever the wall clock says.
    expect(await stateOf(host, 'second')).toBe('ARTIFACT_EXPIRED');
    const fourth = await push(host, 'fourth');
    expect([first, second, third, fourth].map(({ id }) => id)).toEqual(
      [first, second, third, fourth].map(({ id }) => id).sort(),
    );
    expect(fourth.createTime).toBe(startOfTime + minutes(61));
    time.wall += hours(2);
    pass(minutes(6));
    expect(await causesOf(host)).toEqual([]);
    await push(host, 'fifth');
    await host.store.seals.seal(tester, parseSessionId('session', 's'), 'succeeded');
    expect(await feedOf(host)).toEqual([
      'deleted',
      1,
      'deleted',
      2,
      'third',
      3,
      'fourth',
      4,
      'fifth',
      5,
      'sealed',
      6,
    ]);
    expect(await stateOf(host, 'second')).toBe('ARTIFACT_EXPIRED');
  });

  it('lets credentials last as long as was said', async () => {
    const { time, open } = place();
    const { host } = await open();
    const { verified, authentication } = outside(host, () => time.wall);
    time.wall += days(30);
    const principal = await authentication.authenticate({
      authorization: 'Bearer e30.e30.e30',
      namespace: undefined,
      certificate: undefined,
      address: undefined,
      isLocal: false,
    });
    expect(verified).toEqual(['e30.e30.e30']);
    expect(principal.expireTime).toBe(startOfTime + hours(1));
    const pushed = host.store.uploads.create(
      principal,
      specOf({ session: 't', name: 'a' }),
      Buffer.from('x'),
    );
    await expect(pushed).resolves.toBeDefined();
  });
});

/** An issuer that goes by the wall clock, and gives everybody an hour. */
function outside(host: StoreHost, wall: () => number) {
  const verified: string[] = [];
  const authentication = authenticationOver(
    () => host.store,
    {
      isRequired: true,
      elapsed: () => 0,
      verifyJwt: async (token) => {
        verified.push(token);
        return {
          subject: 'agent',
          namespace: 'default',
          scopes: ['read', 'write'],
          operator: false,
          expireTimeMs: wall() + hours(1),
        };
      },
    },
    undefined,
    wall,
  );
  return { verified, authentication };
}

describe('I14 a start', () => {
  it('with the wall clock 10 minutes behind: pushes work, and it ends by itself', async () => {
    const { time, open } = place();
    const before = await open();
    const old = await push(before.host, 'old', minutes(30));
    await before.host[Symbol.asyncDispose]();
    time.pass(minutes(1));
    time.wall -= minutes(11);
    const { host, pass } = await open();
    const { pauses, time: serviceTime } = await host.status();
    expect(serviceTime).toBe(startOfTime);
    expect(pauses).toMatchObject([{ cause: 'clockSuspect', startTime: startOfTime }]);
    const { id, message } = pauses[0]!;
    expect(message).toContain(new Date(time.wall).toISOString());
    expect(message).toContain(new Date(startOfTime).toISOString());
    expect(message).toContain('10 min behind');
    expect(message).toContain(`artifacta fsck --resume ${id}`);
    pass(1_000);
    const pushed = await push(host, 'new', minutes(30));
    expect(pushed.id > old.id).toBe(true);
    expect(pushed.createTime).toBe(startOfTime + 1_000);
    pass(minutes(10));
    expect(await causesOf(host)).toEqual(['clockSuspect']);
    time.wall += minutes(10);
    pass(minutes(4));
    expect(await causesOf(host)).toEqual(['clockSuspect']);
    pass(minutes(1) + 1_000);
    expect(await causesOf(host)).toEqual([]);
    expect((await push(host, 'newer')).createTime).toBe(time.wall);
  });

  it('with the wall clock behind, which an operator confirms: at half speed, also after the next start', async () => {
    const { time, open } = place();
    const before = await open();
    const { createTime } = await push(before.host, 'old', days(1));
    await before.host[Symbol.asyncDispose]();
    time.wall -= hours(10);
    const { host, pass } = await open();
    const [pause] = (await host.status()).pauses;
    await expect(host.resume('clockSuspect-1-0')).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    time.wall -= minutes(20);
    await expect(host.resume(pause!.id)).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    time.wall += minutes(20);
    const [seen] = (await host.status()).pauses;
    await host.resume(seen!.id);
    await host.resume(seen!.id);
    expect((await host.status()).pauses).toEqual([]);
    pass(hours(2));
    const pushed = await push(host, 'new');
    expect(pushed.createTime).toBe(createTime + hours(1));
    await host[Symbol.asyncDispose]();
    const next = await open();
    expect((await next.host.status()).pauses).toEqual([]);
    expect((await next.host.status()).time).toBe(createTime + hours(1));
    next.pass(hours(18));
    expect((await next.host.status()).time).toBe(time.wall);
    expect(time.wall).toBe(createTime + hours(10));
    expect(await stateOf(next.host, 'old')).toBe('there');
  });

  it('that an operator confirms while the wall clock is ahead: it is followed', async () => {
    const { time, open } = place();
    const { host } = await open();
    await push(host, 'kept a day', days(1));
    time.wall += days(30);
    const [pause] = (await host.status()).pauses;
    expect(pause!.message).toContain('30 d ahead of');
    await host.resume(pause!.id);
    expect((await host.status()).time).toBe(time.wall);
    expect(await stateOf(host, 'kept a day')).toBe('ARTIFACT_EXPIRED');
    expect(await causesOf(host)).toEqual([]);
  });
});

describe('I14 a store that was not used', () => {
  it.each([
    ['a second', 1_000],
    ['an hour', hours(1)],
    ['seven days', days(7)],
  ])('for %s works at once, and waits for nothing', async (_what, ms) => {
    const { time, open } = place();
    const before = await open();
    await push(before.host, 'a');
    await before.host[Symbol.asyncDispose]();
    time.pass(ms);
    const { host } = await open();
    expect((await host.status()).pauses).toEqual([]);
    await push(host, 'b', hours(1));
  });

  it('for a month works at once; only reaping waits, for five minutes', async () => {
    const { time, open } = place();
    const before = await open();
    await push(before.host, 'kept a day', days(1));
    await push(before.host, 'kept');
    await before.host[Symbol.asyncDispose]();
    time.pass(days(30));
    const { host, pass } = await open();
    const { pauses } = await host.status();
    expect(pauses).toMatchObject([{ cause: 'longGap', startTime: time.wall }]);
    expect(pauses[0]!.message).toContain('nothing was written for 30 d');
    expect(await causesOf(host)).toEqual(['longGap']);
    expect(await host.store.pauses.stopping('collect')).toEqual([]);
    expect(await stateOf(host, 'kept')).toBe('there');
    expect(await stateOf(host, 'kept a day')).toBe('ARTIFACT_EXPIRED');
    expect((await push(host, 'new')).createTime).toBe(time.wall);
    pass(minutes(5));
    expect(await causesOf(host)).toEqual([]);
  });

  it('for a month waits no more at the next start, or when an operator says so', async () => {
    const { time, open } = place();
    const before = await open();
    await push(before.host, 'a');
    await before.host[Symbol.asyncDispose]();
    time.pass(days(30));
    const first = await open();
    expect(await causesOf(first.host)).toEqual(['longGap']);
    await first.host[Symbol.asyncDispose]();
    const second = await open();
    expect(await causesOf(second.host)).toEqual([]);
    await second.host[Symbol.asyncDispose]();
    time.pass(days(30));
    const third = await open();
    const [pause] = (await third.host.status()).pauses;
    await expect(third.host.resume('longGap-1')).rejects.toMatchObject({ reason: 'ETAG_MISMATCH' });
    await third.host.resume(pause!.id);
    expect(await causesOf(third.host)).toEqual([]);
  });

  it('even if it was running and idle: the wall clock was right all the time', async () => {
    const { open } = place();
    const { host, pass } = await open();
    await push(host, 'a');
    for (let day = 0; day < 3; day++) pass(hours(24) / 24);
    expect((await host.status()).pauses).toEqual([]);
  });
});
