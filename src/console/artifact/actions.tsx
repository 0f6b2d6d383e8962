/** What can be done with an artifact. */
import { useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { size } from '../base/format.ts';
import { go, sessionHref } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { rights } from '../calls/rights.ts';
import { Dialog } from '../parts/dialog.tsx';
import { FailureBox } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';

interface ActionsProps {
  readonly artifact: Artifact;
  readonly changed: () => void;
}

/** The buttons. */
export function ArtifactActions({ artifact, changed }: ActionsProps) {
  const { isActing, failure, act } = useAction();
  const [isAsked, ask] = useState(false);
  if (!rights.value.canWrite) return null;
  const by = { by: { case: 'id', value: artifact.id } } as const;
  const turn = async () => {
    const request = {
      artifact: by,
      changes: { hold: !artifact.hold },
      updateMask: { paths: ['hold'] },
      etag: artifact.etag,
    };
    if (await act(async () => void (await artifacts.updateArtifact(request)))) changed();
  };
  const remove = async () => {
    const request = { artifact: by, etag: artifact.etag };
    if (await act(async () => void (await artifacts.deleteArtifact(request))))
      go(sessionHref(artifact.session));
  };
  return (
    <>
      <button type="button" disabled={isActing} onClick={() => void turn()}>
        {artifact.hold ? 'Release hold' : 'Hold'}
      </button>
      {artifact.hold ? null : (
        <button type="button" onClick={() => ask(true)}>
          Delete …
        </button>
      )}
      <FailureBox failure={failure} />
      {isAsked ? (
        <Dialog title={`Delete version ${artifact.version}`} close={() => ask(false)}>
          <p>
            This deletes this version of {size(artifact.sizeBytes)}, for good. Other versions stay, and so
            does its line in the manifest of a sealed session.
          </p>
          <FailureBox failure={failure} />
          <div class="buttons">
            <button type="button" class="danger" disabled={isActing} onClick={() => void remove()}>
              Delete
            </button>
          </div>
        </Dialog>
      ) : null}
    </>
  );
}
