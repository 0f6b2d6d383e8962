/** The bytes of an artifact as a file. */
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { readAddress, save } from '../calls/tickets.ts';
import { FailureBox } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';

/** A button after which the browser saves the bytes, and shows how many have come. */
export function Download({ artifact: { id, name } }: { artifact: Artifact }) {
  const { isActing, failure, act } = useAction();
  const fileName = name.split('/').at(-1) ?? 'artifact';
  const download = () => act(async () => save(await readAddress(id), fileName));
  return (
    <>
      <button type="button" disabled={isActing} onClick={() => void download()}>
        Download
      </button>
      <FailureBox failure={failure} />
    </>
  );
}
