/** The figures of `/metrics`, by subject. */
import { useEffect } from 'preact/hooks';
import { count } from '../base/format.ts';
import { after } from '../base/timer.ts';
import { fetchPlain } from '../calls/clients.ts';
import {
  bySubject,
  type Distribution,
  figure,
  type Metric,
  metricsIn,
  quantile,
  seconds,
} from '../contents/metrics.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

/** How often the figures are read again, in milliseconds. A reading ends the period of those of the event loop. */
const lookMs = 15_000;
/** Methods that are listed, those with the most calls. */
const methodsMax = 60;

/** The figures. */
export function MetricsFigures() {
  const { value, failure, again } = useCall('metrics', async (signal) => {
    const answer = await fetchPlain('/metrics', { signal });
    return metricsIn(await answer.text());
  });
  useEffect(() => {
    if (value !== undefined) return after(lookMs, again);
  }, [value]);
  return (
    <>
      <h2>Metrics</h2>
      <p class="quiet note">
        The same figures as at <code>/metrics</code> of the admin listener, under the same names. The reaper
        is another process, with figures of its own: <code>artifacta reap --listen</code>.
      </p>
      <FailureBox failure={failure} again={again} />
      {value === undefined && failure === undefined ? <Loading what="the metrics" /> : null}
      {bySubject(value ?? []).map(({ subject, metrics }) => (
        <section key={subject} class="metrics" aria-label={subject}>
          <h3>{subject}</h3>
          <table>
            <thead>
              <tr>
                <th scope="col">figure</th>
                <th scope="col">metric</th>
                <th scope="col" class="wide">
                  meaning
                </th>
              </tr>
            </thead>
            <tbody>
              {metrics
                .filter(({ kind }) => kind !== 'histogram')
                .map((metric) => (
                  <Row key={metric.name} metric={metric} />
                ))}
            </tbody>
          </table>
          {metrics
            .filter(({ kind }) => kind === 'histogram')
            .map((metric) => (
              <Times key={metric.name} metric={metric} />
            ))}
        </section>
      ))}
    </>
  );
}

function Row({ metric: { name, help, samples } }: { metric: Metric }) {
  const [only] = samples;
  const isPlain = samples.length === 1 && only !== undefined && Object.keys(only.labels).length === 0;
  return (
    <tr>
      <td class="number">
        {isPlain ? (
          <strong title={String(only.value)}>{figure(name, only.value)}</strong>
        ) : (
          samples.map(({ labels, value }) => (
            <div key={JSON.stringify(labels)} title={String(value)}>
              <span class="quiet">{Object.values(labels).join(' ')}</span>{' '}
              <strong>{figure(name, value)}</strong>
            </div>
          ))
        )}
      </td>
      <td>
        <code>{name}</code>
      </td>
      <td class="wide quiet">{help}</td>
    </tr>
  );
}

/** Methods with how often they were called and how long they took. */
function Times({ metric: { name, help, distributions } }: { metric: Metric }) {
  const shown = distributions.toSorted((a, b) => b.count - a.count).slice(0, methodsMax);
  return (
    <details>
      <summary>
        <code>{name}</code> <span class="quiet">{help}</span>
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">labels</th>
            <th scope="col">count</th>
            <th scope="col">mean</th>
            <th scope="col">half below</th>
            <th scope="col">99 % below</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((one) => (
            <tr key={JSON.stringify(one.labels)}>
              <td>{Object.values(one.labels).join(' ')}</td>
              <td class="number">{count(one.count)}</td>
              <td class="number">{one.count === 0 ? '–' : seconds(one.sum / one.count)}</td>
              <td class="number">{bound(one, 0.5)}</td>
              <td class="number">{bound(one, 0.99)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function bound(distribution: Distribution, part: number): string {
  const found = quantile(distribution, part);
  if (found === undefined) return '–';
  return Number.isFinite(found) ? seconds(found) : 'more';
}
