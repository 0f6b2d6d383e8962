/** Text: lines with numbers, colours of terminals, a search, and the end of it. Read in pieces, whatever its length. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { counted, size } from '../base/format.ts';
import { useKeys } from '../base/keys.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { readPiece, type Window } from '../calls/read.ts';
import { hasEscapes, spansOf } from '../contents/ansi.ts';
import type { Token } from '../contents/highlight.ts';
import { type Language, languageOf, sourceCharactersMax } from '../contents/languages.ts';
import { joined, lineCharactersMax, linesIn, type TextLine } from '../contents/text-pieces.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { WindowList } from '../parts/window-list.tsx';
import { useColours, Words } from './code.tsx';

/** What is read: from a line on, the end, or the lines that match. */
type Wanted =
  | { readonly kind: 'from'; readonly line: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'find'; readonly pattern: string };

/** The most lines that stay in memory. */
const linesMax = 60_000;
const tailLines = 500;

interface Loaded {
  readonly lines: readonly TextLine[];
  /** Empty: nothing follows. */
  readonly cursor: string;
  readonly malformed: number;
}

function windowOf(wanted: Wanted): Window {
  switch (wanted.kind) {
    case 'from':
      return { case: 'lines', value: { first: BigInt(wanted.line) } };
    case 'end':
      return { case: 'tail', value: { lines: BigInt(tailLines) } };
    case 'find':
      return { case: 'grep', value: { pattern: wanted.pattern, ignoreCase: true, maxMatches: 500 } };
  }
}

interface TextProps {
  readonly id: string;
  readonly bytes: number;
  /** Decides the colours of a source. Left out: it is not one. */
  readonly name?: string;
  /** Whether added and removed lines have colours. */
  readonly isPatch?: boolean;
}

/** The preview. */
export function TextPreview({ id, bytes, name = '', isPatch = false }: TextProps) {
  const [wanted, want] = useState<Wanted>({ kind: 'from', line: 1 });
  const key = JSON.stringify([id, wanted]);
  const { loaded, failure, more } = usePieces(id, wanted, key);
  return (
    <div class="preview text-preview">
      <Tools wanted={wanted} want={want} />
      <FailureBox failure={failure} />
      {loaded === undefined ? (
        failure === undefined ? (
          <Loading what="text" />
        ) : null
      ) : (
        <>
          <Notes loaded={loaded} wanted={wanted} bytes={bytes} more={more} />
          <Lines
            key={key}
            loaded={loaded}
            isPatch={isPatch}
            language={wanted.kind === 'from' ? languageOf(name) : undefined}
            startsAtEnd={wanted.kind === 'end'}
            onEnd={wanted.kind === 'end' ? undefined : more}
          />
        </>
      )}
    </div>
  );
}

function usePieces(id: string, wanted: Wanted, key: string) {
  const [state, setState] = useState<{ key: string; loaded?: Loaded; failure?: Failure }>({ key });
  const busy = useRef(false);
  const read = async (before: Loaded | undefined, signal?: AbortSignal) => {
    busy.current = true;
    try {
      const given = signal === undefined ? {} : { signal };
      const piece = await readPiece(id, windowOf(wanted), { cursor: before?.cursor ?? '', ...given });
      const found = linesIn(piece);
      const known = before?.lines ?? [];
      // The end is read backwards.
      const lines = wanted.kind === 'end' ? [...found, ...known] : joined(known, found);
      const malformed = (before?.malformed ?? 0) + piece.malformedLines;
      if (signal?.aborted !== true) setState({ key, loaded: { lines, cursor: piece.nextCursor, malformed } });
    } catch (error) {
      if (!isCancelled(error)) setState((now) => ({ ...now, key, failure: failureOf(error) }));
    } finally {
      busy.current = false;
    }
  };
  useEffect(() => {
    const ended = new AbortController();
    void read(undefined, ended.signal);
    return () => ended.abort();
  }, [key]);
  const { loaded, failure } = state.key === key ? state : {};
  const more = () => {
    const canRead = loaded !== undefined && loaded.cursor !== '' && loaded.lines.length < linesMax;
    if (canRead && !busy.current) void read(loaded);
  };
  return { loaded, failure, more };
}

function Tools({ wanted, want }: { wanted: Wanted; want: (wanted: Wanted) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  useKeys({ '/': () => field.current?.focus() });
  const submit = (event: Event) => {
    event.preventDefault();
    const line = /^:(\d{1,15})$/.exec(text.trim())?.[1];
    if (line !== undefined) want({ kind: 'from', line: Math.max(1, Number(line)) });
    else want(text === '' ? { kind: 'from', line: 1 } : { kind: 'find', pattern: text });
  };
  return (
    <form class="controls" onSubmit={submit}>
      <input
        ref={field}
        type="search"
        aria-label="Find lines by a regular expression, or go to :LINE"
        placeholder="find, or :1200"
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Find</button>
      <button
        type="button"
        aria-pressed={wanted.kind === 'from'}
        onClick={() => want({ kind: 'from', line: 1 })}
      >
        Beginning
      </button>
      <button type="button" aria-pressed={wanted.kind === 'end'} onClick={() => want({ kind: 'end' })}>
        End
      </button>
    </form>
  );
}

function Notes({
  loaded,
  wanted,
  bytes,
  more,
}: {
  loaded: Loaded;
  wanted: Wanted;
  bytes: number;
  more: () => void;
}) {
  const { lines, cursor, malformed } = loaded;
  const matches = lines.filter(({ isMatch }) => isMatch).length;
  const said =
    wanted.kind === 'find'
      ? counted(matches, 'matching line')
      : `${counted(lines.length, 'line')} of ${size(bytes)} read`;
  return (
    <p class="quiet note" role="status">
      {said}
      {cursor === '' ? '' : lines.length >= linesMax ? '; go to a line with :N to see others' : '; '}
      {cursor === '' || lines.length >= linesMax ? null : (
        <button type="button" class="small" onClick={more}>
          {wanted.kind === 'end' ? 'read the lines before' : 'read on'}
        </button>
      )}
      {malformed === 0 ? '' : ` ${counted(malformed, 'line')} with bytes that are not text`}
    </p>
  );
}

interface LinesProps {
  readonly loaded: Loaded;
  readonly isPatch: boolean;
  /** Undefined: no words have colours, except those of terminals. */
  readonly language: Language | undefined;
  readonly startsAtEnd: boolean;
  readonly onEnd: (() => void) | undefined;
}

function Lines({ loaded: { lines }, isPatch, language, startsAtEnd, onEnd }: LinesProps) {
  const source = useMemo(() => (language === undefined ? undefined : sourceOf(lines)), [lines, language]);
  const colours = useColours(source, language);
  if (lines.length === 0) return <p class="quiet">No lines.</p>;
  return (
    <WindowList
      label="Lines"
      length={lines.length}
      rowHeight={20}
      columns="lines-columns"
      keyOf={String}
      startsAtEnd={startsAtEnd}
      onEnd={onEnd}
      row={(index) => {
        const line = lines[index]!;
        return (
          <>
            <span role="rowheader" class="line-number">
              {line.number ?? ''}
            </span>
            <code
              role="cell"
              class={`line-text${line.isMatch ? ' match' : ''}${isPatch ? patchClass(line.text) : ''}`}
            >
              <LineText text={line.text} tokens={colours?.[index]} />
            </code>
          </>
        );
      }}
    />
  );
}

function patchClass(text: string): string {
  if (text.startsWith('@@')) return ' patch-place';
  if (text.startsWith('+')) return ' patch-added';
  return text.startsWith('-') ? ' patch-removed' : '';
}

/** The lines of a source. Undefined: it is too long for colours, or has those of terminals. */
function sourceOf(lines: readonly TextLine[]): readonly string[] | undefined {
  const characters = lines.reduce((sum, { text }) => sum + text.length + 1, 0);
  if (characters > sourceCharactersMax || lines.some(({ text }) => hasEscapes(text))) return undefined;
  return lines.map(({ text }) => (text.endsWith('\r') ? text.slice(0, -1) : text));
}

function LineText({ text, tokens }: { text: string; tokens: readonly Token[] | undefined }) {
  // The words of a line that has grown meanwhile are on their way.
  const characters = tokens?.reduce((sum, token) => sum + token.text.length, 0);
  if (tokens !== undefined && characters === text.replace(/\r$/, '').length) return <Words tokens={tokens} />;
  const shown = text.length > lineCharactersMax ? text.slice(0, lineCharactersMax) : text;
  const rest = text.length - shown.length;
  return (
    <>
      {hasEscapes(shown) || shown.includes('\r')
        ? spansOf(shown).map((span, index) => (
            <span key={index} class={span.style}>
              {span.text}
            </span>
          ))
        : shown}
      {rest > 0 ? <span class="quiet"> … {counted(rest, 'more character')}</span> : null}
    </>
  );
}
