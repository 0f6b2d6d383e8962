/** Bytes as they are: sixteen in a line, with their offset and what of them is ASCII. */
import { useState } from 'preact/hooks';
import { count, size } from '../base/format.ts';
import { readBytes } from '../calls/read.ts';
import { hexLines } from '../contents/hex-lines.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

const pageBytes = 4_096;

/** The preview. */
export function HexPreview({ id, bytes }: { id: string; bytes: number }) {
  const [offset, setOffset] = useState(0);
  const { value, failure, again } = useCall(`${id} ${offset}`, (signal) =>
    readBytes(id, offset, pageBytes, signal),
  );
  const last = Math.max(0, Math.floor((bytes - 1) / pageBytes) * pageBytes);
  const goTo = (to: number) => setOffset(Math.min(Math.max(0, to), last));
  return (
    <div class="preview hex-preview">
      <div class="controls">
        <button type="button" disabled={offset === 0} onClick={() => goTo(0)}>
          Beginning
        </button>
        <button type="button" disabled={offset === 0} onClick={() => goTo(offset - pageBytes)}>
          Before
        </button>
        <button type="button" disabled={offset >= last} onClick={() => goTo(offset + pageBytes)}>
          After
        </button>
        <button type="button" disabled={offset >= last} onClick={() => goTo(last)}>
          End
        </button>
        <label>
          offset{' '}
          <input
            type="text"
            inputMode="numeric"
            value={String(offset)}
            onChange={(event) => {
              const asked = Number(event.currentTarget.value);
              goTo(Number.isFinite(asked) ? Math.floor(asked / 16) * 16 : offset);
            }}
          />
        </label>
        <span class="quiet">
          {bytes === 0
            ? 'no bytes'
            : `bytes ${count(offset)} to ${count(Math.min(offset + pageBytes, bytes) - 1)} of ${size(bytes)}`}
        </span>
      </div>
      <FailureBox failure={failure} again={again} />
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="bytes" />
        ) : null
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <pre class="hex" tabIndex={0}>
          {hexLines(value, offset).join('\n')}
        </pre>
      )}
    </div>
  );
}
