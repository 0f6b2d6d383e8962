/** Sound and video, by range where the browser can ask for ranges itself. */
import { useEffect, useState } from 'preact/hooks';
import { size } from '../base/format.ts';
import { contentPath, fetchPlain } from '../calls/clients.ts';
import { readAddress } from '../calls/tickets.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

/** Without an address that opens by itself, the page has to fetch the whole: only files up to this size. */
const fetchedBytesMax = 64 * 1024 * 1024;

interface MediaProps {
  readonly id: string;
  readonly bytes: number;
  readonly name: string;
  readonly contentType: string;
}

/** The preview. */
export function MediaPreview({ id, bytes, name, contentType }: MediaProps) {
  const { value, failure } = useCall(`media ${id}`, async (signal) => {
    const address = await readAddress(id);
    if (address !== undefined) return { address };
    if (bytes > fetchedBytesMax) return {};
    return { blob: await (await fetchPlain(contentPath(id), { signal })).blob() };
  });
  const [made, setMade] = useState<string>();
  const blob = value !== undefined && 'blob' in value ? value.blob : undefined;
  useEffect(() => {
    if (blob === undefined) return;
    const address = URL.createObjectURL(blob);
    setMade(address);
    return () => URL.revokeObjectURL(address);
  }, [blob]);
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (value === undefined) return <Loading what="the recording" />;
  const source = 'address' in value ? value.address : made;
  if (source === undefined)
    return <p class="quiet note">The file has {size(bytes)}: download it to play it.</p>;
  return (
    <div class="preview media-preview">
      {contentType.startsWith('audio/') ? (
        // biome-ignore lint/a11y/useMediaCaption: what was pushed has none
        <audio controls src={source} aria-label={name} preload="metadata" />
      ) : (
        // biome-ignore lint/a11y/useMediaCaption: what was pushed has none
        <video controls src={source} aria-label={name} preload="metadata" />
      )}
    </div>
  );
}
