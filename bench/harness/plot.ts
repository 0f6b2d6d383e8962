/** Line plots as SVG: for what grows, so that its slope can be seen. */

export interface Plot {
  /** Part of the name of the file. */
  readonly name: string;
  readonly title: string;
  /** What is on the axes, with units. The horizontal one is logarithmic, the vertical one begins at 0. */
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly label: string;
  readonly points: readonly Point[];
}

/** `low` and `high`: over the runs. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

const width = 720;
const height = 440;
const area = { left: 78, right: 20, top: 44, bottom: 86 };
const colours = ['#0b62a4', '#c2410c', '#4d7c0f', '#7e22ce'];

/** A document of its own. */
export function svgOf(plot: Plot): string {
  const scale = scaleOf(plot);
  const parts = [
    text(width / 2, 24, plot.title, 'middle', 16),
    ...axes(plot, scale),
    ...plot.lines.flatMap((line, at) => drawn(line, colours[at % colours.length]!, scale)),
    ...plot.lines.map((line, at) => legend(line, at, plot.lines.length)),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<title>${escaped(plot.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** Where values are on the paper. */
interface Scale {
  x(value: number): number;
  y(value: number): number;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
}

function scaleOf({ lines }: Plot): Scale {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(({ x }) => Math.log10(x));
  const from = Math.floor(Math.min(...xs));
  const to = Math.max(Math.ceil(Math.max(...xs)), from + 1);
  const yTicks = ticksUpTo(Math.max(...points.map(({ high }) => high)));
  const top = yTicks.at(-1)!;
  const inner = { width: width - area.left - area.right, height: height - area.top - area.bottom };
  return {
    x: (value) => area.left + ((Math.log10(value) - from) / (to - from)) * inner.width,
    y: (value) => area.top + (1 - value / top) * inner.height,
    xTicks: Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at)),
    yTicks,
  };
}

/** Round numbers from 0 to at least `most`. */
function ticksUpTo(most: number): number[] {
  if (most <= 0) return [0, 1];
  const rough = most / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= rough)!;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step);
}

function axes(plot: Plot, { x, y, xTicks, yTicks }: Scale): string[] {
  const bottom = height - area.bottom;
  const right = width - area.right;
  const middle = (area.top + bottom) / 2;
  return [
    ...yTicks.flatMap((tick) => [
      `<line x1="${area.left}" x2="${right}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#dddddd"/>`,
      text(area.left - 8, y(tick) + 4, short(tick), 'end'),
    ]),
    ...xTicks.flatMap((tick) => [
      `<line x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${bottom}" y2="${bottom + 5}" stroke="#333333"/>`,
      text(x(tick), bottom + 19, short(tick), 'middle'),
    ]),
    `<path d="M${area.left} ${area.top}V${bottom}H${right}" fill="none" stroke="#333333"/>`,
    text((area.left + right) / 2, bottom + 40, plot.x, 'middle', 13),
    `<text x="20" y="${middle}" font-size="13" text-anchor="middle" transform="rotate(-90 20 ${middle})">${escaped(plot.y)}</text>`,
  ];
}

/** The line through the points, and at each a bar from the least to the greatest. */
function drawn({ points }: Line, colour: string, { x, y }: Scale): string[] {
  const path = points.map((point) => `${at(x(point.x))},${at(y(point.y))}`).join(' ');
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.flatMap((point) => [
      `<line x1="${at(x(point.x))}" x2="${at(x(point.x))}" y1="${at(y(point.low))}" y2="${at(y(point.high))}" stroke="${colour}"/>`,
      `<circle cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="4" fill="${colour}"><title>${escaped(`${short(point.x)}: ${point.y}`)}</title></circle>`,
    ]),
  ];
}

function legend({ label }: Line, number: number, count: number): string {
  const room = (width - area.left - area.right) / count;
  const left = area.left + number * room;
  const y = height - 18;
  const colour = colours[number % colours.length]!;
  return `<rect x="${at(left)}" y="${y - 10}" width="12" height="12" fill="${colour}"/>${text(left + 18, y, label, 'start')}`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end', size = 12): string {
  return `<text x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function at(place: number): string {
  return place.toFixed(1);
}

/** `1k`, `10M`; small numbers as they are. */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(6))}k`;
  return String(Number(value.toPrecision(6)));
}

function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
