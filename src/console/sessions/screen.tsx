/** The sessions: the first screen. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { count, counted, millis, size } from '../base/format.ts';
import { go, place, sessionHref, setParams } from '../base/place.ts';
import { Explanation } from '../parts/explanation.tsx';
import { FilterBox } from '../parts/filter-box.tsx';
import { Ago, FailureBox, Line, Loading, Pairs } from '../parts/marks.tsx';
import { Outcome } from '../parts/outcomes.tsx';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';
import { complete } from './completion.ts';
import { useKnown } from './known.ts';
import { asTree, type Branch } from './merge.ts';
import { SessionList } from './session-list.ts';

const presets = [
  ['', 'all'],
  ['session.state = "OPEN"', 'open'],
  ['session.outcome = "FAILED" OR session.outcome = "ABANDONED"', 'failed'],
  ['create_time > now-1d', 'last day'],
  ['expire_time < now+7d', 'ending soon'],
] as const;

/** The list of sessions, newest first. */
export function SessionsScreen() {
  const { params } = place.value;
  const filter = params.get('filter') ?? '';
  const explain = params.get('why') === '1';
  const list = useList(filter, explain);
  const { sessions, failure, isKnown, explanation, nextPageToken } = list.state.value;
  const rows = useMemo(() => asTree(sessions), [sessions]);
  const { known, ask } = useKnown(sessions);
  const apply = (text: string) => setParams({ filter: text }, 'push');
  const isFaulty = failure !== undefined && !failure.isPassing;
  return (
    <section class="screen">
      <header class="title">
        <h1>Sessions</h1>
        <nav class="presets" aria-label="Filters">
          {presets.map(([text, name]) => (
            <a
              key={name}
              href={text === '' ? '/' : `/?${new URLSearchParams({ filter: text })}`}
              aria-current={text === filter}
            >
              {name}
            </a>
          ))}
        </nav>
        <label class="check">
          <input
            type="checkbox"
            checked={explain}
            onChange={(event) => setParams({ why: event.currentTarget.checked ? '1' : '' })}
          />
          why
        </label>
      </header>
      <FilterBox
        filter={filter}
        apply={apply}
        failure={isFaulty ? failure : undefined}
        placeholder='metadata.pipeline = "billing" AND session.outcome = "FAILED"'
        complete={(text, caret) => complete(text, caret, known)}
        ask={ask}
      />
      {failure?.isPassing ? <FailureBox failure={failure} /> : null}
      {explain ? <Explanation of={explanation} /> : null}
      {isKnown ? null : isFaulty ? null : <Loading what="sessions" />}
      {isKnown && rows.length === 0 ? <NoSessions isFiltered={filter !== ''} /> : null}
      {rows.length === 0 ? null : (
        <>
          <p class="quiet note" role="status">
            {counted(rows.length, 'session')}
            {nextPageToken === '' ? '' : ' so far; more come when you scroll'}
          </p>
          <Sessions rows={rows} onEnd={() => void list.more()} />
        </>
      )}
    </section>
  );
}

function useList(filter: string, explain: boolean): SessionList {
  const [list, setList] = useState(() => new SessionList(filter, explain));
  const key = `${explain} ${filter}`;
  const [madeFor, setMadeFor] = useState(key);
  useEffect(() => {
    if (madeFor === key) return;
    setMadeFor(key);
    setList(new SessionList(filter, explain));
  }, [key]);
  useEffect(() => () => list[Symbol.dispose](), [list]);
  return list;
}

function Sessions({ rows, onEnd }: { rows: readonly Branch<Session>[]; onEnd: () => void }) {
  return (
    <WindowList
      label="Sessions"
      length={rows.length}
      rowHeight={40}
      columns="sessions-columns"
      keyOf={(index) => rows[index]!.session.uid}
      onOpen={(index) => go(sessionHref(rows[index]!.session.id))}
      onEnd={onEnd}
      head={
        <>
          <HeadCell>session</HeadCell>
          <HeadCell>outcome</HeadCell>
          <HeadCell kind="number">artifacts</HeadCell>
          <HeadCell kind="number">size</HeadCell>
          <HeadCell kind="wide">metadata</HeadCell>
          <HeadCell kind="time">opened</HeadCell>
          <HeadCell kind="time wide">expires</HeadCell>
        </>
      }
      row={(index) => <SessionRow branch={rows[index]!} />}
    />
  );
}

function SessionRow({ branch: { session, depth } }: { branch: Branch<Session> }) {
  const { id, artifactCount, sizeBytes, holdCount, metadata, labels, createTime, kept } = session;
  const { parent: _parent, ...shown } = metadata;
  const expiry = millis(session.expireTime);
  return (
    <>
      <Cell kind="name">
        <span class="indent" style={{ width: `${depth * 1.2}rem` }} />
        {depth > 0 ? <span class="quiet">└ </span> : null}
        <a href={sessionHref(id)} title={id}>
          {id}
        </a>
      </Cell>
      <Cell>
        <Outcome session={session} />
      </Cell>
      <Cell kind="number">{count(artifactCount)}</Cell>
      <Cell kind="number">{size(sizeBytes)}</Cell>
      <Cell kind="wide">
        <Pairs pairs={shown} of="metadata" />
        <Pairs pairs={labels} of="labels" />
      </Cell>
      <Cell kind="time">
        <Ago time={millis(createTime)} />
      </Cell>
      <Cell kind="time wide">
        {holdCount > 0n ? <span title={counted(holdCount, 'artifact on hold')}>on hold </span> : null}
        {kept ? 'kept' : <Ago time={expiry} />}
      </Cell>
    </>
  );
}

function NoSessions({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered)
    return (
      <div class="empty">
        <h2>No session matches</h2>
        <p>
          <a href="/">All sessions</a>. A new session that matches appears here by itself.
        </p>
      </div>
    );
  return (
    <div class="empty">
      <h2>No sessions yet</h2>
      <p>This makes the first one, and it appears here at once:</p>
      <Line text={`echo hello | artifacta push - --name hello.txt --session first`} />
      <p>Or from any program, without the command line:</p>
      <Line text={`echo hello | curl -T - '${location.origin}/v1/sessions/first/artifacts/hello.txt'`} />
    </div>
  );
}
