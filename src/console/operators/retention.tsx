/** How long a namespace keeps sessions, and what another policy would do: tried without changing anything. */
import { create } from '@bufbuild/protobuf';
import { useState } from 'preact/hooks';
import type { RetentionChange } from '../../../gen/artifacta/v1/admin_service_pb.ts';
import { type Retention, RetentionSchema } from '../../../gen/artifacta/v1/retention_pb.ts';
import { count, counted, durationMillis, millis, readTtl, size, span } from '../base/format.ts';
import { sessionHref } from '../base/place.ts';
import { At, FailureBox, Line, Loading } from '../parts/marks.tsx';
import { useAction, useCall } from '../parts/use-call.ts';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';
import { admin, shownNamespace } from './admin.ts';
import { Refused } from './for-operators.tsx';

const lives = [
  ['succeededTtl', 'succeeded'],
  ['failedTtl', 'failed'],
  ['cancelledTtl', 'cancelled'],
  ['abandonedTtl', 'abandoned'],
] as const;

/** The most changes that are read for one trial. */
const changesMax = 20_000;

/** The screen. */
export function RetentionScreen() {
  const name = shownNamespace();
  const { value, failure, again } = useCall(`policy ${name}`, async (signal) => {
    const { retentionPolicy } = await admin.getRetentionPolicy({ namespace: name }, { signal });
    return retentionPolicy;
  });
  return (
    <section class="screen">
      <header class="title">
        <h1>Retention</h1>
        <span class="quiet">namespace {name}</span>
      </header>
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="the policy" />
        ) : (
          <Refused failure={failure} again={again} command="artifacta policy get" />
        )
      ) : (
        <>
          <Policy retention={value.retention} />
          <Trial namespace={name} retention={value.retention} />
        </>
      )}
    </section>
  );
}

function Policy({ retention }: { retention: Retention | undefined }) {
  const keepLast = retention?.keepLast;
  return (
    <>
      <p class="quiet">
        New sessions without a retention of their own get this one, counted from their seal:
      </p>
      <dl class="figures">
        {lives.map(([key, word]) => {
          const ttl = retention?.[key];
          return (
            <div key={key}>
              <dt>{word}</dt>
              <dd>
                <strong>{ttl === undefined ? 'without an end' : span(durationMillis(ttl))}</strong>
              </dd>
            </div>
          );
        })}
        {keepLast === undefined ? null : (
          <div>
            <dt>always kept</dt>
            <dd>
              the last {keepLast.count} of each <code>{keepLast.metadataKey}</code>
            </dd>
          </div>
        )}
      </dl>
    </>
  );
}

interface Tried {
  readonly changes: readonly RetentionChange[];
  readonly sessionCount: number;
  readonly isWhole: boolean;
}

async function tryOut(namespace: string, retention: Retention, filter: string): Promise<Tried> {
  const changes: RetentionChange[] = [];
  let sessionCount = 0;
  for (let pageToken = ''; ; ) {
    const page = await admin.applyRetentionPolicy({
      namespace,
      retention,
      filter,
      validateOnly: true,
      pageSize: 1_000,
      pageToken,
    });
    changes.push(...page.changes);
    sessionCount += Number(page.sessionCount);
    pageToken = page.nextPageToken;
    const isWhole = pageToken === '';
    if (isWhole || changes.length >= changesMax) return { changes, sessionCount, isWhole };
  }
}

function Trial({ namespace, retention }: { namespace: string; retention: Retention | undefined }) {
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [filter, setFilter] = useState('');
  const [tried, setTried] = useState<Tried>();
  const { isActing, failure, act } = useAction();
  const wrong = lives.find(([key]) => (texts[key] ?? '') !== '' && readTtl(texts[key] ?? '') === undefined);
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrong !== undefined) return;
    const ttls = lives.flatMap(([key]) => {
      const seconds = readTtl(texts[key] ?? '');
      return seconds === undefined ? [] : [[key, { seconds, nanos: 0 }] as const];
    });
    const keepLast = retention?.keepLast;
    const wanted = create(RetentionSchema, {
      ...Object.fromEntries(ttls),
      ...(keepLast === undefined || ttls.length === 0 ? {} : { keepLast }),
    });
    void act(async () => setTried(await tryOut(namespace, wanted, filter.trim())));
  };
  return (
    <>
      <h2>What would another policy do to the sessions that exist?</h2>
      <form class="controls" onSubmit={submit}>
        {lives.map(([key, word]) => (
          <label key={key}>
            {word}{' '}
            <input
              type="text"
              size={8}
              placeholder="no end"
              value={texts[key] ?? ''}
              onInput={(event) => setTexts({ ...texts, [key]: event.currentTarget.value })}
            />
          </label>
        ))}
        <label>
          only sessions where{' '}
          <input
            type="search"
            spellcheck={false}
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main" disabled={isActing || wrong !== undefined}>
          {isActing ? 'Trying …' : 'Try: changes nothing'}
        </button>
      </form>
      {wrong === undefined ? null : <p class="fault">{wrong[1]}: must be a time such as 12h or 7d</p>}
      <FailureBox failure={failure} />
      {tried === undefined ? null : <Effect tried={tried} />}
      <p class="quiet">This applies a policy that was tried:</p>
      <Line text="artifacta policy set --retain failed=7d succeeded=30d && artifacta policy apply --yes" />
    </>
  );
}

function Effect({ tried: { changes, sessionCount, isWhole } }: { tried: Tried }) {
  const now = Date.now();
  const atOnce = changes.filter(
    ({ newExpireTime }) => (millis(newExpireTime) ?? Number.POSITIVE_INFINITY) <= now,
  );
  const bytes = atOnce.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n);
  return (
    <>
      <p class="note" role="status">
        {counted(changes.length, 'session')} of {count(sessionCount)} would get another expiry
        {isWhole ? '' : ', and others that were not read'}. {counted(atOnce.length, 'session')} with{' '}
        {size(bytes)} would expire at once.
      </p>
      {changes.length === 0 ? null : (
        <WindowList
          label="Sessions that would change"
          length={changes.length}
          rowHeight={32}
          columns="retention-columns"
          keyOf={(index) => changes[index]!.session}
          head={
            <>
              <HeadCell>session</HeadCell>
              <HeadCell kind="number">artifacts</HeadCell>
              <HeadCell kind="number">size</HeadCell>
              <HeadCell kind="time">expires now</HeadCell>
              <HeadCell kind="time">would expire</HeadCell>
            </>
          }
          row={(index) => {
            const { session, artifactCount, sizeBytes, oldExpireTime, newExpireTime } = changes[index]!;
            return (
              <>
                <Cell kind="name">
                  <a href={sessionHref(session)}>{session}</a>
                </Cell>
                <Cell kind="number">{count(artifactCount)}</Cell>
                <Cell kind="number">{size(sizeBytes)}</Cell>
                <Cell kind="time">
                  <At time={millis(oldExpireTime)} />
                </Cell>
                <Cell kind="time">
                  <At time={millis(newExpireTime)} />
                </Cell>
              </>
            );
          }}
        />
      )}
    </>
  );
}
