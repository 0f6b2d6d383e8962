/** PDF: a page at a time, drawn on a canvas, with its text below. */
import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist';
import { useEffect, useRef, useState } from 'preact/hooks';
import { count, counted, size } from '../base/format.ts';
import { useKeys } from '../base/keys.ts';
import { after } from '../base/timer.ts';
import { type Failure, failureOf, isCancelled } from '../calls/failure.ts';
import { pdfBytesMax, scaleOf } from '../contents/pdf-limits.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { HexPreview } from './hex.tsx';
import { type OpenPdf, openPdf } from './pdf-document.ts';

/** How long a document or a page may take, in milliseconds. */
const patienceMs = 30_000;
/** Characters of a page's text that are shown. */
const charactersMax = 50_000;
const zooms = [50, 75, 100, 150, 200, 300] as const;

interface PdfProps {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
}

/** The preview. What cannot be shown as pages is shown as bytes. */
export function PdfPreview({ id, name, bytes }: PdfProps) {
  if (bytes > pdfBytesMax)
    return (
      <>
        <p class="quiet note">
          The PDF is larger than {size(pdfBytesMax)}: download it to see its pages. Its bytes:
        </p>
        <HexPreview id={id} bytes={bytes} />
      </>
    );
  return <Opened id={id} name={name} bytes={bytes} />;
}

function Opened({ id, name, bytes }: PdfProps) {
  const [state, setState] = useState<{ opened?: OpenPdf; failure?: Failure }>({});
  useEffect(() => {
    const ended = new AbortController();
    const late = after(patienceMs, () => ended.abort(new Error('the PDF takes too long to open')));
    let opened: OpenPdf | undefined;
    openPdf(id, bytes, ended.signal)
      .then((found) => {
        if (ended.signal.aborted) return found.close();
        opened = found;
        setState({ opened });
      })
      .catch((error: unknown) => {
        if (!isCancelled(error)) setState({ failure: faultOf(error) });
      })
      .finally(late);
    return () => {
      ended.abort();
      opened?.close();
    };
  }, [id]);
  const { opened, failure } = state;
  if (failure !== undefined)
    return (
      <>
        <FailureBox failure={failure} />
        <HexPreview id={id} bytes={bytes} />
      </>
    );
  return opened === undefined ? <Loading what="the PDF" /> : <Pages name={name} {...opened} />;
}

/** The errors of the reader are faults of the file. */
function faultOf(error: unknown): Failure {
  const isOfFile = error instanceof Error && /^(?:InvalidPDF|Password|Format|UnknownError)/.test(error.name);
  return isOfFile
    ? {
        reason: 'CONTENT_UNSUITABLE',
        message: error.message,
        advice: 'Its bytes are shown.',
        column: undefined,
        isPassing: false,
      }
    : failureOf(error);
}

function Pages({ document, name }: { document: PDFDocumentProxy; name: string }) {
  const pages = document.numPages;
  const [number, setNumber] = useState(1);
  const [zoom, setZoom] = useState(100);
  const goTo = (page: number) => setNumber(Math.min(Math.max(1, Math.floor(page) || 1), pages));
  useKeys({ j: () => goTo(number + 1), k: () => goTo(number - 1) });
  return (
    <div class="preview pdf-preview">
      <div class="controls">
        <button type="button" disabled={number === 1} onClick={() => goTo(number - 1)}>
          Page before
        </button>
        <button type="button" disabled={number === pages} onClick={() => goTo(number + 1)}>
          Page after
        </button>
        <label>
          page{' '}
          <input
            type="text"
            inputMode="numeric"
            size={5}
            value={String(number)}
            onChange={(event) => goTo(Number(event.currentTarget.value))}
          />
        </label>
        <span class="quiet" role="status">
          of {count(pages)}
        </span>
        <label>
          size{' '}
          <select value={String(zoom)} onChange={(event) => setZoom(Number(event.currentTarget.value))}>
            {zooms.map((one) => (
              <option key={one} value={String(one)}>
                {one} %
              </option>
            ))}
          </select>
        </label>
      </div>
      <Page key={number} document={document} number={number} zoom={zoom} name={name} />
    </div>
  );
}

interface PageProps {
  readonly document: PDFDocumentProxy;
  readonly number: number;
  /** In percent. */
  readonly zoom: number;
  readonly name: string;
}

/** What is said of a page. */
interface Drawn {
  readonly text: string;
  readonly isReduced: boolean;
}

function Page({ document, number, zoom, name }: PageProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<{ drawn?: Drawn; failure?: Failure }>({});
  useEffect(() => {
    const ended = new AbortController();
    const late = after(patienceMs, () => ended.abort(new Error('the page takes too long to draw')));
    const work = async () => {
      const page = await document.getPage(number);
      const isReduced = await draw(page, canvas.current!, zoom / 100, ended.signal);
      setState({ drawn: { text: await textOf(page), isReduced } });
    };
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason));
    Promise.race([work(), givenUp])
      .catch((error: unknown) => {
        if (!isCancelled(error)) setState({ failure: faultOf(error) });
      })
      .finally(late);
    return () => ended.abort();
  }, [document, number, zoom]);
  const { drawn, failure } = state;
  return (
    <>
      <FailureBox failure={failure} />
      {drawn === undefined && failure === undefined ? <Loading what={`page ${number}`} /> : null}
      {drawn?.isReduced === true ? (
        <p class="quiet note">The page is larger than what is drawn at once: it is shown smaller.</p>
      ) : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="pdf-page" tabIndex={0}>
        <canvas ref={canvas} role="img" aria-label={`page ${number} of ${name}`} />
      </div>
      {drawn === undefined || drawn.text === '' ? null : (
        <details>
          <summary>The text of the page ({counted(drawn.text.length, 'character')})</summary>
          <p class="said">{drawn.text.slice(0, charactersMax)}</p>
        </details>
      )}
    </>
  );
}

/** Draws a page. @returns whether it is smaller than was asked for. */
async function draw(
  page: PDFPageProxy,
  canvas: HTMLCanvasElement,
  zoom: number,
  signal: AbortSignal,
): Promise<boolean> {
  // A point of a PDF is 1/72 of an inch, a pixel of a style 1/96.
  const shown = (zoom * 96) / 72;
  const density = Math.min(3, globalThis.devicePixelRatio || 1);
  const found = scaleOf(page.getViewport({ scale: 1 }), shown * density);
  if (found === undefined) throw new Error('the page has no size that can be drawn');
  const viewport = page.getViewport({ scale: found.scale });
  const width = Math.floor(viewport.width);
  const height = Math.floor(viewport.height);
  canvas.width = width;
  canvas.height = height;
  canvas.style.width = `${width / density}px`;
  const task = page.render({ canvas, viewport, background: '#ffffff' });
  signal.addEventListener('abort', () => task.cancel());
  await task.promise;
  return found.isReduced;
}

async function textOf(page: PDFPageProxy): Promise<string> {
  const { items } = await page.getTextContent();
  return items
    .map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : ''))
    .join('')
    .trim();
}
