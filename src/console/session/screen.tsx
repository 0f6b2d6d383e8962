/** A session, live: its record, what is missing, what failed first, and its events. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Session, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { count, counted, millis, shellWord, size } from '../base/format.ts';
import { artifactHref, place, setParams } from '../base/place.ts';
import { learnRights } from '../calls/rights.ts';
import { Ago, At, Badge, FailureBox, Line, Loading, Pairs } from '../parts/marks.tsx';
import { Outcome } from '../parts/outcomes.tsx';
import { SessionActions } from './actions.tsx';
import { Drop } from './drop.tsx';
import { EventList, Search } from './event-list.tsx';
import { Feed, type FeedState } from './feed.ts';
import { Output } from './output.tsx';
import { firstFailure, linesOf, missingOutputs, type View } from './rows.ts';

const views: readonly (readonly [View, string])[] = [
  ['flat', 'by time'],
  ['name', 'by name'],
  ['agent', 'by agent'],
];

/** The screen of one session. */
export function SessionScreen({ subject }: { subject: string }) {
  const feed = useFeed(subject);
  useEffect(() => {
    if (feed.state.value !== 'connecting') void learnRights();
  }, [feed.state.value]);
  const session = feed.session.value;
  const failure = feed.failure.value;
  if (session === undefined)
    return (
      <section class="screen">
        <h1>{subject}</h1>
        {failure === undefined ? <Loading what="the session" /> : <FailureBox failure={failure} />}
      </section>
    );
  return (
    <section class="screen">
      <Drop session={session}>
        <header class="title">
          <h1>
            <bdi>{session.id}</bdi>
          </h1>
          <Outcome session={session} />
          <Following state={feed.state.value} />
          <SessionActions session={session} feed={feed} />
        </header>
        <FailureBox failure={failure} />
        <Facts session={session} />
        <Trouble session={session} feed={feed} />
        <Output rows={feed.rows.value} />
        <Events session={session} feed={feed} />
        <CommandLine session={session} />
      </Drop>
    </section>
  );
}

function useFeed(id: string): Feed {
  const [feed] = useState(() => new Feed(id));
  useEffect(() => () => feed[Symbol.dispose](), []);
  return feed;
}

const followed: Readonly<Record<FeedState, string>> = {
  connecting: 'connecting …',
  live: 'live',
  lost: 'connection lost; asking again …',
  ended: '',
};

function Following({ state }: { state: FeedState }) {
  const words = followed[state];
  return (
    <span role="status" class="following">
      {words === '' ? null : <Badge kind={state}>{words}</Badge>}
    </span>
  );
}

function Facts({ session }: { session: Session }) {
  const {
    artifactCount,
    sizeBytes,
    holdCount,
    createTime,
    sealTime,
    expireTime,
    kept,
    lease,
    metadata,
    labels,
  } = session;
  const isOpen = session.state === SessionState.OPEN;
  return (
    <div class="facts">
      <span>{counted(artifactCount, 'artifact')}</span>
      <span>{size(sizeBytes)}</span>
      <span>
        opened <Ago time={millis(createTime)} />
      </span>
      {sealTime === undefined ? null : (
        <span>
          sealed <Ago time={millis(sealTime)} />
        </span>
      )}
      {isOpen && lease !== undefined ? (
        <span
          class="lease"
          title="Without a push or a renewal until then, the session is sealed as abandoned."
        >
          lease ends <Ago time={millis(lease.expireTime)} />
        </span>
      ) : null}
      <span>
        {isOpen ? (
          'open sessions do not expire'
        ) : kept ? (
          'kept by its retention'
        ) : expireTime === undefined ? (
          'does not expire'
        ) : (
          <>
            expires <At time={millis(expireTime)} />
          </>
        )}
      </span>
      {holdCount > 0n ? <span>{counted(holdCount, 'artifact')} on hold</span> : null}
      <Pairs pairs={metadata} of="metadata" />
      <Pairs pairs={labels} of="labels" />
    </div>
  );
}

/** What is missing, and what failed first. */
function Trouble({ session, feed }: { session: Session; feed: Feed }) {
  const rows = feed.rows.value;
  const isOpen = session.state === SessionState.OPEN;
  const missing = useMemo(
    () => (isOpen ? missingOutputs(session.expectedOutputs, rows) : session.missingOutputs),
    [session, rows],
  );
  const failed = useMemo(() => firstFailure(rows), [rows]);
  return (
    <>
      {failed === undefined ? null : (
        <p class="trouble" role="note">
          <strong>Failed first:</strong>{' '}
          <a href={artifactHref(failed.artifact.id)}>
            <bdi>{failed.artifact.name}</bdi>
          </a>{' '}
          <span class="quiet">
            event {count(failed.sequence)}
            {failed.artifact.agent === '' ? '' : `, by ${failed.artifact.agent}`}: {failed.artifact.failed}
          </span>
        </p>
      )}
      {missing.length === 0 ? null : (
        <div class="trouble" role="note">
          <strong>
            {counted(missing.length, 'expected output')} {isOpen ? 'not here yet' : 'missing at the seal'}:
          </strong>{' '}
          {missing.slice(0, 20).map((name) => (
            <code key={name}>
              <bdi>{name}</bdi>
            </code>
          ))}
          {missing.length > 20 ? ` and ${missing.length - 20} more` : null}
        </div>
      )}
    </>
  );
}

function Events({ session, feed }: { session: Session; feed: Feed }) {
  const { params } = place.value;
  const view = views.find(([name]) => name === params.get('view'))?.[0] ?? 'flat';
  const search = params.get('q') ?? '';
  const rows = feed.rows.value;
  const lines = useMemo(() => linesOf(rows, view, search), [rows, view, search]);
  const earlier = feed.earlier.value;
  return (
    <>
      <div class="controls">
        <fieldset class="views">
          <legend class="skip">Order</legend>
          {views.map(([name, words]) => (
            <label key={name}>
              <input
                type="radio"
                name="view"
                checked={name === view}
                onChange={() => setParams({ view: name === 'flat' ? '' : name })}
              />
              {words}
            </label>
          ))}
        </fieldset>
        <Search search={search} />
        <span class="quiet" role="status">
          {counted(rows.length, 'event')}
          {earlier === 0 ? '' : `, after ${count(earlier)} earlier ones that are not shown`}
        </span>
      </div>
      {lines.length === 0 && search === '' ? (
        feed.state.value === 'connecting' ? (
          <Loading what="events" />
        ) : (
          <Nothing session={session} />
        )
      ) : (
        <EventList lines={lines} />
      )}
    </>
  );
}

function Nothing({ session }: { session: Session }) {
  return (
    <div class="empty">
      <h2>Nothing here yet</h2>
      {session.state === SessionState.OPEN ? (
        <>
          <p>Drop files here, or push one:</p>
          <Line text={`artifacta push FILE --session ${shellWord(session.id)}`} />
        </>
      ) : (
        <p>The session was sealed without artifacts, or they were deleted or have expired since.</p>
      )}
    </div>
  );
}

function CommandLine({ session }: { session: Session }) {
  const id = shellWord(session.id);
  const isOpen = session.state === SessionState.OPEN;
  return (
    <footer class="commands">
      <Line text={isOpen ? `artifacta watch ${id}` : `artifacta ls ${id}`} />
      <Line text={`artifacta pull ${id} --to ${id}`} />
    </footer>
  );
}
