/** What an artifact was made from, and what was made from it: one step each way. */
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { LineageDirection, type LineageEdge } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { artifactHref } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';

/** The neighbours, and the way to the graph. */
export function LineageSummary({ artifact: { id } }: { artifact: Artifact }) {
  return (
    <>
      <Neighbours id={id} direction={LineageDirection.INPUTS} words="made from" />
      <Neighbours id={id} direction={LineageDirection.DERIVED} words="made into" />
      <p>
        <a href={`/lineage/${id}`}>Graph</a>
      </p>
    </>
  );
}

function Neighbours({ id, direction, words }: { id: string; direction: LineageDirection; words: string }) {
  const { value, failure, again } = useCall(`${id} ${direction}`, (signal) =>
    artifacts.listLineage(
      { artifact: { by: { case: 'id', value: id } }, direction, pageSize: 50 },
      { signal },
    ),
  );
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (value === undefined) return <Loading what={words} />;
  const far = ({ inputId, derivedId }: LineageEdge) =>
    direction === LineageDirection.INPUTS ? inputId : derivedId;
  if (value.edges.length === 0) return <p class="quiet">{words}: nothing that is known</p>;
  return (
    <>
      <p class="quiet">{words}</p>
      <ul class="plain-list">
        {value.edges.map((edge) => (
          <li key={far(edge)}>
            {edge.artifact === undefined ? (
              <span class="quiet">
                <code>{far(edge)}</code>, gone or not readable
              </span>
            ) : (
              <a href={artifactHref(edge.artifact.id)}>
                <bdi>
                  {edge.artifact.session}/{edge.artifact.name}
                </bdi>
              </a>
            )}
          </li>
        ))}
      </ul>
      {value.nextPageToken === '' ? null : <p class="quiet">and more, in the graph</p>}
    </>
  );
}
