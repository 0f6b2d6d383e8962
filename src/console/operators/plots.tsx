/** Plots of usage: drawn as SVG, described for readers who do not see them, with the same figures in a table. */
import { useId } from 'preact/hooks';
import { counted, size } from '../base/format.ts';
import { type InPeriod, periods, segmentsOf } from './expiry-periods.ts';

/** The inner size of a plot, in its own units. */
const [plotWidth, plotHeight] = [640, 180];
const [barWidth, labelHeight] = [84, 34];

/** What expires when: a column for each period. */
export function ExpiryPlot({ sums }: { sums: readonly InPeriod[] }) {
  const id = useId();
  const most = Math.max(1, ...sums.map(({ bytes }) => bytes));
  const step = plotWidth / periods.length;
  const described = periods
    .map((period, at) => `${period}: ${size(sums[at]!.bytes)}, ${counted(sums[at]!.artifacts, 'artifact')}`)
    .join('; ');
  return (
    <svg
      class="plot"
      viewBox={`0 0 ${plotWidth} ${plotHeight + labelHeight + 18}`}
      role="img"
      aria-labelledby={`${id}-title ${id}-desc`}
    >
      <title id={`${id}-title`}>What expires when</title>
      <desc id={`${id}-desc`}>{described}</desc>
      <line class="plot-line" x1={0} y1={plotHeight + 18} x2={plotWidth} y2={plotHeight + 18} />
      {periods.map((period, at) => {
        const { bytes, artifacts } = sums[at]!;
        const height = bytes === 0 ? 0 : Math.max(1, (bytes / most) * plotHeight);
        const middle = at * step + step / 2;
        return (
          <g key={period}>
            <rect
              class={`period-${at}`}
              x={middle - barWidth / 2}
              y={plotHeight + 18 - height}
              width={barWidth}
              height={height}
            />
            <text class="plot-text" x={middle} y={plotHeight + 12 - height} text-anchor="middle">
              {artifacts === 0 ? '' : size(bytes)}
            </text>
            <text class="plot-text" x={middle} y={plotHeight + 34} text-anchor="middle">
              {period}
            </text>
            <text class="plot-quiet" x={middle} y={plotHeight + 49} text-anchor="middle">
              {artifacts === 0 ? '' : counted(artifacts, 'artifact')}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** The colours of the periods. */
export function PeriodLegend() {
  return (
    <ul class="legend" aria-label="Colours of the bars: when artifacts expire">
      {periods.map((period, at) => (
        <li key={period}>
          <svg width="12" height="12" aria-hidden="true">
            <rect class={`period-${at}`} width="12" height="12" />
          </svg>{' '}
          {period}
        </li>
      ))}
    </ul>
  );
}

interface BarProps {
  /** What the bar is of. */
  readonly name: string;
  readonly each: readonly InPeriod[];
  /** The bytes of the longest bar. */
  readonly most: number;
}

/** The bar of one value, in the colours of its periods. */
export function UsageBar({ name, each, most }: BarProps) {
  const described = periods
    .flatMap((period, at) => (each[at]!.bytes === 0 ? [] : [`${period} ${size(each[at]!.bytes)}`]))
    .join(', ');
  return (
    <svg
      class="usage-bar"
      viewBox="0 0 400 14"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${name}: ${described}`}
    >
      <title>{described}</title>
      {segmentsOf(each, most, 400).map(({ period, from, length }) => (
        <rect key={period} class={`period-${period}`} x={from} width={length} height={14} />
      ))}
    </svg>
  );
}
