/** Small marks: outcomes, times, sizes, failures, and texts to copy. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { fromNow, local, utc } from '../base/format.ts';
import { after } from '../base/timer.ts';
import type { Failure } from '../calls/failure.ts';
import { now } from './clock.ts';

/** A short word in a coloured frame. */
export function Badge({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <span class={`badge badge-${kind}`}>{children}</span>;
}

/** A time from now, with both full forms on hover. */
export function Ago({ time }: { time: number | undefined }) {
  if (time === undefined) return <span class="quiet">–</span>;
  return (
    <time dateTime={utc(time).replace(' ', 'T')} title={`${local(time)} (your time)\n${utc(time)} (UTC)`}>
      {fromNow(time, now.value)}
    </time>
  );
}

/** A time in the reader's zone, with UTC on hover. */
export function At({ time }: { time: number | undefined }) {
  if (time === undefined) return <span class="quiet">–</span>;
  return (
    <time dateTime={utc(time).replace(' ', 'T')} title={`${utc(time)} (UTC)`}>
      {local(time)}
    </time>
  );
}

/** Why something failed, and what to do. */
export function FailureBox({
  failure,
  again,
}: {
  failure: Failure | undefined;
  again?: (() => void) | undefined;
}) {
  if (failure === undefined) return null;
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{failure.reason}</strong> {failure.message}
      </p>
      {failure.advice === '' ? null : <p class="quiet">{failure.advice}</p>}
      {again === undefined ? null : (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A button that copies a text, and says that it did. */
export function Copy({ text, label = 'copy' }: { text: string; label?: string }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('copied');
    } catch {
      // Pages without encryption have no clipboard; the text itself can be marked.
      setSaid('select the text and copy it');
    }
    after(1_500, () => setSaid(''));
  };
  return (
    <button type="button" class="small" onClick={() => void copy()} title={text}>
      <span aria-live="polite">{said === '' ? label : said}</span>
    </button>
  );
}

/** A line for a shell or a program, with a button that copies it. */
export function Line({ text }: { text: string }) {
  return (
    <div class="line">
      <code>{text}</code>
      <Copy text={text} />
    </div>
  );
}

/** What is shown while the first answer is awaited. */
export function Loading({ what }: { what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  );
}

/** Keys and values, one pair after another. */
export function Pairs({ pairs, of }: { pairs: Readonly<Record<string, string>>; of?: string }) {
  const entries = Object.entries(pairs);
  if (entries.length === 0) return null;
  return (
    <span class="pairs">
      {entries.map(([key, value]) => (
        <span class="pair" key={key} title={`${of === undefined ? '' : `${of}.`}${key} = ${value}`}>
          <bdi class="quiet">{key}</bdi> <bdi>{value}</bdi>
        </span>
      ))}
    </span>
  );
}
