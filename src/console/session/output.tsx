/** What the command of `artifacta run` writes, while it comes: the pieces of its output, put together at their ends. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { counted } from '../base/format.ts';
import { artifactHref, place, setParams } from '../base/place.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { readPiece } from '../calls/read.ts';
import { spansOf } from '../contents/ansi.ts';
import { FailureBox } from '../parts/marks.tsx';
import { type OutputPiece, piecesOf } from './output-pieces.ts';
import type { FeedRow } from './rows.ts';

/** The latest lines that are shown. */
const linesMax = 400;
/** Bytes at the end of a piece that are read. */
const pieceBytes = 64 * 1024;

/** The output, for sessions that have one. */
export function Output({ rows }: { rows: readonly FeedRow[] }) {
  const isOpen = place.value.params.get('output') === '1';
  const { pieces, whole } = piecesOf(rows, 'stdout');
  if (pieces.length === 0 && whole === undefined) return null;
  const last = whole ?? pieces.at(-1)!;
  return (
    <details
      class="output-box"
      open={isOpen}
      onToggle={(event) => {
        if (event.currentTarget.open !== isOpen) setParams({ output: event.currentTarget.open ? '1' : '' });
      }}
    >
      <summary>
        <strong>Output of the command</strong>{' '}
        <span class="quiet">
          {whole === undefined ? `${counted(pieces.length, 'piece')} so far` : 'complete'}
        </span>
      </summary>
      {isOpen ? <Tail key={whole?.id ?? ''} pieces={whole === undefined ? pieces : [whole]} /> : null}
      {isOpen ? (
        <p>
          <a href={artifactHref(last.id)}>{whole === undefined ? 'the latest piece' : 'all of it'}</a>
        </p>
      ) : null}
    </details>
  );
}

/** The end of the text of pieces; new ones are read when they come. */
function Tail({ pieces }: { pieces: readonly OutputPiece[] }) {
  const [lines, setLines] = useState<readonly string[]>([]);
  const [failure, setFailure] = useState<Failure>();
  const read = useRef<string>('');
  const box = useRef<HTMLPreElement>(null);
  const isFollowing = useRef(true);
  useEffect(() => {
    const ended = new AbortController();
    const run = async () => {
      const at = pieces.findIndex(({ id }) => id === read.current);
      // Of a long output only the latest pieces matter.
      for (const { id } of pieces.slice(at + 1).slice(-8)) {
        const window = { case: 'tail', value: { lines: BigInt(linesMax) } } as const;
        const { text } = await readPiece(id, window, { maxBytes: pieceBytes, signal: ended.signal });
        read.current = id;
        setLines((before) => joinedTexts(before, text));
      }
    };
    run().catch((error: unknown) => {
      if (!isCancelled(error)) setFailure(failureOf(error));
    });
    return () => ended.abort();
  }, [pieces.length]);
  useEffect(() => {
    const { current } = box;
    if (current !== null && isFollowing.current) current.scrollTop = current.scrollHeight;
  }, [lines]);
  const look = () => {
    const { scrollTop = 0, clientHeight = 0, scrollHeight = 0 } = box.current ?? {};
    isFollowing.current = scrollTop + clientHeight > scrollHeight - 30;
  };
  return (
    <>
      <FailureBox failure={failure} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre class="tail" ref={box} onScroll={look} tabIndex={0} role="log" aria-label="The end of the output">
        {lines.map((line, index) => (
          <span key={index}>
            {spansOf(line).map(({ text, style }, part) => (
              <span key={part} class={style}>
                {text}
              </span>
            ))}
            {'\n'}
          </span>
        ))}
      </pre>
    </>
  );
}

/** A piece may begin and end within a line. */
function joinedTexts(before: readonly string[], text: string): readonly string[] {
  const [first = '', ...rest] = text.split('\n');
  const last = before.at(-1) ?? '';
  return [...before.slice(0, -1), last + first, ...rest].slice(-linesMax);
}
