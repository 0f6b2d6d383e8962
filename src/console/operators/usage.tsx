/** How much a namespace contains, by what, and when it expires. */
import { useEffect, useState } from 'preact/hooks';
import { type Usage, UsageBreakdown, type UsagePart } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { count, counted, size } from '../base/format.ts';
import { hrefOf, place, setParams } from '../base/place.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { quoted } from '../sessions/completion.ts';
import { admin, shownNamespace } from './admin.ts';
import { type InPeriod, inPeriods, periods, sumOfPeriods } from './expiry-periods.ts';
import { Refused } from './for-operators.tsx';
import { ExpiryPlot, PeriodLegend, UsageBar } from './plots.tsx';
import { type Group, groupsOf } from './usage-groups.ts';

/** The most values that are shown. */
const groupsMax = 50;
const keys = ['agent', 'pipeline', 'model', 'task'];

/** The screen. */
export function UsageScreen() {
  const name = shownNamespace();
  const { value, failure, again } = useCall(`usage ${name}`, async (signal) => {
    const { usage } = await admin.getUsage({ namespace: name }, { signal });
    return usage;
  });
  return (
    <section class="screen">
      <header class="title">
        <h1>Usage</h1>
        <span class="quiet">namespace {name}</span>
      </header>
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="the usage" />
        ) : (
          <Refused failure={failure} again={again} command="artifacta usage" />
        )
      ) : (
        <>
          <Totals usage={value} />
          <Parts namespace={name} />
        </>
      )}
    </section>
  );
}

function Totals({ usage: { artifactCount, sessionCount, sizeBytes, storedBytes, quota } }: { usage: Usage }) {
  const rows = [
    ['artifacts', count(artifactCount), quota?.maxArtifacts, Number(artifactCount)],
    ['sessions', count(sessionCount), quota?.maxSessions, Number(sessionCount)],
    ['bytes', size(sizeBytes), quota?.maxSizeBytes, Number(sizeBytes)],
  ] as const;
  return (
    <dl class="figures">
      {rows.map(([what, shown, limit, used]) => (
        <div key={what}>
          <dt>{what}</dt>
          <dd>
            <strong>{shown}</strong>
            {limit === undefined || limit === 0n ? null : (
              <>
                <meter min={0} max={Number(limit)} value={used} aria-label={`${what} of the quota`} />
                <span class="quiet">of {what === 'bytes' ? size(limit) : count(limit)}</span>
              </>
            )}
          </dd>
        </div>
      ))}
      {storedBytes === undefined ? null : (
        <div>
          <dt>stored</dt>
          <dd>
            <strong>{size(storedBytes)}</strong> <span class="quiet">each content once</span>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** Reads all pages of a breakdown, and shows what came so far. */
function useParts(namespace: string, metadataKey: string) {
  const [state, setState] = useState<{ parts: readonly UsagePart[]; isWhole: boolean; failure?: Failure }>({
    parts: [],
    isWhole: false,
  });
  useEffect(() => {
    const ended = new AbortController();
    const request =
      metadataKey === ''
        ? { namespace, breakdown: UsageBreakdown.NAMESPACE }
        : { namespace, breakdown: UsageBreakdown.METADATA, metadataKey };
    const run = async () => {
      const parts: UsagePart[] = [];
      try {
        for (let pageToken = ''; ; ) {
          const page = await admin.getUsage({ ...request, pageToken }, { signal: ended.signal });
          parts.push(...page.parts);
          pageToken = page.nextPageToken;
          setState({ parts: [...parts], isWhole: pageToken === '' });
          if (pageToken === '') return;
        }
      } catch (error) {
        if (!isCancelled(error)) setState({ parts: [...parts], isWhole: true, failure: failureOf(error) });
      }
    };
    setState({ parts: [], isWhole: false });
    void run();
    return () => ended.abort();
  }, [namespace, metadataKey]);
  return state;
}

function Parts({ namespace }: { namespace: string }) {
  const key = place.value.params.get('by') ?? 'agent';
  const [typed, setTyped] = useState(key);
  const { parts, isWhole, failure } = useParts(namespace, key);
  const groups = groupsOf(parts);
  const most = Math.max(1, ...groups.map(({ bytes }) => bytes));
  const now = Date.now();
  const each = groups.map((group) => inPeriods(group, now));
  return (
    <>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          setParams({ by: typed.trim() });
        }}
      >
        <label>
          by metadata{' '}
          <input
            type="text"
            list="usage-keys"
            spellcheck={false}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <datalist id="usage-keys">
          {keys.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <button type="submit">Show</button>
        <span class="quiet" role="status">
          {counted(groups.length, 'value')}
          {isWhole ? '' : ' so far …'}
        </span>
      </form>
      <FailureBox failure={failure} />
      {isWhole && groups.length === 0 && failure === undefined ? (
        <p class="quiet">No artifact has the key {key} in its metadata.</p>
      ) : null}
      {groups.length === 0 ? null : (
        <>
          <h2>What expires when</h2>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
          <div class="usage-table" tabIndex={0}>
            <ExpiryPlot sums={sumOfPeriods(each)} />
          </div>
          <h2>Bytes by {key === '' ? 'namespace' : key}</h2>
          <PeriodLegend />
          <Values groups={groups.slice(0, groupsMax)} each={each} most={most} name={key} />
        </>
      )}
      {groups.length > groupsMax ? (
        <p class="quiet">and {counted(groups.length - groupsMax, 'smaller value')}</p>
      ) : null}
    </>
  );
}

interface ValuesProps {
  readonly groups: readonly Group[];
  /** By group: what expires in each period. */
  readonly each: readonly (readonly InPeriod[])[];
  readonly most: number;
  /** The key of metadata. */
  readonly name: string;
}

/** The table with the figures of the plots. */
function Values({ groups, each, most, name }: ValuesProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <div class="usage-table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{name === '' ? 'value' : name}</th>
            <th scope="col" class="wide">
              <span class="skip">plot</span>
            </th>
            <th scope="col">bytes</th>
            <th scope="col">artifacts</th>
            {periods.map((period) => (
              <th scope="col" key={period}>
                {period}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map(({ value, bytes, artifacts }, at) => (
            <tr key={value}>
              <th scope="row">
                <a href={hrefOf('/', { filter: `metadata.${name} = ${quoted(value)}` })}>
                  <bdi>{value === '' ? 'all' : value}</bdi>
                </a>
              </th>
              <td class="wide">
                <UsageBar name={value === '' ? 'all' : value} each={each[at]!} most={most} />
              </td>
              <td class="number">{size(bytes)}</td>
              <td class="number">{count(artifacts)}</td>
              {each[at]!.map((period, index) => (
                <td class="number" key={periods[index]}>
                  {period.artifacts === 0 ? '–' : size(period.bytes)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
