/** When the sidecar's passes follow each other, and what one pass does; the clock and chance in the test's hands. */
import { describe, expect, it } from 'vitest';
import type { Maintenance } from '../../src/client/admin/maintenance.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import { loop } from '../../src/sidecar/loop.ts';
import { type PassReport, pass } from '../../src/sidecar/pass.ts';

const nothing: PassReport = {
  reaped: { artifacts: 0, bytes: 0, sessions: 0, lapsed: 0, others: 0 },
  collected: { condemned: 0, removed: 0, removedBytes: 0, orphans: 0 },
  scrubbed: { contents: 0, sizeBytes: 0, damaged: [], damagedCount: 0 },
  exported: undefined,
  nextTime: undefined,
  more: false,
  pauses: [],
  failures: [],
};
const failed: PassReport = { ...nothing, failures: [{ what: 'reap', error: new Error('no') }] };

/** The waits after passes that report so. @param random what chance says each time. */
async function waitsAfter(reports: readonly PassReport[], random = 0.5): Promise<number[]> {
  const stop = new AbortController();
  const waits: number[] = [];
  const rest = [...reports];
  await loop({
    pass: async () => rest.shift()!,
    intervalMs: 60_000,
    random: () => random,
    elapsed: () => 0,
    now: () => 1_000_000,
    sleep: async () => {
      if (rest.length === 0) stop.abort();
    },
    signal: stop.signal,
    onPass: (_report, nextMs) => waits.push(Math.round(nextMs)),
  });
  return waits;
}

describe('passes follow each other', () => {
  it('at the interval, give or take a third', async () => {
    expect(await waitsAfter([nothing])).toEqual([60_000]);
    expect(await waitsAfter([nothing], 0)).toEqual([40_000]);
    expect(await waitsAfter([nothing], 1)).toEqual([80_000]);
  });

  it('earlier when something is due, or there is more, but never at once', async () => {
    const due = (ms: number) => ({ ...nothing, nextTime: new Date(1_000_000 + ms) });
    expect(await waitsAfter([due(5_000), due(-5_000), due(500_000), { ...nothing, more: true }])).toEqual([
      5_000, 1_000, 60_000, 1_000,
    ]);
  });

  it('later and later while they fail, up to five minutes, and as usual afterwards', async () => {
    const waits = await waitsAfter([...Array.from({ length: 12 }, () => failed), nothing, failed]);
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(waits.slice(9)).toEqual([300_000, 300_000, 300_000, 60_000, 1_000]);
  });

  it('until it is told to stop, also in the middle of one', async () => {
    const stop = new AbortController();
    let passes = 0;
    await loop({
      pass: async () => {
        passes++;
        stop.abort();
        throw stop.signal.reason;
      },
      intervalMs: 1,
      random: () => 0,
      elapsed: () => 0,
      now: () => 0,
      sleep: async () => undefined,
      signal: stop.signal,
      onPass: () => expect.unreachable(),
    });
    expect(passes).toBe(1);
  });
});

/** A service that answers so, call after call. What is asked of it is noted. */
function service(answers: Partial<Record<keyof Maintenance, unknown[]>>) {
  const asked: string[] = [];
  const method = (name: keyof Maintenance, usual: object) => async () => {
    asked.push(name);
    const answer = answers[name]?.shift() ?? usual;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const freed = { more: false, nextTime: undefined, pauses: [] };
  const methods = {
    reapExpired: method('reapExpired', { ...nothing.reaped, ...freed }),
    collectGarbage: method('collectGarbage', { ...nothing.collected, ...freed }),
    scrub: method('scrub', { ...nothing.scrubbed, more: false }),
    export: method('export', { written: false }),
  };
  return { asked, maintenance: methods as unknown as Maintenance };
}

const reaped = (artifacts: number, more: boolean) => ({
  ...nothing.reaped,
  artifacts,
  more,
  nextTime: undefined,
  pauses: [],
});

describe('a pass', () => {
  it('asks as long as there is more, and adds up', async () => {
    const { asked, maintenance } = service({ reapExpired: [reaped(3, true), reaped(4, false)] });
    const report = await pass(maintenance, { scrubBytes: 1 });
    expect(report.reaped.artifacts).toBe(7);
    expect(asked).toEqual(['reapExpired', 'reapExpired', 'collectGarbage', 'scrub', 'export']);
  });

  it('stops when its time is over, and says that there is more', async () => {
    const { asked, maintenance } = service({ reapExpired: [reaped(3, true)] });
    let isOver = false;
    const watched = {
      ...maintenance,
      reapExpired: async () => {
        isOver = true;
        return await maintenance.reapExpired();
      },
    } as Maintenance;
    const report = await pass(watched, { scrubBytes: 0, isOver: () => isOver });
    expect([report.more, asked]).toEqual([true, ['reapExpired']]);
  });

  it('does the rest when a part fails; but not where nobody is', async () => {
    const broken = new ArtifactaError('broken', { code: 'INTERNAL' });
    const one = service({ reapExpired: [broken] });
    const report = await pass(one.maintenance, { scrubBytes: 1 });
    expect(report.failures).toEqual([{ what: 'reap', error: broken }]);
    expect(one.asked).toEqual(['reapExpired', 'collectGarbage', 'scrub', 'export']);
    const nobody = service({ reapExpired: [new ArtifactaError('nobody', { code: 'UNAVAILABLE' })] });
    await pass(nobody.maintenance, { scrubBytes: 1 });
    expect(nobody.asked).toEqual(['reapExpired']);
  });

  it('takes it for no failure that a service has no place for exports, or is older', async () => {
    const refuse = (reason: 'EXPORT_NOT_CONFIGURED' | 'NOT_IMPLEMENTED') =>
      new ArtifactaError(reason, { code: 'FAILED_PRECONDITION', reason });
    const { maintenance } = service({
      scrub: [refuse('NOT_IMPLEMENTED')],
      export: [refuse('EXPORT_NOT_CONFIGURED')],
    });
    expect((await pass(maintenance, { scrubBytes: 1 })).failures).toEqual([]);
  });
});
