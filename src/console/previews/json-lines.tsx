/** Lines of JSON: values one after another, or a conversation. */
import { useMemo, useRef, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { type Failure, failureOf } from '../calls/failure.ts';
import { readPiece } from '../calls/read.ts';
import { parsePartial } from '../contents/partial-json.ts';
import type { Piece } from '../contents/text-pieces.ts';
import { joined, linesIn, type TextLine } from '../contents/text-pieces.ts';
import { type Message, messageOf } from '../contents/transcript.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Node } from './json.tsx';

/** Lines that are shown at once. */
const step = 100;

/** The preview. */
export function JsonLinesPreview({ id }: { id: string }) {
  const { value, failure, again } = useCall(id, (signal) => readPiece(id, windowOfLines, { signal }));
  if (value === undefined)
    return failure === undefined ? <Loading what="lines" /> : <FailureBox failure={failure} again={again} />;
  return <Entries key={id} id={id} first={value} />;
}

const windowOfLines = { case: 'lines', value: {} } as const;

function Entries({ id, first }: { id: string; first: Piece }) {
  const [pieces, setPieces] = useState<readonly Piece[]>([first]);
  const [shown, setShown] = useState(step);
  const [failure, setFailure] = useState<Failure>();
  const busy = useRef(false);
  const lines = useMemo(() => pieces.map(linesIn).reduce<readonly TextLine[]>(joined, []), [pieces]);
  const cursor = pieces.at(-1)?.nextCursor ?? '';
  const more = async () => {
    setShown(shown + step);
    if (cursor === '' || shown + step < lines.length || busy.current) return;
    busy.current = true;
    try {
      const next = await readPiece(id, windowOfLines, { cursor });
      setPieces((before) => [...before, next]);
    } catch (error) {
      setFailure(failureOf(error));
    } finally {
      busy.current = false;
    }
  };
  const hasMore = shown < lines.length || cursor !== '';
  return (
    <div class="preview json-lines">
      {lines.slice(0, shown).map((line, index) => (
        <Entry key={index} line={line} />
      ))}
      <FailureBox failure={failure} />
      {hasMore ? (
        <button type="button" onClick={() => void more()}>
          More lines
        </button>
      ) : (
        <p class="quiet note">{counted(lines.length, 'line')}</p>
      )}
    </div>
  );
}

function Entry({ line }: { line: TextLine }) {
  const parsed = useMemo(() => {
    try {
      return { value: JSON.parse(line.text) as unknown };
    } catch {
      return undefined;
    }
  }, [line.text]);
  if (line.text.trim() === '') return null;
  const message = parsed === undefined ? undefined : messageOf(parsed.value);
  if (message !== undefined) return <Said message={message} number={line.number} />;
  const node = parsePartial(line.text);
  return (
    <div class="entry">
      <span class="line-number">{line.number}</span>
      {node === undefined ? (
        <code class="quiet">{line.text.slice(0, 2_000)}</code>
      ) : (
        <Node node={node} depth={1} follow={undefined} />
      )}
    </div>
  );
}

function Said({ message: { role, parts }, number }: { message: Message; number: number | undefined }) {
  return (
    <article class={`message message-${/^[a-z]+$/.test(role) ? role : 'other'}`}>
      <header>
        <strong>
          <bdi>{role}</bdi>
        </strong>{' '}
        <span class="quiet">line {number}</span>
      </header>
      {parts.map(({ kind, text }, index) =>
        kind === 'text' ? (
          <p key={index} class="said">
            <bdi>{text}</bdi>
          </p>
        ) : (
          <details key={index}>
            <summary>
              {kind === 'call' ? 'calls a tool' : kind === 'result' ? 'result of a tool' : 'another part'}
            </summary>
            <pre>{text}</pre>
          </details>
        ),
      )}
    </article>
  );
}
