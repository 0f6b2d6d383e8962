/** How much a namespace contains, by what, and when it expires. */
import { useEffect, useState } from 'preact/hooks';
import { type Usage, UsageBreakdown, type UsagePart } from '../../../gen/artifacta/v1/namespace_pb.ts';
import { count, counted, size } from '../base/format.ts';
import { hrefOf, place, setParams } from '../base/place.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { At, FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { quoted } from '../sessions/completion.ts';
import { admin, shownNamespace } from './admin.ts';
import { Refused } from './for-operators.tsx';
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
      <ul class="bars" aria-label={`Bytes by ${key}`}>
        {groups.slice(0, groupsMax).map((group) => (
          <Bar key={group.value} group={group} most={most} name={key} />
        ))}
      </ul>
      {groups.length > groupsMax ? (
        <p class="quiet">and {counted(groups.length - groupsMax, 'smaller value')}</p>
      ) : null}
    </>
  );
}

function Bar({
  group: { value, bytes, artifacts, byExpiry },
  most,
  name,
}: {
  group: Group;
  most: number;
  name: string;
}) {
  return (
    <li>
      <a href={hrefOf('/', { filter: `metadata.${name} = ${quoted(value)}` })}>
        <bdi>{value === '' ? 'all' : value}</bdi>
      </a>
      <meter min={0} max={most} value={bytes} aria-label={`${value}: ${size(bytes)}`} />
      <span>
        {size(bytes)} <span class="quiet">{counted(artifacts, 'artifact')}</span>
      </span>
      <details>
        <summary>when it expires</summary>
        <ul class="plain-list">
          {byExpiry.map((period) => (
            <li key={String(period.before)}>
              {period.before === undefined ? (
                'never'
              ) : (
                <>
                  before <At time={period.before} />
                </>
              )}
              : {size(period.bytes)}, {counted(period.artifacts, 'artifact')}
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}
