/** Promises of docs/reliability.md that concern how things end, each by its name. */
import { describe, expect, test } from 'vitest';
import { beginning, kinds } from '../support/restart.ts';
import { sessionNamed, target, tester } from '../support/specs.ts';
import { openRig } from './open-rig.ts';
import { day, everything, hour, reasonOf, rigOver } from './rig.ts';

describe.each(kinds)('I7 an acknowledged deletion stays, in a store in %s', (kind) => {
  test('of an artifact and of a session, whether or not anybody has reaped before the end', async () => {
    await using remains = await beginning(kind);
    {
      await using opened = await remains.open();
      const rig = rigOver(opened);
      for (const id of ['reaped', 'left', 'stays']) for (const name of ['a', 'b']) await rig.push(id, name);
      await rig.remove('reaped');
      await rig.reap();
      await rig.remove('left');
      await rig.store.artifacts.delete(tester, target('stays', 'a'));
    }
    for (let round = 0; round < 2; round++) {
      await using opened = await remains.open();
      const rig = rigOver(opened);
      expect(await rig.names('stays')).toEqual(['b']);
      expect(await reasonOf(rig.get('stays', 'a'))).toBe('ARTIFACT_DELETED');
      for (const id of ['reaped', 'left']) {
        expect(await reasonOf(rig.session(id))).toBe('SESSION_NOT_FOUND');
        expect(await reasonOf(rig.push(id, 'c'))).toBe('SESSION_GONE');
      }
      await rig.reap();
    }
  });
});

describe('I13', () => {
  test('a manifest and its digest never change, whatever goes of what it lists', async () => {
    const rig = await openRig();
    const retention = { ttlMs: { succeeded: 2 * day } };
    await rig.open('s', { retention });
    await rig.push('s', 'brief', { ttlMs: hour });
    await rig.push('s', 'deleted');
    await rig.push('s', 'stays', { ttlMs: 9 * day });
    const { manifest } = await rig.seal('s');
    const text = async () => {
      const { bytes } = await rig.store.downloads.manifest(tester, sessionNamed('s').id);
      return Buffer.concat(await Array.fromAsync(bytes)).toString();
    };
    const before = await text();
    expect(before.split('\n')).toHaveLength(4);
    await rig.store.artifacts.delete(tester, target('s', 'deleted'));
    for (const ms of [hour, 2 * day, day]) {
      rig.pass(ms);
      await rig.reap();
      await rig.store.collection.collect(everything, { findOrphans: false });
      expect((await rig.session('s')).manifest).toEqual(manifest);
      expect(await text()).toBe(before);
    }
  });

  test('of twenty commits that race a seal each is in the manifest or refused', async () => {
    for (let round = 0; round < 5; round++) {
      const rig = await openRig();
      await rig.push('s', 'first');
      const pushes = Array.from({ length: 20 }, async (_, at) => {
        const reason = await reasonOf(rig.push('s', `n${at}`));
        expect(['OK', 'SESSION_SEALED']).toContain(reason);
        return reason === 'OK' ? [`n${at}`] : [];
      });
      // At another place among them each time.
      const seal = (async () => {
        for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
        return await rig.seal('s');
      })();
      const made = (await Promise.all(pushes)).flat();
      const { manifest } = await seal;
      expect(manifest!.lineCount).toBe(made.length + 1);
      expect(await rig.names('s')).toEqual(['first', ...made].sort());
    }
  });

  test('a session id never continues an earlier session', async () => {
    const rig = await openRig();
    const before = await rig.push('s', 'a');
    const first = await rig.session('s');
    await rig.remove('s');
    rig.pass(30 * day);
    const after = await rig.push('s', 'a');
    const second = await rig.session('s');
    expect([second.uid === first.uid, after.id === before.id, after.version]).toEqual([false, false, 1]);
    await rig.reap();
    expect(await rig.names('s')).toEqual(['a']);
    expect(await reasonOf(rig.store.artifacts.get(tester, { id: before.id }))).toBe('ARTIFACT_NOT_FOUND');
  });
});

describe('I15 the reaper', () => {
  test('any number of calls at once free each thing once, and answer what they freed', async () => {
    const rig = await openRig();
    for (let at = 0; at < 130; at++) await rig.push(`s${at % 3}`, `n${at}`, { ttlMs: hour });
    await rig.open('expires', { retention: { ttlMs: { succeeded: hour } } });
    await rig.push('expires', 'a');
    await rig.seal('expires');
    rig.pass(day);
    const reports = await Promise.all(Array.from({ length: 5 }, () => rig.reap()));
    const sum = (of: (report: (typeof reports)[number]) => number) =>
      reports.reduce((total, report) => total + of(report), 0);
    expect([sum(({ artifacts }) => artifacts), sum(({ sessions }) => sessions)]).toEqual([131, 1]);
    expect(await rig.reap()).toMatchObject({ artifacts: 0, sessions: 0, others: 0, more: false });
  });

  test('does nothing while something is wrong, and says what', async () => {
    const rig = await openRig();
    await rig.push('s', 'a', { ttlMs: hour });
    rig.pass(day);
    await rig.store.pauses.begin('imported', 'the index was imported');
    const paused = await rig.reap();
    expect(paused).toMatchObject({ artifacts: 0, more: false, pauses: [{ cause: 'imported' }] });
    expect(await reasonOf(rig.get('s', 'a'))).toBe('ARTIFACT_EXPIRED');
  });

  test('is bounded by items and by time, and goes on where it was', async () => {
    const rig = await openRig();
    for (let at = 0; at < 120; at++) await rig.push('s', `n${at}`, { ttlMs: hour });
    rig.pass(day);
    expect(await rig.store.reaper.reap({ limit: 10, isStopped: () => true })).toMatchObject({
      artifacts: 0,
      more: true,
    });
    let freed = 0;
    for (let calls = 0; calls < 20; calls++) {
      const { artifacts, more } = await rig.store.reaper.reap({ limit: 1 });
      freed += artifacts;
      if (!more) break;
    }
    expect(freed).toBe(120);
  });
});
