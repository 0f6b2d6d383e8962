/** Two sessions, name by name: what differs, and how. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { DifferenceKind, type SessionDifference } from '../../../gen/artifacta/v1/compare_pb.ts';
import { DifferenceOf } from '../artifact/difference.tsx';
import { counted, shellWord, size } from '../base/format.ts';
import { artifactHref, place, sessionHref, setParams } from '../base/place.ts';
import { sessions } from '../calls/clients.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { Badge, FailureBox, Line, Loading } from '../parts/marks.tsx';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';
import { Preview } from '../previews/preview.tsx';

const kinds: Readonly<Record<number, readonly [word: string, kind: string]>> = {
  [DifferenceKind.ADDED]: ['only here', 'succeeded'],
  [DifferenceKind.REMOVED]: ['missing here', 'failed'],
  [DifferenceKind.CONTENT]: ['changed', 'abandoned'],
  [DifferenceKind.METADATA]: ['metadata', 'plain'],
  [DifferenceKind.NONE]: ['same', 'gone'],
};

/** The most differences that are listed. */
const differencesMax = 10_000;

/** The screen. The sessions are in the address. */
export function CompareScreen() {
  const { params } = place.value;
  const base = params.get('base') ?? '';
  const session = params.get('session') ?? '';
  return (
    <section class="screen">
      <header class="title">
        <h1>Compare</h1>
      </header>
      <Choice key={`${base} ${session}`} base={base} session={session} />
      {base === '' || session === '' ? (
        <p class="quiet">
          Name two sessions: the base, such as the last good run, and the one that differs from it.
        </p>
      ) : (
        <Comparison key={`${base} ${session}`} base={base} session={session} />
      )}
    </section>
  );
}

function Choice({ base, session }: { base: string; session: string }) {
  const [first, setFirst] = useState(base);
  const [second, setSecond] = useState(session);
  const submit = (event: Event) => {
    event.preventDefault();
    setParams({ base: first.trim(), session: second.trim(), name: '' }, 'push');
  };
  return (
    <form class="controls" onSubmit={submit}>
      <label>
        base{' '}
        <input
          type="text"
          spellcheck={false}
          value={first}
          onInput={(event) => setFirst(event.currentTarget.value)}
        />
      </label>
      <label>
        session{' '}
        <input
          type="text"
          spellcheck={false}
          value={second}
          onInput={(event) => setSecond(event.currentTarget.value)}
        />
      </label>
      <button type="submit">Compare</button>
      <button type="button" onClick={() => setParams({ base: second, session: first, name: '' }, 'push')}>
        Swap
      </button>
      <label class="check">
        <input
          type="checkbox"
          checked={place.value.params.get('all') === '1'}
          onChange={(event) => setParams({ all: event.currentTarget.checked ? '1' : '' })}
        />
        also what is the same
      </label>
    </form>
  );
}

interface Compared {
  readonly differences: readonly SessionDifference[];
  readonly isWhole: boolean;
  readonly failure: Failure | undefined;
}

function useDifferences(base: string, session: string, showUnchanged: boolean): Compared {
  const [found, setFound] = useState<Compared>({ differences: [], isWhole: false, failure: undefined });
  useEffect(() => {
    const { signal, abort } = aborting();
    const run = async () => {
      let differences: readonly SessionDifference[] = [];
      try {
        for (let pageToken = ''; ; ) {
          const page = await sessions.compareSessions(
            { baseSession: base, session, showUnchanged, pageSize: 1_000, pageToken },
            { signal },
          );
          differences = [...differences, ...page.differences];
          pageToken = page.nextPageToken;
          const isWhole = pageToken === '' || differences.length >= differencesMax;
          setFound({ differences, isWhole, failure: undefined });
          if (isWhole) return;
        }
      } catch (error) {
        if (!isCancelled(error)) setFound({ differences, isWhole: true, failure: failureOf(error) });
      }
    };
    setFound({ differences: [], isWhole: false, failure: undefined });
    void run();
    return abort;
  }, [base, session, showUnchanged]);
  return found;
}

function aborting(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

function Comparison({ base, session }: { base: string; session: string }) {
  const { params } = place.value;
  const { differences, isWhole, failure } = useDifferences(base, session, params.get('all') === '1');
  const name = params.get('name') ?? '';
  const chosen = useMemo(() => differences.find((one) => one.name === name), [differences, name]);
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (!isWhole && differences.length === 0) return <Loading what="the comparison" />;
  return (
    <>
      <p class="quiet note" role="status">
        {differences.length === 0
          ? 'Nothing differs.'
          : `${counted(differences.length, 'name')} ${differences.length === 1 ? 'differs' : 'differ'}${isWhole ? '' : ' so far'}`}{' '}
        from <a href={sessionHref(base)}>{base}</a> to <a href={sessionHref(session)}>{session}</a>
      </p>
      <div class={chosen === undefined ? '' : 'sides compare-sides'}>
        <div class="compare-list">
          {differences.length === 0 ? null : <Differences differences={differences} chosen={name} />}
        </div>
        {chosen === undefined ? null : <Chosen key={chosen.name} difference={chosen} />}
      </div>
      <Line text={`artifacta diff ${shellWord(base)} ${shellWord(session)} --patch`} />
    </>
  );
}

function Differences({ differences, chosen }: { differences: readonly SessionDifference[]; chosen: string }) {
  return (
    <WindowList
      label="Differences"
      length={differences.length}
      rowHeight={34}
      columns="compare-columns"
      keyOf={(index) => differences[index]!.name}
      onOpen={(index) => setParams({ name: differences[index]!.name })}
      head={
        <>
          <HeadCell>how</HeadCell>
          <HeadCell>name</HeadCell>
          <HeadCell kind="number wide">base</HeadCell>
          <HeadCell kind="number wide">session</HeadCell>
        </>
      }
      row={(index) => {
        const { name, kind, base, compared } = differences[index]!;
        const [word, badge] = kinds[kind] ?? ['unknown', 'plain'];
        return (
          <>
            <Cell>
              <Badge kind={badge}>{word}</Badge>
            </Cell>
            <Cell kind="name">
              <button
                type="button"
                class="link"
                aria-pressed={name === chosen}
                title={name}
                onClick={() => setParams({ name })}
              >
                <bdi>{name}</bdi>
              </button>
            </Cell>
            <Cell kind="number wide">{base === undefined ? '–' : size(base.sizeBytes)}</Cell>
            <Cell kind="number wide">{compared === undefined ? '–' : size(compared.sizeBytes)}</Cell>
          </>
        );
      }}
    />
  );
}

function Chosen({ difference: { name, base, compared } }: { difference: SessionDifference }) {
  const one = compared ?? base;
  if (one === undefined) return null;
  const agent = one.metadata.agent;
  return (
    <section class="content" aria-label="The difference">
      <header class="title">
        <h2>
          <bdi>{name}</bdi>
        </h2>
        {agent === undefined ? null : (
          <span>
            by{' '}
            <a href={sessionHref(one.session, { view: 'agent', q: agent })}>
              <bdi>{agent}</bdi>
            </a>
          </span>
        )}
        <span class="buttons">
          {base === undefined ? null : <a href={artifactHref(base.id)}>the base</a>}
          {compared === undefined ? null : <a href={artifactHref(compared.id)}>open and share</a>}
        </span>
      </header>
      {base !== undefined && compared !== undefined ? (
        <DifferenceOf base={base} compared={compared} />
      ) : (
        <Preview id={one.id} name={one.name} contentType={one.contentType} bytes={Number(one.sizeBytes)} />
      )}
    </section>
  );
}
