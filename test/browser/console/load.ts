/** A session with 10,000 artifacts, and one that never stops: calls, the main thread, and memory. */
import { strict as assert } from 'node:assert';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { open, type Results, type Service } from './rig.ts';
import { makeMany } from './samples.ts';

/** Processor time of one task of the main thread, in milliseconds. */
const taskMsMax = 50;

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Processor time in microseconds. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** @returns the longest tasks of the main threads of pages while `work` runs, by processor time in milliseconds. */
async function longestTasks(browser: Browser, page: Page, work: () => Promise<void>): Promise<number[]> {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await work();
  const trace = JSON.parse(String(await browser.stopTracing())) as { traceEvents: TraceEvent[] };
  const mains = new Set(
    trace.traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = trace.traceEvents.filter(
    ({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur !== undefined && mains.has(`${pid} ${tid}`),
  );
  assert.ok(tasks.length > 50, `the trace has only ${tasks.length} tasks`);
  return tasks
    .map(({ tdur }) => tdur! / 1_000)
    .sort((a, b) => b - a)
    .slice(0, 3);
}

/** @returns the heap of a page after its garbage was collected. */
export const bytesInUse = async (session: CDPSession) => {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize;
};

/** @param count of the artifacts. */
export async function checkLoad(
  results: Results,
  browser: Browser,
  service: Service,
  count: number,
): Promise<void> {
  const all = count.toLocaleString('en');
  await results.check(`the first paint of ${all} artifacts takes at most three calls`, async () => {
    await using watched = await open(browser, service, '/sessions/many');
    await watched.page.getByRole('link', { name: /item-/ }).first().waitFor();
    const calls = [...watched.calls];
    assert.ok(calls.length <= 3, calls.join(', '));
    await watched.page.getByText(`${all} events`).waitFor();
    return calls.join(', ');
  });
  await results.check(`scrolling to the end of ${all} rows stays smooth`, async () => {
    await using watched = await open(browser, service, '/sessions/many?view=name');
    const { page } = watched;
    await page.getByText(`${all} events`).waitFor();
    const tasks = await longestTasks(browser, page, async () => {
      await page.getByRole('table').hover();
      for (let turn = 0; turn < 60; turn++) await page.mouse.wheel(0, Math.ceil((count * 34) / 55));
      await page
        .getByRole('link', { name: `batch-99/item-${String(count - 1).padStart(5, '0')}.txt` })
        .waitFor();
    });
    assert.ok(tasks[0]! < taskMsMax, `tasks of ${tasks.join(', ')} ms`);
    const rows = await page.getByRole('row').count();
    assert.ok(rows < 60, `${rows} rows exist`);
    return `tasks of at most ${tasks[0]!.toFixed(1)} ms, ${rows} rows exist`;
  });
  await results.check('the memory of a session that never stops is flat', async () => {
    const samples = service.samples();
    await makeMany(samples, 'endless', 500);
    await using watched = await open(browser, service, '/sessions/endless');
    await watched.page.getByText('500 events').waitFor();
    const session = await watched.page.context().newCDPSession(watched.page);
    const before = await bytesInUse(session);
    await makeMany(samples, 'endless', 2_000, 500);
    await watched.page.getByText('2,500 events').waitFor();
    const grown = (await bytesInUse(session)) - before;
    // About 400 bytes an event are kept of at most 22,000 events (test/console/lists.test.ts holds that number).
    assert.ok(grown < 2_000 * 3_000, `${grown} bytes more`);
    return `${Math.round(grown / 2_000)} bytes an event`;
  });
}
