/** Notebooks: cells with what they printed and drew. Nothing of them runs. */
import { useMemo } from 'preact/hooks';
import { readPiece } from '../calls/read.ts';
import { spansOf } from '../contents/ansi.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { JsonPreview } from './json.tsx';
import { Markdown } from './markdown.tsx';

/** Larger notebooks are shown as JSON. */
const notebookBytesMax = 1024 * 1024;

type Text = string | readonly string[] | undefined;

interface Output {
  readonly text?: Text;
  readonly data?: Readonly<Record<string, Text>>;
  readonly traceback?: readonly string[];
}

interface NotebookCell {
  readonly cell_type?: string;
  readonly source?: Text;
  readonly execution_count?: number | null;
  readonly outputs?: readonly Output[];
}

/** The preview. */
export function NotebookPreview({ id, bytes }: { id: string; bytes: number }) {
  const isSmall = bytes <= notebookBytesMax;
  const { value, failure, again } = useCall(`notebook ${id}`, async (signal) =>
    isSmall
      ? await readPiece(id, { case: 'lines', value: {} }, { maxBytes: notebookBytesMax, signal })
      : undefined,
  );
  const cells = useMemo(() => (value === undefined ? undefined : cellsIn(value.text)), [value]);
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (!isSmall || (value !== undefined && cells === undefined)) return <JsonPreview id={id} bytes={bytes} />;
  if (cells === undefined) return <Loading what="the notebook" />;
  return (
    <div class="preview notebook">
      {cells.map((cell, index) => (
        <Shown key={index} cell={cell} />
      ))}
    </div>
  );
}

function cellsIn(text: string): readonly NotebookCell[] | undefined {
  try {
    const { cells } = JSON.parse(text) as { cells?: unknown };
    return Array.isArray(cells)
      ? (cells as NotebookCell[]).filter((cell) => typeof cell === 'object' && cell !== null)
      : undefined;
  } catch {
    return undefined;
  }
}

function textOf(text: Text): string {
  if (typeof text === 'string') return text;
  return Array.isArray(text) ? text.join('') : '';
}

function Shown({ cell }: { cell: NotebookCell }) {
  const source = textOf(cell.source);
  if (cell.cell_type === 'markdown') return <Markdown text={source} />;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  return (
    <section class="code-cell" aria-label="Cell">
      <pre>
        <span class="quiet">[{cell.execution_count ?? ' '}] </span>
        <code>{source}</code>
      </pre>
      {outputs.map((output, index) => (
        <Printed key={index} output={output} />
      ))}
    </section>
  );
}

function Printed({ output: { text, data, traceback } }: { output: Output }) {
  const png = textOf(data?.['image/png']).replaceAll(/\s/g, '');
  if (/^[A-Za-z0-9+/]+=*$/.test(png))
    return <img src={`data:image/png;base64,${png}`} alt="Output of the cell" />;
  const said = traceback?.join('\n') ?? (textOf(text) || textOf(data?.['text/plain']));
  const lines = said.split('\n');
  return (
    <pre class="output">
      {lines.map((line, index) => (
        <span key={index}>
          {spansOf(line).map(({ text: part, style }, at) => (
            <span key={at} class={style}>
              {part}
            </span>
          ))}
          {index < lines.length - 1 ? '\n' : ''}
        </span>
      ))}
    </pre>
  );
}
