/** Lineage as a graph: on the left what an artifact was made from, on the right what was made from it. */
import { useMemo } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { LineageDirection, type LineageEdge } from '../../../gen/artifacta/v1/lineage_pb.ts';
import { counted } from '../base/format.ts';
import { artifactHref, place, setParams } from '../base/place.ts';
import { artifacts } from '../calls/clients.ts';
import { FailureBox, Line, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { type LineageNode, layOut, measures } from './layout.ts';

/** The most edges in each direction. */
const edgesMax = 300;
const depths = [1, 2, 4, 8];

interface Read {
  readonly start: Artifact;
  readonly inputs: readonly LineageEdge[];
  readonly derived: readonly LineageEdge[];
  readonly isWhole: boolean;
}

async function read(id: string, depth: number, signal: AbortSignal): Promise<Read | undefined> {
  const artifact = { by: { case: 'id', value: id } } as const;
  const walk = (direction: LineageDirection) =>
    artifacts.listLineage({ artifact, direction, depth, pageSize: edgesMax }, { signal });
  const [found, inputs, derived] = await Promise.all([
    artifacts.getArtifact({ artifact }, { signal }),
    walk(LineageDirection.INPUTS),
    walk(LineageDirection.DERIVED),
  ]);
  if (found.artifact === undefined) return undefined;
  return {
    start: found.artifact,
    inputs: inputs.edges,
    derived: derived.edges,
    isWhole: inputs.nextPageToken === '' && derived.nextPageToken === '',
  };
}

/** The screen of an artifact's lineage. */
export function LineageScreen({ subject }: { subject: string }) {
  const depth = depths.find((one) => String(one) === place.value.params.get('depth')) ?? 4;
  const { value, failure, again } = useCall(`${subject} ${depth}`, (signal) => read(subject, depth, signal));
  return (
    <section class="screen">
      <header class="title">
        <h1>Lineage</h1>
        <fieldset class="views">
          <legend class="skip">Steps</legend>
          {depths.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="depth"
                checked={one === depth}
                onChange={() => setParams({ depth: String(one) })}
              />
              {counted(one, 'step')}
            </label>
          ))}
        </fieldset>
      </header>
      <FailureBox failure={failure} again={again} />
      {value === undefined ? (
        failure === undefined ? (
          <Loading what="the lineage" />
        ) : null
      ) : (
        <Graph read={value} />
      )}
      <Line text={`artifacta lineage ${subject}`} />
    </section>
  );
}

interface GraphNode extends LineageNode {
  /** Undefined: it has expired, was deleted, or may not be read. */
  readonly artifact: Artifact | undefined;
}

function nodesOf({ start, inputs, derived }: Read): GraphNode[] {
  const nodes = new Map<string, GraphNode>([[start.id, { id: start.id, level: 0, artifact: start }]]);
  const add = (id: string, level: number, artifact: Artifact | undefined) => {
    if (!nodes.has(id)) nodes.set(id, { id, level, artifact });
  };
  for (const { inputId, depth, artifact } of inputs) add(inputId, -depth, artifact);
  for (const { derivedId, depth, artifact } of derived) add(derivedId, depth, artifact);
  return [...nodes.values()];
}

function Graph({ read: found }: { read: Read }) {
  const { nodes, lines, places, width, height } = useMemo(() => {
    const all = nodesOf(found);
    const joined = [...found.inputs, ...found.derived].map(({ inputId, derivedId }) => ({
      from: inputId,
      to: derivedId,
    }));
    return { nodes: all, lines: joined, ...layOut(all, joined) };
  }, [found]);
  const margin = 12;
  return (
    <>
      <p class="quiet note" role="status">
        {counted(nodes.length, 'artifact')}
        {found.isWhole ? '' : `, the first ${edgesMax} steps each way; \`artifacta lineage\` has all`}
        {nodes.length === 1 ? ': it names no inputs, and no artifact names it as one' : ''}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="graph" tabIndex={0}>
        <svg
          width={width + 2 * margin}
          height={height + 2 * margin}
          viewBox={`${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`}
          role="group"
          aria-label="Lineage"
        >
          {lines.map(({ from, to }) => {
            const [a, b] = [places.get(from), places.get(to)];
            if (a === undefined || b === undefined) return null;
            const [x1, y1] = [a.x + measures.width, a.y + measures.height / 2];
            const [x2, y2] = [b.x, b.y + measures.height / 2];
            const bend = Math.max(20, Math.abs(x2 - x1) / 2);
            return (
              <path
                key={`${from} ${to}`}
                class="graph-line"
                d={`M ${x1} ${y1} C ${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}
              />
            );
          })}
          {nodes.map((node) => (
            <Drawn key={node.id} node={node} at={places.get(node.id)!} />
          ))}
        </svg>
      </div>
    </>
  );
}

function Drawn({ node: { id, level, artifact }, at }: { node: GraphNode; at: { x: number; y: number } }) {
  const { width, height } = measures;
  const title =
    artifact === undefined
      ? `${id}: gone, or not readable`
      : `${artifact.session}/${artifact.name} v${artifact.version}`;
  const lines = [
    cut(artifact?.name ?? 'gone', 26),
    cut(artifact === undefined ? id : `${artifact.session} v${artifact.version}`, 30),
  ] as const;
  const box = (
    <>
      <title>{title}</title>
      <rect
        x={at.x}
        y={at.y}
        width={width}
        height={height}
        rx={6}
        class={`graph-box${level === 0 ? ' start' : ''}${artifact === undefined ? ' gone' : ''}`}
      />
      <text x={at.x + 10} y={at.y + 19} class="graph-name">
        {lines[0]}
      </text>
      <text x={at.x + 10} y={at.y + 36} class="graph-session">
        {lines[1]}
      </text>
    </>
  );
  if (artifact === undefined) return <g>{box}</g>;
  return <a href={artifactHref(id)}>{box}</a>;
}

/** The end of a name tells more than its beginning. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : `…${text.slice(1 - length)}`;
}
