/** What can be done with a session. Only what the reader may do is shown. */
import { create } from '@bufbuild/protobuf';
import { useState } from 'preact/hooks';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { RetentionSchema } from '../../../gen/artifacta/v1/retention_pb.ts';
import { type Session, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { counted, readTtl, size } from '../base/format.ts';
import { go, hrefOf } from '../base/place.ts';
import { sessions } from '../calls/clients.ts';
import { rights } from '../calls/rights.ts';
import { archiveAddress, save } from '../calls/tickets.ts';
import { Dialog } from '../parts/dialog.tsx';
import { FailureBox } from '../parts/marks.tsx';
import { outcomeWords } from '../parts/outcomes.tsx';
import { useAction } from '../parts/use-call.ts';
import type { Feed } from './feed.ts';
import { HoldAll } from './hold-all.tsx';
import { LastGood } from './last-good.tsx';

type Asked = 'seal' | 'amend' | 'retention' | 'hold' | 'delete';

/** The buttons, and the dialog of the one that was pressed. */
export function SessionActions({ session, feed }: { session: Session; feed: Feed }) {
  const [asked, ask] = useState<Asked>();
  const { isActing, failure, act } = useAction();
  const { canWriteSessions } = rights.value;
  const isOpen = session.state === SessionState.OPEN;
  const isAbandoned = !isOpen && session.outcome === SessionOutcome.ABANDONED;
  const close = () => ask(undefined);
  const done = () => {
    close();
    void feed.refresh().catch(() => undefined);
  };
  const downloadAll = () => act(async () => save(await archiveAddress(session.id), `${session.id}.zip`));
  const renew = () =>
    act(async () => {
      await sessions.updateSession({ session: session.id, touch: true });
      await feed.refresh();
    });
  return (
    <div class="buttons">
      <LastGood session={session} />
      {session.artifactCount > 0n ? (
        <button type="button" disabled={isActing} onClick={() => void downloadAll()}>
          Download all
        </button>
      ) : null}
      {canWriteSessions && isOpen && session.lease !== undefined ? (
        <button type="button" disabled={isActing} onClick={() => void renew()}>
          Renew lease
        </button>
      ) : null}
      {canWriteSessions && isOpen ? <Ask what="seal" words="Seal …" ask={ask} /> : null}
      {canWriteSessions && isOpen ? <Ask what="retention" words="Retention …" ask={ask} /> : null}
      {canWriteSessions && isAbandoned ? <Ask what="amend" words="Amend outcome …" ask={ask} /> : null}
      {canWriteSessions && session.artifactCount > 0n ? <Ask what="hold" words="Hold …" ask={ask} /> : null}
      {canWriteSessions && session.holdCount === 0n ? <Ask what="delete" words="Delete …" ask={ask} /> : null}
      <FailureBox failure={failure} />
      {asked === 'seal' || asked === 'amend' ? (
        <Seal session={session} isAmendment={asked === 'amend'} close={close} done={done} />
      ) : null}
      {asked === 'hold' ? <HoldAll session={session} close={close} done={done} /> : null}
      {asked === 'retention' ? <Retention session={session} close={close} done={done} /> : null}
      {asked === 'delete' ? <Delete session={session} close={close} /> : null}
    </div>
  );
}

function Ask({ what, words, ask }: { what: Asked; words: string; ask: (what: Asked) => void }) {
  return (
    <button type="button" onClick={() => ask(what)}>
      {words}
    </button>
  );
}

interface AskedProps {
  readonly session: Session;
  readonly close: () => void;
}

function Seal({
  session,
  isAmendment,
  close,
  done,
}: AskedProps & { isAmendment: boolean; done: () => void }) {
  const { isActing, failure, act } = useAction();
  const end = async (outcome: SessionOutcome) => {
    const request = { session: session.id, outcome, etag: session.etag };
    const isDone = await act(async () => {
      await (isAmendment ? sessions.amendOutcome(request) : sessions.sealSession(request));
    });
    if (isDone) done();
  };
  const offered = outcomeWords.filter(([outcome]) => !isAmendment || outcome !== SessionOutcome.ABANDONED);
  return (
    <Dialog title={isAmendment ? `Amend the outcome of ${session.id}` : `Seal ${session.id}`} close={close}>
      <p>
        {isAmendment
          ? 'Once, and for good: the real outcome replaces “abandoned”. The manifest stays.'
          : 'A sealed session takes nothing new, for good. Its manifest never changes. How did the run end?'}
      </p>
      <FailureBox failure={failure} />
      <div class="buttons">
        {offered.map(([outcome, word]) => (
          <button type="button" key={word} disabled={isActing} onClick={() => void end(outcome)}>
            {word}
          </button>
        ))}
      </div>
    </Dialog>
  );
}

const lives = [
  ['succeededTtl', 'succeeded'],
  ['failedTtl', 'failed'],
  ['cancelledTtl', 'cancelled'],
  ['abandonedTtl', 'abandoned'],
] as const;

function Retention({ session, close, done }: AskedProps & { done: () => void }) {
  const { isActing, failure, act } = useAction();
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(
      lives.map(([key]) => {
        const seconds = session.retention?.[key]?.seconds;
        return [
          key,
          seconds === undefined ? '' : seconds % 86_400n === 0n ? `${seconds / 86_400n}d` : `${seconds}s`,
        ];
      }),
    ),
  );
  const wrong = lives.find(([key]) => texts[key] !== '' && readTtl(texts[key] ?? '') === undefined);
  const submit = async (event: Event) => {
    event.preventDefault();
    const ttls = lives.flatMap(([key]) => {
      const seconds = readTtl(texts[key] ?? '');
      return seconds === undefined ? [] : [[key, { seconds, nanos: 0 }]];
    });
    const keepLast = session.retention?.keepLast;
    const retention = create(RetentionSchema, {
      ...Object.fromEntries(ttls),
      ...(keepLast === undefined ? {} : { keepLast }),
    });
    const request = {
      session: session.id,
      changes: { retention },
      updateMask: { paths: ['retention'] },
      etag: session.etag,
    };
    if (await act(async () => void (await sessions.updateSession(request)))) done();
  };
  return (
    <Dialog title={`Retention of ${session.id}`} close={close}>
      <form class="fields" onSubmit={(event) => void submit(event)}>
        <p>How long its artifacts live after the seal, by outcome. Empty: without an end.</p>
        {lives.map(([key, word]) => (
          <label key={key}>
            {word}
            <input
              type="text"
              value={texts[key]}
              placeholder="7d"
              onInput={(event) => setTexts({ ...texts, [key]: event.currentTarget.value })}
            />
          </label>
        ))}
        {wrong === undefined ? null : <p class="fault">{wrong[1]}: must be a time such as 90s, 12h or 7d</p>}
        <FailureBox failure={failure} />
        <div class="buttons">
          <button type="submit" class="main" disabled={isActing || wrong !== undefined}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Delete({ session, close }: AskedProps) {
  const { isActing, failure, act } = useAction();
  const [typed, setTyped] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    const request = { session: session.id, etag: session.etag };
    if (await act(async () => void (await sessions.deleteSession(request)))) go(hrefOf('/'));
  };
  return (
    <Dialog title={`Delete ${session.id}`} close={close}>
      <form class="fields" onSubmit={(event) => void submit(event)}>
        <p>
          This deletes {counted(session.artifactCount, 'artifact')} of {size(session.sizeBytes)}. No reader
          sees them from then on, and it cannot be undone. Contents that other artifacts share stay; the space
          of the others is free about 75 minutes later. The id can be used again after 30 days.
        </p>
        <label>
          Type the id of the session
          <input
            type="text"
            value={typed}
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <FailureBox failure={failure} />
        <div class="buttons">
          <button type="submit" class="danger" disabled={isActing || typed !== session.id}>
            Delete
          </button>
        </div>
      </form>
    </Dialog>
  );
}
