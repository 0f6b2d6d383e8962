/** Holds for all artifacts of a session, one after another: the service has holds of artifacts alone. */
import { useRef, useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import type { Session } from '../../../gen/artifacta/v1/session_pb.ts';
import { count, counted } from '../base/format.ts';
import { artifacts } from '../calls/clients.ts';
import { Dialog } from '../parts/dialog.tsx';
import { FailureBox } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';

/** Changes that are under way at one time. */
const atOnce = 6;

interface Progress {
  readonly done: number;
  readonly all: number;
}

/** Places or releases the hold on every live version. @param onProgress called after each. */
async function changeAll(
  session: string,
  hold: boolean,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const wanted: Artifact[] = [];
  for (let pageToken = ''; ; ) {
    const page = await artifacts.listArtifacts(
      { session, allVersions: true, pageSize: 1_000, pageToken },
      { signal },
    );
    wanted.push(...page.artifacts.filter((artifact) => artifact.hold !== hold));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  let next = 0;
  let done = 0;
  const change = async () => {
    for (let one = wanted[next++]; one !== undefined; one = wanted[next++]) {
      const request = {
        artifact: { by: { case: 'id' as const, value: one.id } },
        changes: { hold },
        updateMask: { paths: ['hold'] },
      };
      await artifacts.updateArtifact(request, { signal });
      onProgress({ done: ++done, all: wanted.length });
    }
  };
  onProgress({ done, all: wanted.length });
  await Promise.all(Array.from({ length: atOnce }, change));
}

interface HoldAllProps {
  readonly session: Session;
  readonly close: () => void;
  readonly done: () => void;
}

/** The dialog. */
export function HoldAll({ session, close, done }: HoldAllProps) {
  const { isActing, failure, act } = useAction();
  const [progress, setProgress] = useState<Progress>();
  const stopping = useRef(new AbortController());
  const start = async (hold: boolean) => {
    stopping.current = new AbortController();
    const { signal } = stopping.current;
    if (await act(() => changeAll(session.id, hold, signal, setProgress))) done();
  };
  const stop = () => {
    stopping.current.abort();
    close();
  };
  return (
    <Dialog title={`Hold ${session.id}`} close={stop}>
      <p>
        An artifact on hold neither expires nor can be deleted, and neither can its session.{' '}
        {count(session.holdCount)} of {counted(session.artifactCount, 'artifact')}{' '}
        {session.holdCount === 1n ? 'is' : 'are'} on hold.
      </p>
      {progress === undefined ? null : (
        <p role="status">
          <progress max={Math.max(1, progress.all)} value={progress.done} /> {count(progress.done)} of{' '}
          {count(progress.all)}
        </p>
      )}
      <FailureBox failure={failure} />
      <div class="buttons">
        <button type="button" disabled={isActing} onClick={() => void start(true)}>
          Hold all
        </button>
        {session.holdCount === 0n ? null : (
          <button type="button" disabled={isActing} onClick={() => void start(false)}>
            Release all
          </button>
        )}
        {isActing ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : null}
      </div>
    </Dialog>
  );
}
