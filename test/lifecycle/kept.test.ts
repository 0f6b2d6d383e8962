/** The last few sessions of each kind. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Retention } from '../../src/domain/retention.ts';
import { startOfTime } from '../support/service.ts';
import { sessionNamed, tester } from '../support/specs.ts';
import { openRig } from './open-rig.ts';
import { day, hour, type Rig, reasonOf } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});

function keeping(count: number, outcomes: readonly Outcome[] = ['succeeded']): Retention {
  const ttlMs = { succeeded: 30 * day, failed: day, cancelled: day, abandoned: day };
  return { ttlMs, keepLast: { count, metadataKey: 'pipeline', outcomes } };
}

async function run(id: string, retention: Retention, outcome: Outcome = 'succeeded', pipeline = 'p') {
  await rig.open(id, { retention, metadata: { pipeline } });
  await rig.push(id, 'a');
  return await rig.seal(id, outcome);
}

async function keptOf(ids: readonly string[]): Promise<string[]> {
  const all = await Promise.all(ids.map((id) => rig.session(id)));
  return all.filter(({ kept }) => kept).map(({ id }) => id);
}

describe('the last few', () => {
  test('are kept whatever their outcome says, by kind', async () => {
    for (const id of ['1', '2', '3']) {
      expect(await run(id, keeping(2))).toMatchObject({ kept: true });
      rig.pass(hour);
    }
    await run('other', keeping(2), 'succeeded', 'q');
    expect(await keptOf(['1', '2', '3', 'other'])).toEqual(['2', '3', 'other']);
    expect((await rig.session('1')).expireTime).toBe(startOfTime + 30 * day);
    expect((await rig.session('2')).expireTime).toBeUndefined();
    rig.pass(10_000 * day);
    await rig.reap();
    expect(await rig.names('2')).toEqual(['a']);
    expect(await reasonOf(rig.session('1'))).toBe('SESSION_NOT_FOUND');
  });

  test('what loses the mark has a day left at least', async () => {
    await run('1', keeping(1));
    rig.pass(100 * day);
    await run('2', keeping(1));
    const { expireTime, kept } = await rig.session('1');
    expect([expireTime, kept]).toEqual([startOfTime + 101 * day, false]);
  });

  test('outcomes that do not count neither are kept nor displace', async () => {
    await run('1', keeping(1));
    await run('2', keeping(1), 'failed');
    expect(await keptOf(['1', '2'])).toEqual(['1']);
    expect((await rig.session('2')).expireTime).toBe(startOfTime + day);
  });

  test('a session without the key is not kept', async () => {
    await rig.open('s', { retention: keeping(1) });
    expect(await rig.seal('s')).toMatchObject({ kept: false, expireTime: startOfTime + 30 * day });
  });

  test('a deleted one leaves, and nobody comes back', async () => {
    for (const id of ['1', '2', '3']) await run(id, keeping(2));
    await rig.remove('3');
    expect(await keptOf(['1', '2'])).toEqual(['2']);
    await run('4', keeping(2));
    expect(await keptOf(['1', '2', '4'])).toEqual(['2', '4']);
  });

  test('an amended one enters in the order of the seals', async () => {
    await run('old', keeping(2), 'abandoned');
    rig.pass(hour);
    for (const id of ['1', '2']) {
      await run(id, keeping(2));
      rig.pass(hour);
    }
    const amend = { outcome: 'succeeded', etag: undefined } as const;
    await rig.store.sessions.amend(tester, sessionNamed('old').id, amend);
    expect(await keptOf(['old', '1', '2'])).toEqual(['1', '2']);
    // Never earlier than before, and not before a day has passed.
    expect((await rig.session('old')).expireTime).toBe(startOfTime + 30 * day);
    await run('late', keeping(2), 'abandoned');
    rig.pass(hour);
    await run('3', keeping(2));
    await rig.store.sessions.amend(tester, sessionNamed('late').id, amend);
    expect(await keptOf(['1', '2', 'late', '3'])).toEqual(['late', '3']);
  });

  test('an amended one that no longer counts keeps what it had', async () => {
    await run('s', keeping(1, ['abandoned']), 'abandoned');
    rig.pass(5 * day);
    const amended = await rig.store.sessions.amend(tester, sessionNamed('s').id, {
      outcome: 'failed',
      etag: undefined,
    });
    expect(amended).toMatchObject({ kept: false, expireTime: startOfTime + 6 * day });
  });

  test('two seals that race for the last place: exactly one has it', async () => {
    for (let round = 0; round < 10; round++) {
      const ids = [`a${round}`, `b${round}`];
      for (const id of ids) await rig.open(id, { retention: keeping(1), metadata: { pipeline: 'p' } });
      await Promise.all(ids.map((id) => rig.seal(id)));
      expect(await keptOf(ids)).toHaveLength(1);
      rig.pass(1);
    }
  });

  test('whatever happens, those are kept that the rule says', async () => {
    const runs = fc.array(
      fc.record({
        pipeline: fc.constantFrom('p', 'q'),
        outcome: fc.constantFrom<Outcome>('succeeded', 'failed', 'abandoned'),
        passMs: fc.constantFrom(0, 1, hour),
        after: fc.constantFrom('nothing', 'delete', 'amend'),
      }),
      { minLength: 1, maxLength: 12 },
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 1, max: 3 }), async (all, count) => {
        round++;
        const retention = keeping(count);
        const expected = new Map<string, { id: string; sealTime: number }[]>();
        const enter = (kind: string, id: string, sealTime: number) => {
          const list = [...(expected.get(kind) ?? []), { id, sealTime }];
          // Equal times are told apart by the uid, which is the order of opening.
          list.sort(
            (a, b) => a.sealTime - b.sealTime || Number(a.id.split('-')[1]) - Number(b.id.split('-')[1]),
          );
          expected.set(kind, list.slice(-count));
        };
        const ids: string[] = [];
        for (const [at, { pipeline, outcome, passMs, after }] of all.entries()) {
          const id = `${round}-${at}`;
          const kind = `${pipeline}-${round}`;
          rig.pass(passMs);
          const { sealTime } = await run(id, retention, outcome, kind);
          if (outcome === 'succeeded') enter(kind, id, sealTime!);
          if (after === 'delete') {
            await rig.remove(id);
            expected.set(
              kind,
              (expected.get(kind) ?? []).filter((one) => one.id !== id),
            );
            continue;
          }
          ids.push(id);
          if (after === 'amend' && outcome === 'abandoned') {
            rig.pass(1);
            const amendment = { outcome: 'succeeded', etag: undefined } as const;
            await rig.store.sessions.amend(tester, sessionNamed(id).id, amendment);
            enter(kind, id, sealTime!);
          }
        }
        const said = [...expected.values()].flat().map(({ id }) => id);
        expect((await keptOf(ids)).sort()).toEqual(said.sort());
      }),
      { seed: 20_261_123, numRuns: 25 },
    );
  });
});
