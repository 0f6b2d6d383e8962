/** Watching sessions, with the clock in the test's hands: order, completeness, ends, and who is too slow. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { parseSessionId, parseSessionPrefix } from '../../../src/domain/names.ts';
import type { Index } from '../../../src/index/door.ts';
import { keys } from '../../../src/index/keys.ts';
import type { WatchEvent } from '../../../src/store/watch/watches.ts';
import { writeRows } from '../../support/rows.ts';
import { sessionNamed, specOf, target, tester } from '../../support/specs.ts';
import { type Opened, opened, push, session, take, told, watch, wholeWatch } from './watch-rig.ts';

/** Lets the time pass after which a silent watch shows that it is alive. */
async function silence({ timers, clock }: Opened): Promise<void> {
  await expect.poll(() => timers.count).toBeGreaterThan(0);
  clock.now += limits.heartbeatSeconds * 1_000;
  timers.advance(limits.heartbeatSeconds * 1_000);
}

const all = (events: AsyncIterator<WatchEvent>) => take(events, Number.POSITIVE_INFINITY);

describe('a watch', () => {
  it('tells what happened, then what happens, and ends with the seal', async () => {
    const store = await opened();
    await push(store, 'a');
    const events = watch(store);
    expect(await take(events, 1)).toEqual(['1 a']);
    await push(store, 'b');
    expect(await take(events, 1)).toEqual(['2 b']);
    await push(store, 'a', 'other');
    await store.store.artifacts.delete(tester, target('s', 'b'));
    expect(await take(events, 2)).toEqual(['3 a', '4 deleted']);
    await store.store.seals.seal(tester, session, 'failed');
    const last = await events.next();
    expect(last.value).toMatchObject({
      sequence: 5,
      what: { kind: 'sealed', session: { outcome: 'failed' } },
    });
    expect(await events.next()).toMatchObject({ done: true });
  });

  it('goes on after any number', async () => {
    const store = await opened();
    for (const name of ['a', 'b', 'c']) await push(store, name);
    expect(await take(watch(store, { after: 1 }), 2)).toEqual(['2 b', '3 c']);
    const events = watch(store, { after: 3 });
    const next = events.next();
    await push(store, 'd');
    expect(told((await next).value)).toBe('4 d');
    await expect(watch(store, { after: 5 }).next()).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
      violations: [
        {
          field: 'after_sequence',
          description: expect.stringContaining('at most 4, the number of the latest event'),
        },
      ],
    });
  });

  it('tells of the seal whatever it begins after, and of nothing behind it', async () => {
    const store = await opened();
    await push(store, 'a');
    await push(store, 'b');
    await store.store.seals.seal(tester, session, 'succeeded');
    await store.store.artifacts.delete(tester, target('s', 'a'));
    expect(await all(watch(store))).toEqual(['1 deleted', '2 b', '3 sealed', 'end']);
    expect(await all(watch(store, { after: 3 }))).toEqual(['3 sealed', 'end']);
    expect(await all(watch(store, { after: 4 }))).toEqual(['3 sealed', 'end']);
    expect(await all(watch(store, { sealOnly: true }))).toEqual(['3 sealed', 'end']);
  });

  it('for the seal only is told of nothing else', async () => {
    const store = await opened();
    await push(store, 'a');
    const events = watch(store, { sealOnly: true });
    const next = events.next();
    await push(store, 'b');
    await store.store.seals.seal(tester, session, 'cancelled');
    expect(told((await next).value)).toBe('3 sealed');
    expect(await events.next()).toMatchObject({ done: true });
  });

  it('tells of what is gone at the place of its commit', async () => {
    const store = await opened();
    await push(store, 'brief', 'x', 10);
    await push(store, 'a');
    store.clock.now += 10;
    expect(await take(watch(store), 2)).toEqual(['1 deleted', '2 a']);
  });

  it('waits for a session that is not there yet, if asked to', async () => {
    const store = await opened();
    await expect(watch(store).next()).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    const events = watch(store, { waitForOpen: true });
    const next = events.next();
    await push(store, 'a');
    expect(told((await next).value)).toBe('1 a');
    const sealed = watch(store, {
      session: parseSessionId('session', 't'),
      waitForOpen: true,
      sealOnly: true,
    });
    const end = sealed.next();
    const { id } = sessionNamed('t');
    await store.store.sessions.open(tester, sessionNamed('t'));
    await store.store.seals.seal(tester, id, 'succeeded');
    expect(told((await end).value)).toBe('1 sealed');
  });

  it('shows that it is alive when nothing happens', async () => {
    const store = await opened();
    await push(store, 'a');
    const events = watch(store);
    await take(events, 1);
    const next = events.next();
    await silence(store);
    expect((await next).value).toMatchObject({
      sequence: 1,
      time: store.clock.now,
      what: { kind: 'heartbeat' },
    });
    const waiting = watch(store, { session: parseSessionId('session', 't'), waitForOpen: true });
    const alive = waiting.next();
    await silence(store);
    expect(told((await alive).value)).toBe('0 heartbeat');
  });

  it('shows at once that it is alive, once, where it has nothing to tell', async () => {
    const store = await opened();
    await push(store, 'a');
    const by = { ...tester, restriction: { namePrefix: 'out/' } };
    const silent = [
      wholeWatch(store, { after: 1 }),
      wholeWatch(store, { sealOnly: true }),
      wholeWatch(store, {}, { by }),
    ];
    for (const events of silent) expect(await take(events, 1)).toEqual(['1 heartbeat']);
    const later = wholeWatch(store, { session: parseSessionId('session', 't'), waitForOpen: true });
    expect(await take(later, 1)).toEqual(['0 heartbeat']);
    await pushTo(store, 't');
    expect(await take(later, 1)).toEqual(['1 a']);
    const told = wholeWatch(store);
    expect(await take(told, 1)).toEqual(['1 a']);
    await push(store, 'out/b');
    for (const events of [told, silent[0]!, silent[2]!]) expect(await take(events, 1)).toEqual(['2 out/b']);
  });

  it('finds by itself what nobody has announced', async () => {
    const store = await opened();
    await push(store, 'a');
    const events = watch(store);
    await take(events, 1);
    const next = events.next();
    // Past the index that announces: as if the announcement were lost.
    await addDeletion(store.index);
    await silence(store);
    const found = [told((await next).value), ...(await take(events, 1))];
    expect(found.toSorted()).toEqual(['1 heartbeat', '2 deleted']);
  });

  it('ends when its caller goes, when the session goes, and when the service stops', async () => {
    const store = await opened();
    await push(store, 'a');
    const caller = new AbortController();
    const given = watch(store, {}, { signal: caller.signal });
    const lost = watch(store);
    await Promise.all([take(given, 1), take(lost, 1)]);
    // A heartbeat may come before the end.
    const [abandoned, gone] = [given.next(), all(lost)];
    gone.catch(() => undefined);
    caller.abort(new Error('gone'));
    await expect(abandoned).rejects.toThrow('gone');
    await removeSession(store.index);
    await silence(store);
    await expect(gone).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    const waiting = watch(store, { session: parseSessionId('session', 't'), waitForOpen: true });
    const stopped = waiting.next();
    store.store.endWatches();
    await expect(stopped).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await expect(watch(store).next()).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
  });

  it('tells a token that is limited to names of nothing else', async () => {
    const store = await opened();
    const by = { ...tester, restriction: { namePrefix: 'out/' } };
    for (const name of ['a', 'out/a', 'b', 'out/b']) await push(store, name);
    await store.store.artifacts.delete(tester, target('s', 'a'));
    const events = watch(store, {}, { by });
    expect(await take(events, 2)).toEqual(['2 out/a', '4 out/b']);
    await push(store, 'c');
    await push(store, 'out/c');
    await store.store.seals.seal(tester, session, 'succeeded');
    expect(await all(events)).toEqual(['7 out/c', '8 sealed', 'end']);
    const sessions = new Set([parseSessionId('session', 't')]);
    const sessionPrefixes = [parseSessionPrefix('prefix', 's.')];
    for (const restriction of [{ sessions }, { sessions, sessionPrefixes }])
      for (const waitForOpen of [false, true])
        await expect(
          watch(store, { waitForOpen }, { by: { ...tester, restriction } }).next(),
        ).rejects.toMatchObject({ reason: 'SESSION_NOT_FOUND' });
  });
});

describe('many watchers', () => {
  it('are each told of everything once, in order, wherever they begin', async () => {
    const store = await opened();
    const count = 200;
    const pushed = 120;
    const watchers: Promise<string[]>[] = [];
    for (let at = 0; at < pushed; at++) {
      await push(store, `n${at}`);
      for (let more = 0; more < Math.ceil(count / pushed) && watchers.length < count; more++)
        watchers.push(all(watch(store, { after: (at * 7) % (at + 1) })));
    }
    await store.store.seals.seal(tester, session, 'succeeded');
    const numbers = (told: string[]) => told.slice(0, -1).map((line) => Number(line.split(' ')[0]));
    for (const [at, seen] of (await Promise.all(watchers)).entries()) {
      const began = Math.floor(at / 2);
      const first = ((began * 7) % (began + 1)) + 1;
      expect(numbers(seen)).toEqual(
        Array.from({ length: pushed + 2 - first }, (_, offset) => first + offset),
      );
    }
  }, 60_000);

  it('do not wait for one that takes nothing: it is cut, and told where to go on', async () => {
    const store = await opened();
    await push(store, 'a');
    const slow = watch(store);
    const quick = all(watch(store));
    expect(await take(slow, 1)).toEqual(['1 a']);
    const next = slow.next();
    await push(store, 'b');
    expect(told((await next).value)).toBe('2 b');
    for (let at = 0; at < limits.watcherEventsMax + 10; at++) await push(store, `n${at}`);
    await expect(slow.next()).rejects.toMatchObject({
      reason: 'OVERLOADED',
      metadata: { session: 's', after_sequence: '2' },
    });
    await store.store.seals.seal(tester, session, 'succeeded');
    expect(await quick).toHaveLength(limits.watcherEventsMax + 14);
    const resumed = await all(watch(store, { after: 2 }));
    expect(resumed).toHaveLength(limits.watcherEventsMax + 12);
  }, 60_000);

  it('are limited', async () => {
    const store = await opened();
    await push(store, 'a');
    const caller = new AbortController();
    const open = Array.from({ length: limits.sessionWatchersMax }, () =>
      watch(store, { after: 1 }, { signal: caller.signal }).next(),
    );
    await expect.poll(() => store.timers.count).toBe(limits.sessionWatchersMax);
    await expect(watch(store, { after: 1 }).next()).rejects.toMatchObject({ reason: 'OVERLOADED' });
    caller.abort(new Error('gone'));
    const ends = await Promise.allSettled(open);
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    // Nothing of them is left.
    expect(store.timers.count).toBe(0);
    expect(await take(watch(store), 1)).toEqual(['1 a']);
  }, 60_000);

  it.each([
    ['of one session', limits.sessionWatchersMax, ['s']],
    ['of all', limits.watchersMax, ['s', 't', 'u']],
  ])(
    'make room for one with another credential: those %s',
    async (_what, most, sessions) => {
      const store = await opened();
      for (const id of sessions) await pushTo(store, id);
      const caller = new AbortController();
      const by = { ...tester, subject: 'loud' };
      const idAt = (at: number) => parseSessionId('session', sessions[at % sessions.length]!);
      const open = Array.from({ length: most }, (_, at) =>
        watch(store, { session: idAt(at), after: 1 }, { by, signal: caller.signal }).next(),
      );
      const ends = Promise.allSettled(open);
      const first = Promise.race(open).catch((error: unknown) => error);
      await expect.poll(() => store.timers.count).toBe(most);
      const quiet = watch(store, { session: idAt(0) }, { by: { ...tester, subject: 'quiet' } });
      expect(await take(quiet, 1)).toEqual(['1 a']);
      const next = quiet.next();
      expect(await first).toMatchObject({
        reason: 'OVERLOADED',
        message: expect.stringMatching(
          /these credentials have too many watches open.*resume with after_sequence 1/,
        ),
      });
      // Its payer has more than a share, and does not get the place back.
      await expect(watch(store, { session: idAt(0), after: 1 }, { by }).next()).rejects.toMatchObject({
        reason: 'OVERLOADED',
      });
      caller.abort(new Error('gone'));
      await ends;
      await pushTo(store, sessions[0]!, 'b');
      expect(told((await next).value)).toBe('2 b');
    },
    60_000,
  );
});

function pushTo({ store }: Opened, id: string, name = 'a') {
  return store.uploads.create(tester, specOf({ session: id, name }), Buffer.from(name));
}

/** Adds an event that says nothing but that something was deleted. */
async function addDeletion(index: Index): Promise<void> {
  const uid = keys.sessions.name.decode((await index.get(keys.sessions.name.key('default', 's')))!).uid;
  const record = keys.sessions.record.decode((await index.get(keys.sessions.record.key('default', uid)))!);
  const first = keys.artifacts.feed.decode((await index.get(keys.artifacts.feed.key('default', uid, 1)))!);
  if (first.kind !== 'committed') throw new Error('the first event is a commit');
  const writes = [
    keys.artifacts.feed.put(['default', uid, 2], { kind: 'deleted', id: first.id }),
    keys.sessions.record.put(['default', uid], { ...record, feed: 2 }),
  ];
  await writeRows(index, writes);
}

/** As deleting a session will. */
async function removeSession(index: Index): Promise<void> {
  const uid = keys.sessions.name.decode((await index.get(keys.sessions.name.key('default', 's')))!).uid;
  const writes = [keys.sessions.name.put(['default', 's'], { uid, goneSince: index.now() })];
  await writeRows(index, writes);
}
