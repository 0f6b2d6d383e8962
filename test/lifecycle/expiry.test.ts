/** How sessions and what is in them end: by their retention, by deletion. Nothing depends on the reaper. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { ArtifactId } from '../../src/domain/ids.ts';
import { startOfTime } from '../support/service.ts';
import { queryOf, sessionNamed, specOf, target, tester } from '../support/specs.ts';
import { openRig } from './open-rig.ts';
import { day, hour, type Rig, reasonOf } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});

const byOutcome = { ttlMs: { succeeded: 30 * day, failed: 14 * day } };

describe('retention by outcome', () => {
  test('counts from the seal, for the outcome, and every answer says why', async () => {
    await rig.open('good', { retention: byOutcome });
    await rig.open('bad', { retention: byOutcome });
    await rig.push('good', 'a');
    await rig.push('bad', 'a');
    rig.pass(day);
    expect(await rig.get('good', 'a')).toMatchObject({ expirySource: 'none' });
    const sealed = await rig.seal('good');
    await rig.seal('bad', 'failed');
    expect(sealed).toMatchObject({ expireTime: startOfTime + 31 * day, retention: byOutcome, kept: false });
    expect(await rig.get('good', 'a')).toMatchObject({
      expireTime: startOfTime + 31 * day,
      expirySource: 'session',
    });
    expect(await rig.get('bad', 'a')).toMatchObject({ expireTime: startOfTime + 15 * day });
    rig.pass(14 * day - 1);
    expect((await rig.get('bad', 'a')).name).toBe('a');
    rig.pass(1);
    await expect(rig.get('bad', 'a')).rejects.toMatchObject({
      reason: 'ARTIFACT_EXPIRED',
      metadata: { expire_time: new Date(startOfTime + 15 * day).toISOString() },
    });
    expect(await reasonOf(rig.session('bad'))).toBe('SESSION_NOT_FOUND');
    expect(await reasonOf(rig.push('bad', 'b'))).toBe('SESSION_GONE');
    expect(await rig.names('good')).toEqual(['a']);
  });

  test('an outcome without a time is kept for ever', async () => {
    await rig.open('s', { retention: byOutcome });
    await rig.push('s', 'a');
    expect((await rig.seal('s', 'cancelled')).expireTime).toBeUndefined();
    rig.pass(10_000 * day);
    expect(await rig.names('s')).toEqual(['a']);
    expect((await rig.reap()).artifacts).toBe(0);
  });

  test('an open session does not expire', async () => {
    await rig.open('s', { retention: byOutcome });
    await rig.push('s', 'a');
    rig.pass(10_000 * day);
    expect(await rig.get('s', 'a')).toMatchObject({ expirySource: 'none' });
  });

  test('may change while the session is open, and not after', async () => {
    await rig.open('s', { retention: byOutcome });
    await rig.push('s', 'a');
    const { id } = sessionNamed('s');
    await rig.store.sessions.update(tester, id, { retention: { ttlMs: { succeeded: day } } });
    expect((await rig.seal('s')).expireTime).toBe(startOfTime + day);
    const late = rig.store.sessions.update(tester, id, { retention: byOutcome });
    expect(await reasonOf(late)).toBe('SESSION_SEALED');
  });

  test('asked for differently is a conflict; asked for again is not', async () => {
    await rig.open('s', { retention: byOutcome });
    const other = { ttlMs: { succeeded: day } };
    expect(await reasonOf(rig.open('s', { retention: byOutcome }))).toBe('OK');
    expect(await reasonOf(rig.open('s', { retention: other }))).toBe('SESSION_CONFLICT');
    expect(await reasonOf(rig.open('s'))).toBe('SESSION_CONFLICT');
  });

  test('a session that a push opened gets it once', async () => {
    await rig.push('s', 'a');
    await rig.open('s', { retention: byOutcome });
    expect((await rig.seal('s', 'failed')).expireTime).toBe(startOfTime + 14 * day);
  });
});

describe('what survives its session', () => {
  test('has an expiry of its own, or a hold', async () => {
    await rig.open('s', { retention: { ttlMs: { succeeded: day } } });
    for (const name of ['goes', 'stays', 'held']) await rig.push('s', name);
    await rig.store.artifacts.update(tester, target('s', 'stays'), { expiry: { ttlMs: 3 * day } });
    await rig.store.artifacts.update(tester, target('s', 'held'), { hold: true });
    await rig.push('s', 'early', { ttlMs: hour });
    await rig.seal('s');
    rig.pass(day);
    for (const reap of [false, true]) {
      if (reap) await rig.reap();
      expect(await rig.names('s')).toEqual(['held', 'stays']);
      expect((await rig.get('s', 'stays')).expirySource).toBe('artifact');
      expect((await rig.get('s', 'held')).expirySource).toBe('none');
      expect((await rig.session('s')).holdCount).toBe(1);
      expect(await reasonOf(rig.push('s', 'more'))).toBe('SESSION_GONE');
    }
    rig.pass(2 * day);
    await rig.store.artifacts.update(tester, target('s', 'held'), { hold: false });
    expect(await reasonOf(rig.session('s'))).toBe('SESSION_NOT_FOUND');
    const reaped = await rig.reap();
    expect(reaped).toMatchObject({ artifacts: 2, sessions: 1 });
    rig.pass(30 * day - 1);
    expect(await reasonOf(rig.push('s', 'a'))).toBe('SESSION_GONE');
    rig.pass(1);
    expect((await rig.push('s', 'a')).version).toBe(1);
  });

  test('an id is free again after 30 days though nobody has reaped', async () => {
    await rig.open('s', { retention: { ttlMs: { succeeded: day } } });
    const before = await rig.push('s', 'a', { ttlMs: 5 * day });
    await rig.seal('s');
    rig.pass(35 * day - 1);
    expect(await reasonOf(rig.push('s', 'a'))).toBe('SESSION_GONE');
    rig.pass(1);
    const after = await rig.push('s', 'a');
    expect([after.version, after.id === before.id]).toEqual([1, false]);
    expect(await rig.names('s')).toEqual(['a']);
    expect(await rig.reap()).toMatchObject({ artifacts: 1, sessions: 1 });
    expect(await rig.names('s')).toEqual(['a']);
    rig.pass(100 * day);
    await rig.reap();
    expect(await rig.names('s')).toEqual(['a']);
  });
});

test('what is made from many sessions asks each of them', async () => {
  const inputs: ArtifactId[] = [];
  for (let at = 0; at < 64; at++) {
    await rig.open(`s${at}`, { retention: { ttlMs: { succeeded: day } } });
    inputs.push((await rig.push(`s${at}`, 'a')).id);
    await rig.seal(`s${at}`);
  }
  const push = (name: string, bytes: string) =>
    rig.store.uploads.create(tester, specOf({ session: 'all', name, inputs }), Buffer.from(bytes));
  expect((await push('b', '1')).artifact.inputs).toHaveLength(64);
  // Into a session and under a name that are there.
  expect((await push('b', '2')).artifact.version).toBe(2);
  rig.pass(day);
  expect(await reasonOf(push('b', '3'))).toBe('INPUT_NOT_FOUND');
});

describe('deleting a session', () => {
  test('takes everything of it away at once, and its rows later', async () => {
    const input = await rig.push('s', 'a');
    await rig.push('s', 'a', { bytes: 'again' });
    await rig.push('s', 'b', { ttlMs: day, requestId: 'r' });
    await rig.seal('s');
    expect(await rig.remove('s')).toBe(true);
    expect(await rig.remove('s')).toBe(false);
    for (const reap of [false, true]) {
      if (reap) expect(await rig.reap()).toMatchObject({ artifacts: 3, sessions: 1 });
      expect(await reasonOf(rig.session('s'))).toBe('SESSION_NOT_FOUND');
      expect(await reasonOf(rig.get('s', 'a'))).toBe('SESSION_NOT_FOUND');
      expect(await reasonOf(rig.names('s'))).toBe('SESSION_NOT_FOUND');
      expect(await reasonOf(rig.store.artifacts.get(tester, { id: input.id }))).toBe('ARTIFACT_NOT_FOUND');
      expect(await reasonOf(rig.seal('s'))).toBe('SESSION_NOT_FOUND');
      expect(await reasonOf(rig.push('s', 'c'))).toBe('SESSION_GONE');
      expect(await reasonOf(rig.push('s', 'b', { ttlMs: day, requestId: 'r' }))).toBe('ARTIFACT_DELETED');
      const all = await rig.store.listing.artifacts(tester, { ...queryOf('s'), session: undefined });
      expect(all.items).toEqual([]);
      const { usage } = await rig.store.namespaces.usage(tester.namespace);
      expect(usage.artifacts).toBe(reap ? 0 : 3);
    }
    rig.pass(30 * day);
    expect((await rig.push('s', 'a')).version).toBe(1);
  });

  test('is refused while an artifact is held', async () => {
    await rig.push('s', 'a');
    await rig.store.artifacts.update(tester, target('s', 'a'), { hold: true });
    await expect(rig.remove('s')).rejects.toMatchObject({
      reason: 'ARTIFACT_HELD',
      metadata: { session: 's', holds: '1' },
    });
    await rig.store.artifacts.update(tester, target('s', 'a'), { hold: false });
    expect(await rig.remove('s')).toBe(true);
  });

  test('needs the etag that the caller has seen', async () => {
    await rig.push('s', 'a');
    const { etag } = await rig.session('s');
    await rig.store.sessions.update(tester, sessionNamed('s').id, { labels: [['a', 'b']] });
    const { id } = sessionNamed('s');
    expect(await reasonOf(rig.store.sessions.delete(tester, id, etag))).toBe('ETAG_MISMATCH');
    expect(await rig.names('s')).toEqual(['a']);
  });

  test('of what never was succeeds', async () => {
    expect(await rig.remove('never')).toBe(false);
  });
});
