/** The figures of the service as its operators see them on the page. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bySubject, figure, metricsIn, quantile } from '../../src/console/contents/metrics.ts';
import { root } from '../support/checkout.ts';

const text = `# HELP a_bytes The \\\\ of\\nit.
# TYPE a_bytes gauge
a_bytes 2048
# TYPE b_total counter
b_total{method="x/y",text="a \\"b\\", c\\\\",outcome="OK"} 3 1700000000000
b_total{method="z",outcome="A}"} 4
# TYPE t_seconds histogram
t_seconds_bucket{method="x",le="0.1"} 5
t_seconds_bucket{method="x",le="1"} 9
t_seconds_bucket{method="x",le="+Inf"} 10
t_seconds_sum{method="x"} 4.5
t_seconds_count{method="x"} 10
untyped_count -Inf
not a metric
# EOF
`;

describe('metrics', () => {
  it('are read with their labels, kinds and meanings', () => {
    expect(metricsIn(text)).toEqual([
      {
        name: 'a_bytes',
        kind: 'gauge',
        help: 'The \\ of\nit.',
        samples: [{ labels: {}, value: 2048 }],
        distributions: [],
      },
      {
        name: 'b_total',
        kind: 'counter',
        help: '',
        samples: [
          { labels: { method: 'x/y', text: 'a "b", c\\', outcome: 'OK' }, value: 3 },
          { labels: { method: 'z', outcome: 'A}' }, value: 4 },
        ],
        distributions: [],
      },
      {
        name: 't_seconds',
        kind: 'histogram',
        help: '',
        samples: [],
        distributions: [
          {
            labels: { method: 'x' },
            count: 10,
            sum: 4.5,
            buckets: [
              [0.1, 5],
              [1, 9],
              [Number.POSITIVE_INFINITY, 10],
            ],
          },
        ],
      },
      {
        name: 'untyped_count',
        kind: '',
        help: '',
        samples: [{ labels: {}, value: Number.NEGATIVE_INFINITY }],
        distributions: [],
      },
    ]);
    expect(metricsIn('')).toEqual([]);
  });

  it('have the bounds below which parts lie', () => {
    const [one] = metricsIn(text).flatMap(({ distributions }) => distributions);
    expect([0.5, 0.9, 0.99].map((part) => quantile(one!, part))).toEqual([0.1, 1, Number.POSITIVE_INFINITY]);
    expect(quantile({ ...one!, count: 0 }, 0.5)).toBeUndefined();
  });

  it('are shown with the unit of their name', () => {
    const shown = [
      ['a_bytes', 2048],
      ['a_bytes_total', 3],
      ['a_seconds', 0.0042],
      ['a_seconds_total', 3.456],
      ['a_seconds', 7_300],
      ['process_start_time_seconds', 1_700_000_000],
      ['a_total', 12_345],
      ['a_ratio', 0.123456],
      ['a_total', Number.NaN],
    ] as const;
    expect(shown.map(([name, value]) => figure(name, value))).toEqual([
      '2.0 KiB',
      '3 B',
      '4.2 ms',
      '3.46 s',
      '2 h',
      '2023-11-14 22:13:20Z',
      '12,345',
      '0.1235',
      'NaN',
    ]);
  });

  it('of the service have a subject each, and none is lost', async () => {
    const page = await readFile(join(root, 'docs/observability.md'), 'utf8');
    const [, table = ''] = /<!-- metrics -->\n(.*?)<!-- \/metrics -->/s.exec(page) ?? [];
    const names = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(40);
    const subjects = bySubject(metricsIn(names.map((name) => `${name} 1`).join('\n')));
    expect(subjects.flatMap((one) => one.metrics.map(({ name }) => name)).sort()).toEqual(names.sort());
    expect(subjects.map(({ subject }) => subject)).not.toContain('Others');
    expect(bySubject(metricsIn('up 1'))).toMatchObject([{ subject: 'Others' }]);
  });
});
