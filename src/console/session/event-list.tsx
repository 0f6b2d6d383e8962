/** The events of a session as a list, with a search by name. */
import { useRef } from 'preact/hooks';
import { count, counted, size } from '../base/format.ts';
import { useKeys } from '../base/keys.ts';
import { artifactHref, go, setParams } from '../base/place.ts';
import { Ago, Badge } from '../parts/marks.tsx';
import { Cell, HeadCell, WindowList } from '../parts/window-list.tsx';
import type { ShownLine } from './rows.ts';

/** The search by name and agent. `/` goes to it. */
export function Search({ search }: { search: string }) {
  const field = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => field.current?.focus() });
  return (
    <input
      ref={field}
      class="search"
      type="search"
      aria-label="Search names and agents"
      placeholder="name or agent"
      value={search}
      onInput={(event) => setParams({ q: event.currentTarget.value })}
    />
  );
}

/** The list. */
export function EventList({ lines }: { lines: readonly ShownLine[] }) {
  return (
    <>
      <WindowList
        label="Artifacts and other events"
        length={lines.length}
        rowHeight={34}
        columns="events-columns"
        keyOf={(index) => keyOf(lines[index]!)}
        onOpen={(index) => {
          const line = lines[index]!;
          if (line.kind === 'event' && line.row.artifact !== undefined)
            go(artifactHref(line.row.artifact.id));
        }}
        head={
          <>
            <HeadCell kind="number">event</HeadCell>
            <HeadCell>name</HeadCell>
            <HeadCell kind="wide">version</HeadCell>
            <HeadCell kind="number">size</HeadCell>
            <HeadCell kind="wide">type</HeadCell>
            <HeadCell kind="wide">agent</HeadCell>
            <HeadCell kind="time">time</HeadCell>
          </>
        }
        row={(index) => {
          const line = lines[index]!;
          return line.kind === 'group' ? <Group line={line} /> : <Event line={line} />;
        }}
      />
      {lines.length === 0 ? <p class="quiet">No artifact here has that name or agent.</p> : null}
    </>
  );
}

function keyOf(line: ShownLine): string {
  return line.kind === 'group' ? `group ${line.name}` : String(line.row.sequence);
}

function Group({ line }: { line: ShownLine & { kind: 'group' } }) {
  return (
    <Cell kind="group">
      <strong>
        <bdi>{line.name}</bdi>
      </strong>{' '}
      <span class="quiet">
        {counted(line.count, 'name')}, {size(line.bytes)}
      </span>
    </Cell>
  );
}

function Event({ line: { row, versions, isGone } }: { line: ShownLine & { kind: 'event' } }) {
  const { sequence, time, artifact } = row;
  const when = Number.isNaN(time) ? undefined : time;
  if (artifact === undefined)
    return (
      <>
        <Cell kind="number quiet">{count(sequence)}</Cell>
        <Cell kind="name quiet">gone: deleted or expired</Cell>
        <Cell kind="wide" />
        <Cell kind="number" />
        <Cell kind="wide quiet">{row.deletedId}</Cell>
        <Cell kind="wide" />
        <Cell kind="time">
          <Ago time={when} />
        </Cell>
      </>
    );
  const { id, name, version, bytes, contentType, agent, isOnHold, failed } = artifact;
  return (
    <>
      <Cell kind="number quiet">{count(sequence)}</Cell>
      <Cell kind="name">
        <a href={artifactHref(id)} title={name}>
          <bdi>{name}</bdi>
        </a>{' '}
        {failed === undefined ? null : <Badge kind="failed">failed</Badge>}
        {isGone ? <Badge kind="gone">deleted</Badge> : null}
        {isOnHold ? <Badge kind="hold">hold</Badge> : null}
      </Cell>
      <Cell kind="wide quiet">
        v{version}
        {versions > 1 ? ` of ${versions}` : ''}
      </Cell>
      <Cell kind="number">{size(bytes)}</Cell>
      <Cell kind="wide quiet">{contentType}</Cell>
      <Cell kind="wide">
        <bdi>{agent}</bdi>
      </Cell>
      <Cell kind="time">
        <Ago time={when} />
      </Cell>
    </>
  );
}
