/** Files that are dropped on a session are pushed into it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Session, SessionState } from '../../../gen/artifacta/v1/session_pb.ts';
import { size } from '../base/format.ts';
import { rights } from '../calls/rights.ts';
import { credentials } from '../calls/token.ts';

interface Transfer {
  readonly name: string;
  readonly sent: number;
  readonly bytes: number;
  readonly fault: string;
  readonly isDone: boolean;
}

/** The part of the page that takes files. */
export function Drop({ session, children }: { session: Session; children: ComponentChildren }) {
  const [transfers, setTransfers] = useState<readonly Transfer[]>([]);
  const [isOver, setOver] = useState(false);
  const takesFiles = session.state === SessionState.OPEN && rights.value.canWrite;
  const change = (name: string, changes: Partial<Transfer>) =>
    setTransfers((before) => before.map((one) => (one.name === name ? { ...one, ...changes } : one)));
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const files = [...(event.dataTransfer?.files ?? [])];
    setTransfers(files.map(({ name, size: bytes }) => ({ name, bytes, sent: 0, fault: '', isDone: false })));
    // One after another: a transfer uses the whole line anyway.
    for (const file of files) {
      const fault = await put(session.id, file, (sent) => change(file.name, { sent }));
      change(file.name, { fault, isDone: true });
    }
  };
  if (!takesFiles) return <>{children}</>;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the same is done by the command that the screen shows
    <div
      class={`drop${isOver ? ' over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => void drop(event)}
    >
      {children}
      {transfers.length === 0 ? null : (
        <ul class="transfers" aria-label="Transfers">
          {transfers.map(({ name, sent, bytes, fault, isDone }) => (
            <li key={name}>
              <bdi>{name}</bdi>{' '}
              {isDone ? (
                <span class={fault === '' ? 'good' : 'fault'}>{fault === '' ? 'stored' : fault}</span>
              ) : (
                <>
                  <progress max={Math.max(1, bytes)} value={sent} /> {size(sent)} of {size(bytes)}
                </>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Sends a file. Resolves with what went wrong; empty if it is stored. `fetch` would not say how much was sent. */
function put(session: string, file: File, onSent: (bytes: number) => void): Promise<string> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const name = file.name.split('/').map(encodeURIComponent).join('/');
    request.open('PUT', `/v1/sessions/${encodeURIComponent(session)}/artifacts/${name}`);
    for (const [header, value] of Object.entries(credentials())) request.setRequestHeader(header, value);
    request.setRequestHeader('content-type', file.type === '' ? 'application/octet-stream' : file.type);
    request.upload.addEventListener('progress', ({ loaded }) => onSent(loaded));
    request.addEventListener('error', () => resolve('the connection broke: drop the file again'));
    request.addEventListener('load', () =>
      resolve(request.status < 300 ? '' : messageIn(request.responseText)),
    );
    request.send(file);
  });
}

function messageIn(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
