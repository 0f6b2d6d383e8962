/** The preview of an artifact: one of several, by its type and name, and others on demand. */
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { place, setParams } from '../base/place.ts';
import { readBytes } from '../calls/read.ts';
import { previewAddress } from '../calls/tickets.ts';
import { type Kind, kindOf, looksLikeText, otherKinds } from '../contents/choose.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { ArchivePreview } from './archive.tsx';
import { CsvPreview } from './csv-preview.tsx';
import { HexPreview } from './hex.tsx';
import { DrawingPreview, ImagePreview } from './image.tsx';
import { JsonPreview } from './json.tsx';
import { JsonLinesPreview } from './json-lines.tsx';
import { MarkdownPreview } from './markdown.tsx';
import { MediaPreview } from './media.tsx';
import { NotebookPreview } from './notebook.tsx';
import { TextPreview } from './text.tsx';

/** What a preview is made from. */
interface Previewed {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  /** The length. */
  readonly bytes: number;
}

/** The preview, with a choice of others for the same bytes. */
export function Preview(artifact: Previewed) {
  const { id, name, contentType, bytes } = artifact;
  const usual = kindOf(name, contentType);
  const guessed = useGuess(artifact, usual);
  const asked = place.value.params.get('as');
  const chosen = otherKinds(usual).find((kind) => kind === asked) ?? guessed;
  if (bytes === 0) return <p class="quiet note">The artifact is empty.</p>;
  if (chosen === undefined) return <Loading what="the beginning" />;
  const choices = [...new Set([guessed ?? usual, ...otherKinds(usual)])];
  return (
    <section class="preview-box" aria-label="Preview">
      {choices.length > 1 ? (
        <fieldset class="views">
          <legend class="skip">Shown as</legend>
          {choices.map((kind) => (
            <label key={kind}>
              <input
                type="radio"
                name="kind"
                checked={kind === chosen}
                onChange={() => setParams({ as: kind === guessed ? '' : kind })}
              />
              {kind}
            </label>
          ))}
        </fieldset>
      ) : null}
      <Shown key={`${id} ${chosen}`} kind={chosen} artifact={artifact} />
    </section>
  );
}

/** What says nothing of its content may still be text. */
function useGuess({ id, bytes }: Previewed, usual: Kind): Kind | undefined {
  const needsLook = usual === 'hex' && bytes > 0;
  const { value, failure } = useCall(`${needsLook} ${id}`, async (signal) =>
    needsLook ? looksLikeText(await readBytes(id, 0, Math.min(bytes, 4_096), signal)) : false,
  );
  if (!needsLook || failure !== undefined) return usual;
  return value === undefined ? undefined : value ? 'text' : 'hex';
}

function Shown({ kind, artifact }: { kind: Kind; artifact: Previewed }): ComponentChildren {
  const { id, name, bytes } = artifact;
  switch (kind) {
    case 'text':
      return <TextPreview id={id} bytes={bytes} name={name} />;
    case 'patch':
      return <TextPreview id={id} bytes={bytes} isPatch />;
    case 'json':
      return <JsonPreview id={id} bytes={bytes} />;
    case 'lines of json':
      return <JsonLinesPreview id={id} />;
    case 'table':
      return <CsvPreview {...artifact} />;
    case 'markdown':
      return <MarkdownPreview id={id} bytes={bytes} />;
    case 'image':
      return <ImagePreview {...artifact} />;
    case 'svg':
      return (
        <>
          <DrawingPreview {...artifact} />
          <TextPreview id={id} bytes={bytes} name={name} />
        </>
      );
    case 'notebook':
      return <NotebookPreview id={id} bytes={bytes} />;
    case 'archive':
      return <ArchivePreview id={id} bytes={bytes} />;
    case 'media':
      return <MediaPreview {...artifact} />;
    case 'parquet':
      return <ParquetLater id={id} bytes={bytes} />;
    case 'html':
      return <Page artifact={artifact} />;
    case 'pdf':
      return <PdfLater {...artifact} />;
    case 'hex':
      return <HexPreview id={id} bytes={bytes} />;
  }
}

/** A part that is loaded when the first artifact of its kind is opened. @param what it is, for the reader. */
function later<P extends object>(what: string, load: () => Promise<ComponentType<P>>) {
  return function Later(props: P) {
    const [loaded, setLoaded] = useState<{ Part: ComponentType<P> } | { error: string }>();
    useEffect(() => {
      load().then(
        (Part) => setLoaded({ Part }),
        (error: unknown) => setLoaded({ error: String(error) }),
      );
    }, []);
    if (loaded === undefined) return <Loading what={what} />;
    if ('error' in loaded)
      return (
        <p class="fault">
          Cannot load {what}: {loaded.error}. The service may be another version by now: reload the page.
        </p>
      );
    return <loaded.Part {...props} />;
  };
}

const ParquetLater = later('the reader of Parquet', () =>
  import('./parquet.tsx').then(({ ParquetPreview }) => ParquetPreview),
);

const PdfLater = later('the reader of PDF', () => import('./pdf.tsx').then(({ PdfPreview }) => PdfPreview));

/** A page of an artifact; its source is shown as text. */
function Page({ artifact: { id, name } }: { artifact: Previewed }) {
  const { value: address, failure, isLoading } = useCall(`frame ${id}`, () => previewAddress(id));
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (isLoading || address === undefined) return <Loading what="the preview" />;
  return (
    <>
      <p class="quiet note">The page has an origin of its own, and reaches no network.</p>
      <iframe class="preview frame" sandbox="allow-scripts" src={address} title={name} />
    </>
  );
}
