/** Images. Their size is looked at before a browser decodes them. */
import { useEffect, useState } from 'preact/hooks';
import { count, size } from '../base/format.ts';
import { contentPath, fetchPlain } from '../calls/clients.ts';
import { readBytes, readPiece } from '../calls/read.ts';
import { type ImageSize, imageSize, pixelsMax } from '../contents/image-size.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

/** Larger files are not fetched without being asked for. */
const fileBytesMax = 32 * 1024 * 1024;
/** Bytes that are looked at for the size. */
const headBytes = 64 * 1024;
/** Larger drawings are shown as text. */
const drawingBytesMax = 512 * 1024;

interface ImageProps {
  readonly id: string;
  readonly bytes: number;
  readonly name: string;
}

/** The preview of a picture. */
export function ImagePreview({ id, bytes, name }: ImageProps) {
  const [isAsked, ask] = useState(false);
  const { value: head, failure } = useCall(`head ${id}`, (signal) =>
    readBytes(id, 0, Math.min(headBytes, Math.max(1, bytes)), signal),
  );
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (head === undefined) return <Loading what="the image" />;
  const found = imageSize(head);
  const isLarge = bytes > fileBytesMax || found === undefined || found.width * found.height > pixelsMax;
  if (isLarge && !isAsked)
    return (
      <div class="empty">
        <p>
          {found === undefined
            ? 'The file does not begin like an image of a known kind.'
            : `The image has ${count(found.width)} × ${count(found.height)} pixels in ${size(bytes)}, which may take much memory.`}
        </p>
        <button type="button" onClick={() => ask(true)}>
          Show it anyway
        </button>
      </div>
    );
  return <Picture id={id} name={name} found={found} />;
}

function Picture({ id, name, found }: { id: string; name: string; found: ImageSize | undefined }) {
  const { value, failure } = useCall(`image ${id}`, async (signal) => {
    const response = await fetchPlain(contentPath(id), { signal });
    return await response.blob();
  });
  const [isBroken, setBroken] = useState(false);
  const address = useAddress(value);
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (address === undefined) return <Loading what="the image" />;
  return (
    <figure class="preview image-preview">
      {isBroken ? (
        <p class="fault">The browser cannot decode the image.</p>
      ) : (
        <img src={address} alt={`${name}, as it was pushed`} onError={() => setBroken(true)} />
      )}
      <figcaption class="quiet">
        {found === undefined ? '' : `${count(found.width)} × ${count(found.height)} pixels`}
      </figcaption>
    </figure>
  );
}

function useAddress(blob: Blob | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (blob === undefined) return;
    // No type that a page could have: the browser looks at the bytes of an image alone.
    const made = URL.createObjectURL(
      blob.slice(0, blob.size, /^image\/(?!svg)/.test(blob.type) ? blob.type : 'image/png'),
    );
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return address;
}

/**
 * The preview of an SVG. As an image it runs no scripts and loads nothing; as `data:` it is of no origin, so that it
 * would reach nothing either if it were opened by itself.
 */
export function DrawingPreview({ id, bytes, name }: ImageProps) {
  const isSmall = bytes <= drawingBytesMax;
  const { value, failure } = useCall(`svg ${id}`, async (signal) => {
    if (!isSmall) return undefined;
    const { text } = await readPiece(
      id,
      { case: 'bytes', value: { offset: 0n } },
      { maxBytes: drawingBytesMax, signal },
    );
    return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  });
  const [isBroken, setBroken] = useState(false);
  if (!isSmall)
    return <p class="quiet note">The drawing is larger than {size(drawingBytesMax)}; its text is shown.</p>;
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (value === undefined) return <Loading what="the drawing" />;
  return (
    <figure class="preview image-preview svg-preview">
      {isBroken ? (
        <p class="fault">The browser cannot draw it.</p>
      ) : (
        <img src={value} alt={`${name}, as it was pushed`} onError={() => setBroken(true)} />
      )}
    </figure>
  );
}
