/** Why an artifact is stored, and until when. */
import { type Artifact, ExpirySource } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { millis } from '../base/format.ts';
import { Ago, At } from '../parts/marks.tsx';

/** The reason in a sentence. */
export function Lifetime({ artifact }: { artifact: Artifact }) {
  const { hold, expireTime, expirySource } = artifact;
  const time = millis(expireTime);
  if (hold) return <p>It is on hold: it neither expires nor can be deleted until the hold is released.</p>;
  if (time === undefined)
    return <p>Without an end: neither it nor its session has an expiry, or the session is still open.</p>;
  return (
    <p>
      <At time={time} /> (<Ago time={time} />
      ),{' '}
      {expirySource === ExpirySource.ARTIFACT
        ? 'by an expiry of its own, which wins over the retention of the session.'
        : 'by the retention of its session, counted from the seal.'}
    </p>
  );
}
