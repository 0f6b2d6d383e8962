/** Notebooks: cells with what they printed and drew. Nothing of them runs. */
import { useMemo } from 'preact/hooks';
import { readPiece } from '../calls/read.ts';
import { spansOf } from '../contents/ansi.ts';
import { type Language, languageNamed } from '../contents/languages.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { Code } from './code.tsx';
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

interface Notebook {
  readonly cells: readonly NotebookCell[];
  readonly language: Language | undefined;
}

/** The preview. */
export function NotebookPreview({ id, bytes }: { id: string; bytes: number }) {
  const isSmall = bytes <= notebookBytesMax;
  const { value, failure, again } = useCall(`notebook ${id}`, async (signal) =>
    isSmall
      ? await readPiece(id, { case: 'lines', value: {} }, { maxBytes: notebookBytesMax, signal })
      : undefined,
  );
  const notebook = useMemo(() => (value === undefined ? undefined : notebookIn(value.text)), [value]);
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (!isSmall || (value !== undefined && notebook === undefined))
    return <JsonPreview id={id} bytes={bytes} />;
  if (notebook === undefined) return <Loading what="the notebook" />;
  return (
    <div class="preview notebook">
      {notebook.cells.map((cell, index) => (
        <Shown key={index} cell={cell} language={notebook.language} />
      ))}
    </div>
  );
}

function notebookIn(text: string): Notebook | undefined {
  try {
    const { cells, metadata } = JSON.parse(text) as {
      cells?: unknown;
      metadata?: { language_info?: { name?: unknown } };
    };
    const language = metadata?.language_info?.name ?? 'python';
    if (!Array.isArray(cells)) return undefined;
    return {
      cells: (cells as NotebookCell[]).filter((cell) => typeof cell === 'object' && cell !== null),
      language: typeof language === 'string' ? languageNamed(language) : undefined,
    };
  } catch {
    return undefined;
  }
}

function textOf(text: Text): string {
  if (typeof text === 'string') return text;
  return Array.isArray(text) ? text.join('') : '';
}

function Shown({ cell, language }: { cell: NotebookCell; language: Language | undefined }) {
  const source = textOf(cell.source);
  if (cell.cell_type === 'markdown') return <Markdown text={source} />;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  return (
    <section class="code-cell" aria-label="Cell">
      <pre>
        <span class="quiet">[{cell.execution_count ?? ' '}] </span>
        <Code text={source} language={language} />
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
