import { readAddress } from '../calls/tickets.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

interface MediaProps {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
}

/** The preview, which the browser reads by ranges. */
export function MediaPreview({ id, name, contentType }: MediaProps) {
  const { value: source, failure } = useCall(`media ${id}`, () => readAddress(id));
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (source === undefined) return <Loading what="the recording" />;
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
