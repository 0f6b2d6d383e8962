/** The bytes of an artifact as a file. */
import { useState } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { shellWord, size } from '../base/format.ts';
import { contentPath, fetchPlain } from '../calls/clients.ts';
import { FailureBox, Line } from '../parts/marks.tsx';
import { useAction } from '../parts/use-call.ts';

/** What the page fetches itself, where a link cannot send a token. Larger files are for the command line. */
const fetchedBytesMax = 256 * 1024 * 1024;

interface DownloadProps {
  readonly artifact: Artifact;
  /** An address that opens by itself. Undefined: none exists. */
  readonly address: string | undefined;
}

/** A link, or a button that shows how much has come. */
export function Download({ artifact, address }: DownloadProps) {
  const { isActing, failure, act } = useAction();
  const [received, setReceived] = useState(0);
  const { id, name, sizeBytes } = artifact;
  const fileName = name.split('/').at(-1) ?? 'artifact';
  if (address !== undefined)
    return (
      <a class="button" href={address} download={fileName}>
        Download
      </a>
    );
  if (sizeBytes > BigInt(fetchedBytesMax))
    return <Line text={`artifacta pull ${shellWord(id)} --to ${shellWord(fileName)}`} />;
  const fetchAll = () =>
    act(async () => {
      const response = await fetchPlain(contentPath(id));
      const parts: Uint8Array<ArrayBuffer>[] = [];
      let sum = 0;
      for (const reader = response.body!.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        sum += value.length;
        setReceived(sum);
      }
      const url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }));
      const link = document.createElement('a');
      link.href = url;
      link.download = fileName;
      link.click();
      URL.revokeObjectURL(url);
    });
  return (
    <>
      <button type="button" disabled={isActing} onClick={() => void fetchAll()}>
        {isActing ? `${size(received)} of ${size(sizeBytes)}` : 'Download'}
      </button>
      <FailureBox failure={failure} />
    </>
  );
}
