/** The store, for operators: what it serves, what is paused, what is damaged. */
import { createClient } from '@connectrpc/connect';
import { useEffect } from 'preact/hooks';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { StorePause_Cause, type StoreStatus, StoreStatus_State } from '../../../gen/artifacta/v1/store_pb.ts';
import { count, counted, millis, size } from '../base/format.ts';
import { after } from '../base/timer.ts';
import { transport } from '../calls/clients.ts';
import { Ago, At, Badge, FailureBox, Line, Loading } from '../parts/marks.tsx';
import { useAction, useCall } from '../parts/use-call.ts';
import { admin, shownNamespace } from './admin.ts';
import { Refused } from './for-operators.tsx';
import { MetricsFigures } from './metrics.tsx';

const info = createClient(InfoService, transport);

/** How often the status is read again, in milliseconds. */
const lookMs = 5_000;

const states: Readonly<Record<number, readonly [word: string, kind: string]>> = {
  [StoreStatus_State.SERVING]: ['serving', 'succeeded'],
  [StoreStatus_State.FULL]: ['full: uploads are refused', 'failed'],
  [StoreStatus_State.RECOVERY]: ['in recovery', 'failed'],
  [StoreStatus_State.READ_ONLY]: ['only reads', 'failed'],
};

const causes: Readonly<Record<number, string>> = {
  [StorePause_Cause.CLOCK_SUSPECT]: 'the clock is suspect',
  [StorePause_Cause.LONG_GAP]: 'a long gap',
  [StorePause_Cause.IMPORTED]: 'the index was imported',
  [StorePause_Cause.MANY_ORPHANS]: 'many orphans',
  [StorePause_Cause.INCONSISTENT]: 'counts differ',
};

/** The screen. */
export function StoreScreen() {
  const about = useCall('info', async (signal) => (await info.getServerInfo({}, { signal })).serverInfo);
  const { value, failure, again } = useCall(
    'status',
    async (signal) => (await admin.getStoreStatus({}, { signal })).status,
  );
  useEffect(() => {
    if (value !== undefined) return after(lookMs, again);
  }, [value]);
  return (
    <section class="screen">
      <header class="title">
        <h1>Store</h1>
        {about.value === undefined ? null : <span class="quiet">Artifacta {about.value.version}</span>}
      </header>
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="the state" />
        ) : (
          <Refused failure={failure} again={again} command="artifacta fsck" />
        )
      ) : (
        <>
          <FailureBox failure={failure} />
          <Status status={value} again={again} />
          <Quarantine />
          <MetricsFigures />
        </>
      )}
    </section>
  );
}

function Status({ status, again }: { status: StoreStatus; again: () => void }) {
  const { isActing, failure, act } = useAction();
  const { state, storeId, commitNumber, pauses, losses, serviceTime, freeBytes, reserveBytes } = status;
  const [word, kind] = states[state] ?? ['unknown', 'plain'];
  const resume = (pauseId: string) =>
    act(async () => {
      await admin.resumeMaintenance({ pauseId });
      again();
    });
  return (
    <>
      <p>
        <Badge kind={kind}>{word}</Badge> {status.trouble} {status.notice}
      </p>
      <dl class="figures">
        <Figure name="commits" text={count(commitNumber)} />
        {freeBytes === undefined ? null : <Figure name="free" text={size(freeBytes)} />}
        {reserveBytes === undefined ? null : <Figure name="reserve" text={size(reserveBytes)} />}
        <div>
          <dt>last export</dt>
          <dd>
            {status.lastExportTime === undefined ? 'never' : <Ago time={millis(status.lastExportTime)} />}
          </dd>
        </div>
        <div>
          <dt>its clock</dt>
          <dd>
            <At time={millis(serviceTime)} />
          </dd>
        </div>
        <Figure name="id" text={storeId} />
      </dl>
      <h2>Pauses of maintenance</h2>
      {pauses.length === 0 ? (
        <p class="quiet">None: expired things are removed, and free space is collected.</p>
      ) : null}
      <FailureBox failure={failure} />
      {pauses.map((pause) => (
        <div class="trouble" key={pause.id}>
          <strong>{causes[pause.cause] ?? 'paused'}</strong> <Ago time={millis(pause.startTime)} />:{' '}
          {pause.message}{' '}
          {pause.objectCount > 0n
            ? `(${counted(pause.objectCount, 'object')}, ${size(pause.sizeBytes)}) `
            : ''}
          <button type="button" disabled={isActing} onClick={() => void resume(pause.id)}>
            I have looked: go on
          </button>
        </div>
      ))}
      {losses.map((loss) => (
        <div class="trouble" key={loss.id}>
          <strong>lost commits</strong> {loss.message} <Line text="artifacta fsck" />
        </div>
      ))}
    </>
  );
}

function Figure({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong>{text}</strong>
      </dd>
    </div>
  );
}

function Quarantine() {
  const { value, failure, again } = useCall('quarantine', (signal) =>
    admin.listQuarantined({ namespace: shownNamespace(), pageSize: 100 }, { signal }),
  );
  return (
    <>
      <h2>Damaged contents</h2>
      <FailureBox failure={failure} again={again} />
      {value === undefined ? null : value.contents.length === 0 ? (
        <p class="quiet">None was found.</p>
      ) : (
        <>
          <p>
            {counted(value.contents.length, 'content')}
            {value.nextPageToken === '' ? '' : ' and more'}. A push of the same bytes repairs one.
          </p>
          <ul class="plain-list">
            {value.contents.map((one) => (
              <li key={one.sha256}>
                <code>{one.sha256}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
