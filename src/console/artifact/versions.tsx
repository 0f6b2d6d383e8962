/** The versions of a name, and the way to what differs between any two. */
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { ListOrder } from '../../../gen/artifacta/v1/query_pb.ts';
import { millis, shortDigest, size } from '../base/format.ts';
import { artifactHref, place } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { Ago, FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

/** The most versions that are listed. */
const versionsMax = 100;

/** The live versions, newest first. */
export function Versions({ artifact }: { artifact: Artifact }) {
  const { id, session, name } = artifact;
  const { value, failure, again } = useCall(`${session} ${name} ${id}`, (signal) =>
    artifacts.listArtifacts(
      { session, name, allVersions: true, pageSize: versionsMax, order: ListOrder.NEWEST_FIRST },
      { signal },
    ),
  );
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (value === undefined) return <Loading what="versions" />;
  const compared = place.value.params.get('diff');
  return (
    <>
      <ul class="plain-list">
        {value.artifacts.map((one) => (
          <li key={one.id} class={one.id === id ? 'here' : ''}>
            {one.id === id ? (
              <strong>v{one.version.toString()}</strong>
            ) : (
              <a href={artifactHref(one.id)}>v{one.version.toString()}</a>
            )}{' '}
            <span class="quiet">
              {size(one.sizeBytes)}, <Ago time={millis(one.createTime)} />,{' '}
              <code>{shortDigest(one.sha256)}</code>
            </span>{' '}
            {one.id === id ? null : one.id === compared ? (
              <a href={artifactHref(id)}>end comparison</a>
            ) : (
              <a href={artifactHref(id, { diff: one.id })}>compare</a>
            )}
          </li>
        ))}
      </ul>
      {value.nextPageToken === '' ? null : (
        <p class="quiet">The newest {versionsMax}; `artifacta ls` has all.</p>
      )}
    </>
  );
}
