import { expect, it } from 'vitest';
import { type Plot, svgOf } from '../../bench/harness/plot.ts';

const plot: Plot = {
  name: 'test',
  title: 'a < b & "c"',
  x: 'artifacts',
  y: 'ms',
  lines: [
    {
      label: 'p50',
      points: [
        { x: 10_000, y: 2, low: 1, high: 3 },
        { x: 1_000_000, y: 4, low: 4, high: 9.5 },
      ],
    },
  ],
};

it('draws points where their values are', () => {
  const svg = svgOf(plot);
  // From 10k to 1M on the horizontal axis, from 0 to 10 on the vertical one.
  expect([...svg.matchAll(/circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [x, y])).toEqual([
    ['78.0', '292.0'],
    ['700.0', '230.0'],
  ]);
  for (const tick of ['10k', '100k', '1M']) expect(svg).toContain(`>${tick}</text>`);
  expect([...svg.matchAll(/text-anchor="end">([\d.]+)</g)].map(([, tick]) => tick)).toEqual([
    '0',
    '2',
    '4',
    '6',
    '8',
    '10',
  ]);
});

it('is well-formed whatever is written on it', () => {
  const svg = svgOf(plot);
  expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
  expect(svg.match(/<svg|<rect|<line|<path|<polyline|<circle|<text|<title/g)!.length).toBe(
    svg.match(/<\/svg>|<\/text>|<\/title>|<\/circle>|\/>/g)!.length,
  );
});

it('draws values that are all nothing', () => {
  const points = [{ x: 10_000, y: 0, low: 0, high: 0 }];
  expect(svgOf({ ...plot, lines: [{ label: 'none', points }] })).not.toContain('NaN');
});
