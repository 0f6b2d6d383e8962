/** The events of a session as rows: what the feed brings, what stays in memory, and how rows are grouped. */

import { isPiece } from './output-pieces.ts';

/** An artifact as the console keeps it: a part of its record. */
interface KeptArtifact {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly bytes: number;
  readonly contentType: string;
  readonly agent: string;
  readonly isOnHold: boolean;
  /** Why it counts as a failure. Undefined: it does not. */
  readonly failed: string | undefined;
}

/** One event of the feed. */
export interface FeedRow {
  readonly sequence: number;
  /** Milliseconds since the Unix epoch; NaN: not known. */
  readonly time: number;
  /** Absent: the artifact was deleted or has expired. */
  readonly artifact: KeptArtifact | undefined;
  readonly deletedId: string;
}

/** The most events that are kept. Those before are read again on demand. */
export const keptRowsMax = 20_000;

/** Words for a failure, as values of metadata and labels that tell how something went. */
const bad = /^(?:failed|failure|fail|error|errored|fatal|timeout|timed[ _-]?out|crashed|rejected)$/i;
const telling = ['status', 'outcome', 'result', 'state', 'level'];

/** Returns why an artifact counts as a failure: its labels or metadata say so. */
export function failureIn(...described: readonly Readonly<Record<string, string>>[]): string | undefined {
  for (const pairs of described) {
    if (pairs.error !== undefined && pairs.error !== '') return `error: ${pairs.error}`;
    const key = telling.find((key) => bad.test(pairs[key] ?? ''));
    if (key !== undefined) return `${key} = ${pairs[key]}`;
  }
  return undefined;
}

/** All rows of a session that are in memory, by sequence. */
export class Rows {
  private rows: FeedRow[] = [];
  /** The number of events that were dropped from memory, since later ones came. */
  dropped = 0;

  get all(): readonly FeedRow[] {
    return this.rows;
  }

  /** Adds an event. A repeated one is ignored. */
  add(row: FeedRow): void {
    if (row.sequence <= (this.rows.at(-1)?.sequence ?? 0)) return;
    this.rows.push(row);
    // Seldom, so that it costs little for each event.
    if (this.rows.length >= keptRowsMax * 1.1) this.drop(this.rows.length - keptRowsMax);
  }

  private drop(count: number): void {
    this.rows = this.rows.slice(count);
    this.dropped += count;
  }
}

/** A line of the list: an event, or the head of a group. */
export type ShownLine =
  | { readonly kind: 'event'; readonly row: FeedRow; readonly versions: number; readonly isGone: boolean }
  | { readonly kind: 'group'; readonly name: string; readonly count: number; readonly bytes: number };

/** How rows are arranged. */
export type View = 'flat' | 'name' | 'agent';

/** Returns the lines of a view: only events whose artifact's name or agent contains the search. */
export function linesOf(rows: readonly FeedRow[], view: View, search: string): ShownLine[] {
  const wanted = search.toLowerCase();
  const isWanted = ({ artifact }: FeedRow) =>
    wanted === '' ||
    (artifact !== undefined &&
      (artifact.name.toLowerCase().includes(wanted) || artifact.agent.toLowerCase().includes(wanted)));
  const matching = rows.filter(isWanted);
  if (view === 'flat') {
    const gone = deletedIn(rows);
    return matching.toReversed().map((row) => {
      const isGone = row.artifact !== undefined && gone.has(row.artifact.id);
      return { kind: 'event', row, versions: 1, isGone };
    });
  }
  const latest = latestByName(
    matching.filter(({ artifact }) => artifact === undefined || !isPiece(artifact.name)),
  );
  if (view === 'name')
    return [...latest.values()]
      .sort((a, b) => compare(a.row.artifact!.name, b.row.artifact!.name))
      .map(({ row, versions }) => ({ kind: 'event', row, versions, isGone: false }));
  const groups = Map.groupBy(latest.values(), ({ row }) => row.artifact!.agent);
  return [...groups]
    .sort(([a], [b]) => compare(a, b))
    .flatMap(([agent, members]) => [
      {
        kind: 'group' as const,
        name: agent === '' ? 'without an agent' : agent,
        count: members.length,
        bytes: members.reduce((sum, { row }) => sum + row.artifact!.bytes, 0),
      },
      ...members
        .toReversed()
        .map(({ row, versions }) => ({ kind: 'event' as const, row, versions, isGone: false })),
    ]);
}

function deletedIn(rows: readonly FeedRow[]): ReadonlySet<string> {
  return new Set(rows.flatMap(({ deletedId }) => (deletedId === '' ? [] : [deletedId])));
}

/** The latest live version of each name, with the number of its versions. */
function latestByName(rows: readonly FeedRow[]): Map<string, { row: FeedRow; versions: number }> {
  const deleted = deletedIn(rows);
  const latest = new Map<string, { row: FeedRow; versions: number }>();
  for (const row of rows) {
    if (row.artifact === undefined || deleted.has(row.artifact.id)) continue;
    const { name } = row.artifact;
    const versions = (latest.get(name)?.versions ?? 0) + 1;
    // In the order of the latest versions.
    latest.delete(name);
    latest.set(name, { row, versions });
  }
  return latest;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Returns the first event whose artifact counts as a failure. */
export function firstFailure(rows: readonly FeedRow[]): (FeedRow & { artifact: KeptArtifact }) | undefined {
  return rows.find((row): row is FeedRow & { artifact: KeptArtifact } => row.artifact?.failed !== undefined);
}

/** Returns the expected outputs that no live artifact has the name of. */
export function missingOutputs(expected: readonly string[], rows: readonly FeedRow[]): string[] {
  if (expected.length === 0) return [];
  const found = latestByName(rows);
  return expected.filter((name) => !found.has(name));
}
