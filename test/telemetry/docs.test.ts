/** docs/observability.md names what there is, and nothing else. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { openReaperMetrics } from '../../src/telemetry/reaper-metrics.ts';
import { bucketFigures } from './figures.ts';
import { parseScrape } from './prometheus.ts';

const page = await readFile(resolve(import.meta.dirname, '../../docs/observability.md'), 'utf8');

it('lists every figure with its type and labels', async () => {
  const table = /<!-- metrics -->\n(.*?)<!-- \/metrics -->/s.exec(page)![1]!;
  const documented = table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => {
      const [name = '', type = '', labels = ''] = row
        .split('|')
        .slice(1)
        .map((cell) => cell.replaceAll('`', '').trim());
      return [name, type, labels === '' ? [] : labels.split(', ').sort()];
    });
  using metrics = openMetrics({
    version: '1.2.3',
    methods: ['a/b'],
    isReady: () => true,
    messageBytes: () => ({ received: 1, sent: 1 }),
    sending: () => ({
      bytes: 1,
      answerCount: 1,
      waitingCount: 1,
      openCount: 1,
      endedCount: 1,
      refusedCount: 1,
    }),
    receiving: () => ({ bytes: 1, stoppedCount: 1, endedCount: 1 }),
    onError: (error) => expect.unreachable(String(error)),
    store: async () => ({
      state: 'serving',
      losses: 0,
      pauses: 0,
      isClockSuspect: false,
      space: { freeBytes: 1, reserveBytes: 1 },
      staged: { contents: 0, sizeBytes: 0 },
      bucket: bucketFigures,
      shippingLagMs: 1,
      index: {
        transactions: 1,
        batches: 1,
        rowsWritten: 1,
        bytesWritten: 1,
        reopens: 0,
        waiting: 0,
        replica: { namespaces: 1, takeOvers: 1, lapses: 0 },
      },
    }),
  });
  const call = { method: 'a/b', transport: 'network' };
  metrics.callStarted(call);
  metrics.callEnded({ ...call, outcome: 'OK', durationMs: 1, redirected: true });
  const scraped = [...parseScrape((await metrics.scrape()).body)].map(([name, { type, samples }]) => {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    labels.delete('le');
    return [name, type, [...labels].sort()];
  });
  const onLinux =
    process.platform === 'linux' ? documented : documented.filter(([name]) => name !== 'process_open_fds');
  expect(scraped.sort()).toEqual(onLinux.sort());
});

it('lists every figure of the reaper', async () => {
  const table = /<!-- reaper-metrics -->\n(.*?)<!-- \/reaper-metrics -->/s.exec(page)![1]!;
  const documented = [...table.matchAll(/^\| `(\w+)` \| (\w+) \| (?:`(\w+)`)? ?\|/gm)].map(
    ([, name, type, label]) => [name, type, label === undefined ? [] : [label]],
  );
  const metrics = openReaperMetrics('1.2.3', () => 1);
  const nothing = { artifacts: 0, sessions: 0, lapsed: 0, others: 0, condemned: 0, removed: 0 };
  const more = { removedBytes: 0, orphans: 0, scrubbedBytes: 0, damaged: 0, exports: 0, pauses: 0 };
  metrics.passed({ ...nothing, ...more, durationMs: 1, failed: [] });
  metrics.passed({ ...nothing, ...more, durationMs: 1, failed: ['scrub'] });
  const scraped = [...parseScrape((await metrics.scrape()).body)].map(([name, { type, samples }]) => [
    name,
    type,
    [...new Set(samples.flatMap(({ labels }) => Object.keys(labels)))],
  ]);
  expect(scraped.sort()).toEqual(documented.sort());
});
