/** What differs between two artifacts: lines of text, values of JSON, rows of tables, or pictures. */
import { useMemo } from 'preact/hooks';
import type { Artifact } from '../../../gen/artifacta/v1/artifact_pb.ts';
import { size } from '../base/format.ts';
import { artifacts } from '../calls/clients.ts';
import { readPiece } from '../calls/read.ts';
import { kindOf } from '../contents/choose.ts';
import { FailureBox, Loading } from '../parts/marks.tsx';
import { useCall } from '../parts/use-call.ts';
import { described } from './described.ts';
import { ImageDifference } from './image-difference.tsx';
import { type DiffLine, differenceOf } from './lines-of-difference.ts';
import { TableDifferenceOf } from './table-difference.tsx';

/** Of longer texts the beginnings are compared. */
const comparedBytes = 256 * 1024;

interface DifferenceProps {
  /** The newer or the looked at. */
  readonly artifact: Artifact;
  readonly otherId: string;
}

/** The difference from another artifact to this one. */
export function Difference({ artifact, otherId }: DifferenceProps) {
  const { value, failure, again } = useCall(`diff ${otherId}`, async (signal) => {
    const { artifact: other } = await artifacts.getArtifact(
      { artifact: { by: { case: 'id', value: otherId } } },
      { signal },
    );
    return other;
  });
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (value === undefined) return <Loading what="the other version" />;
  return <DifferenceOf base={value} compared={artifact} />;
}

/** The difference between two artifacts. */
export function DifferenceOf({ base, compared }: { base: Artifact; compared: Artifact }) {
  const kind = kindOf(compared.name, compared.contentType);
  if (base.sha256 === compared.sha256) return <p class="quiet note">The bytes of both are the same.</p>;
  if (kind === 'image' || kind === 'svg')
    return <ImageDifference base={base} compared={compared} isDrawing={kind === 'svg'} />;
  if (kind === 'table' || kind === 'parquet')
    return (
      <TableDifferenceOf base={base} compared={compared} kind={kind}>
        <Texts base={base} compared={compared} isJson={false} />
      </TableDifferenceOf>
    );
  return <Texts base={base} compared={compared} isJson={kind === 'json'} />;
}

function Texts({ base, compared, isJson }: { base: Artifact; compared: Artifact; isJson: boolean }) {
  const { value, failure, again } = useCall(`texts ${base.id} ${compared.id}`, (signal) =>
    Promise.all(
      [base, compared].map(({ id }) =>
        readPiece(id, { case: 'bytes', value: { offset: 0n } }, { maxBytes: comparedBytes, signal }),
      ),
    ),
  );
  const difference = useMemo(() => {
    const [before, after] = value ?? [];
    if (before === undefined || after === undefined) return undefined;
    if (before.data !== undefined || after.data !== undefined) return 'binary';
    const isCut = before.nextCursor !== '' || after.nextCursor !== '';
    return { ...differenceOf(before.text, after.text, isJson && !isCut), isCut };
  }, [value]);
  if (failure !== undefined) return <FailureBox failure={failure} again={again} />;
  if (difference === undefined) return <Loading what="both contents" />;
  if (difference === 'binary')
    return (
      <p class="quiet note">
        The bytes differ, and they are not text: {described(base)} and {described(compared)}.
      </p>
    );
  const { lines, isCut, isTooLarge } = difference;
  return (
    <section class="difference" aria-label="Difference">
      <p class="quiet note">
        from {described(base)} to {described(compared)}
        {isCut ? `; the first ${size(comparedBytes)} of each are compared` : ''}
        {isTooLarge ? '; the texts differ too much to be shown line by line' : ''}
      </p>
      {!isTooLarge && lines.length === 0 ? <p class="quiet">The compared parts are the same.</p> : null}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre class="patch" tabIndex={0}>
        {lines.map((line, index) => (
          <DiffLineText key={index} line={line} />
        ))}
      </pre>
    </section>
  );
}

function DiffLineText({ line: { kind, text } }: { line: DiffLine }) {
  return (
    <span class={`patch-${kind}`}>
      <bdi>{text}</bdi>
      {'\n'}
    </span>
  );
}
