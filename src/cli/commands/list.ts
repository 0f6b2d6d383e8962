import type { Command } from 'commander';
import type { Artifact } from '../../client/artifacts/artifact.ts';
import type { GoneArtifact } from '../../client/artifacts/gone.ts';
import type { Session } from '../../client/sessions/session.ts';
import { UsageError } from '../exit.ts';
import { parseCount } from '../flags/parse.ts';
import type { Invocation } from '../invocation.ts';
import { humanSize, humanTime } from '../output/human.ts';
import { artifactJson, goneJson, sessionJson } from '../output/json.ts';
import { type Column, tableLines } from '../output/table.ts';
import { inTree, type Placed } from '../running/run-tree.ts';

interface ListFlags {
  readonly allVersions?: boolean;
  readonly gone?: boolean;
  readonly limit?: string;
}

const artifactColumns: readonly Column[] = [
  { title: 'ID' },
  { title: 'VERSION', right: true },
  { title: 'SIZE', right: true },
  { title: 'TYPE' },
  { title: 'CREATED' },
  { title: 'NAME' },
];

/** The columns for artifacts of several sessions. */
const foundColumns: readonly Column[] = [
  { title: 'ID' },
  { title: 'VERSION', right: true },
  { title: 'SIZE', right: true },
  { title: 'TYPE' },
  { title: 'CREATED' },
  { title: 'SESSION' },
  { title: 'NAME' },
];

const sessionColumns: readonly Column[] = [
  { title: 'SESSION' },
  { title: 'STATE' },
  { title: 'ARTIFACTS', right: true },
  { title: 'SIZE', right: true },
  { title: 'CREATED' },
];

/** `artifacta ls`: lists sessions, or the artifacts of one. */
export function addList(program: Command, invocation: Invocation): Command {
  return program
    .command('ls')
    .summary('list sessions, or the artifacts of one')
    .description(
      'Lists the sessions, or the artifacts of one session, newest first. Lists only the latest version of each ' +
        'artifact, unless --all-versions is given.\n' +
        'The sessions of inner runs (ID.1, ID.2) are listed below the session of the outer run (ID); with --json or ' +
        '--quiet, all sessions are listed newest first.\n' +
        'With --json each session, or each version, is one JSON document on one line.',
    )
    .argument('[session]', 'the session whose artifacts to list')
    .option('--all-versions', 'also list older versions')
    .option('--gone', 'for a sealed session, also list the artifacts of its manifest that no longer exist')
    .option('--limit <n>', 'at most this many results (default: all)')
    .action(async (session: string | undefined, flags: ListFlags, command: Command) => {
      if (session === undefined) {
        if (flags.allVersions) throw new UsageError('--all-versions needs a session');
        if (flags.gone) throw new UsageError('--gone needs a session');
        return listSessions(flags, command, invocation);
      }
      const limit = parseLimit(flags);
      const query = { allVersions: flags.allVersions, limit, signal: invocation.io.signal };
      await invocation.withClient(command, (client) =>
        show<Artifact | GoneArtifact>(
          flags.gone ? client.listWithGone(session, query) : client.query({ ...query, session }),
          artifactShape(false),
          `session ${session} has no artifacts`,
          invocation,
        ),
      );
    });
}

const noSessions = 'no sessions exist';

/** Lists sessions: `ls` without a session, and `session ls`. */
export async function listSessions(
  flags: ListFlags,
  command: Command,
  invocation: Invocation,
): Promise<void> {
  const limit = parseLimit(flags);
  const { signal } = invocation.io;
  const { json, quiet } = invocation.output.style;
  await invocation.withClient(command, async (client) => {
    const found = client.sessions.list({ limit, signal });
    if (json || quiet) await show(found, sessionShape, noSessions, invocation);
    else await show(inTree(found), placedShape, noSessions, invocation);
  });
}

function parseLimit(flags: ListFlags): number | undefined {
  return flags.limit === undefined ? undefined : parseCount('--limit', flags.limit, 1);
}

/** The form of the list of one kind of thing. */
interface Shape<T> {
  readonly columns: readonly Column[];
  row(item: T): readonly string[];
  json(item: T): unknown;
  /** Undefined for a thing without one. */
  id(item: T): string | undefined;
}

/** The form of a list of sessions. */
export const sessionShape: Shape<Session> = {
  columns: sessionColumns,
  row: sessionRow,
  json: sessionJson,
  id: ({ id }) => id,
};

/** The form of a list of sessions in which runs within runs are below these. */
const placedShape: Shape<Placed> = {
  ...sessionShape,
  row: ({ session, depth }) => {
    const [id = '', ...others] = sessionRow(session);
    return ['  '.repeat(depth) + id, ...others];
  },
  json: ({ session }) => sessionJson(session),
  id: ({ session }) => session.id,
};

/** @param withSession whether the artifacts are of several sessions: each then shows its session. */
export function artifactShape(withSession: boolean): Shape<Artifact | GoneArtifact> {
  return {
    columns: withSession ? foundColumns : artifactColumns,
    row: (item) => ('gone' in item ? goneRow(item) : artifactRow(item, withSession)),
    json: (item) => ('gone' in item ? goneJson(item) : artifactJson(item)),
    id: (item) => ('gone' in item ? undefined : item.id),
  };
}

/** Prints a table; with `--json` one document on each line; with `--quiet` one id on each line. */
export async function show<T>(
  items: AsyncIterable<T>,
  shape: Shape<T>,
  whenEmpty: string,
  { output }: Invocation,
): Promise<void> {
  const { json, quiet } = output.style;
  let count = 0;
  async function* counted() {
    for await (const item of items) {
      count++;
      yield item;
    }
  }
  async function* rows() {
    for await (const item of counted()) yield shape.row(item);
  }
  async function* oneByOne() {
    for await (const item of counted()) {
      const line = json ? JSON.stringify(shape.json(item)) : shape.id(item);
      if (line !== undefined) yield line;
    }
  }
  for await (const line of json || quiet ? oneByOne() : tableLines(shape.columns, rows())) {
    await output.line(line);
    if (output.closed) return;
  }
  if (count === 0 && !json) output.remark(whenEmpty);
}

function artifactRow(artifact: Artifact, withSession: boolean): readonly string[] {
  return [
    artifact.id,
    String(artifact.version),
    humanSize(artifact.sizeBytes),
    artifact.contentType,
    humanTime(artifact.createTime),
    ...(withSession ? [artifact.session] : []),
    artifact.name,
  ];
}

function goneRow({ name, version, sizeBytes, contentType }: GoneArtifact): readonly string[] {
  return ['gone', String(version), humanSize(sizeBytes), contentType, '-', name];
}

function sessionRow(session: Session): readonly string[] {
  return [
    session.id,
    session.outcome ?? session.state,
    String(session.artifactCount),
    humanSize(session.sizeBytes),
    humanTime(session.createTime),
  ];
}
