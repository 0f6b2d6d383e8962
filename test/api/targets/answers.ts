/** What each call of a row answers, as the table writes it. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { SessionState as SessionStateValue } from '../../../gen/artifacta/v1/session_pb.ts';
import { ErrorInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import type { ArtifactColumn } from './artifact-columns.ts';
import { type ArtifactState, type Made, referenceTo, type Way } from './artifact-state.ts';
import { answers, type SessionColumn } from './session-columns.ts';
import type { MadeSession, SessionState } from './session-targets.ts';
import { hasExpired, type World } from './world.ts';

export type OpenWorld = () => Promise<World>;

/** By call. */
type Row = Record<string, string>;

async function reasonOr(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return error.findDetails(ErrorInfoSchema)[0]?.reason ?? error.message;
  }
}

/** Runs the columns of a row: those that change nothing over one world, each of the others over one of its own. */
async function rowOf<C extends { readonly call: string; readonly changes: boolean }, M>(
  open: OpenWorld,
  columns: readonly C[],
  make: (world: World) => Promise<M>,
  answer: (column: C, made: M, world: World) => Promise<string>,
): Promise<Row> {
  const row: Row = {};
  const run = async (some: readonly C[]) => {
    const world = await open();
    const made = await make(world);
    for (const column of some) row[column.call] = await reasonOr(() => answer(column, made, world));
  };
  await run(columns.filter((column) => !column.changes));
  for (const column of columns) if (column.changes) await run([column]);
  return row;
}

/** Which of the columns are about targets that are named in a way. */
export function columnsOf(columns: readonly ArtifactColumn[], way: Way): ArtifactColumn[] {
  return columns.filter(({ ways }) => ways === undefined || ways.includes(way));
}

export async function artifactRow(
  open: OpenWorld,
  columns: readonly ArtifactColumn[],
  state: ArtifactState,
  way: Way,
): Promise<Row> {
  return await rowOf<ArtifactColumn, Made>(open, columns, state.make, async (column, made, world) => {
    const seen = await column.run(made.caller ?? world.owner, referenceTo(made, way));
    if ('said' in seen) return seen.said;
    const { id, latest = id, numbered = id } = made;
    return seen.id === { id, name: latest, version: numbered }[way]
      ? 'found'
      : `another artifact: ${seen.id}`;
  });
}

export function expectedOfArtifact(columns: readonly ArtifactColumn[], state: ArtifactState, way: Way): Row {
  const answer = state.answers[way];
  const row: Row = {};
  for (const { call, words } of columns) {
    const exception = answer === 'found' ? state.but?.[call]?.[0] : undefined;
    row[call] = exception ?? words?.[answer] ?? answer;
  }
  return row;
}

export async function sessionRow(
  open: OpenWorld,
  columns: readonly SessionColumn[],
  state: SessionState,
): Promise<Row> {
  return await rowOf<SessionColumn, MadeSession>(open, columns, state.make, async (column, made, world) => {
    const seen = await column.run(made.caller ?? world.owner, made);
    if (seen.said !== undefined) return seen.said;
    const { session } = seen;
    if (session === undefined || session.uid !== made.uid) return `another session: ${session?.uid}`;
    const faults = [];
    const isOpen = session.state === SessionStateValue.OPEN;
    const mayBeOpen = state.phase === 'open' && !column.call.startsWith('SealSession');
    if (isOpen !== mayBeOpen) faults.push(`shown in state ${session.state}`);
    if (hasExpired(session, world.now) !== (state.phase === 'expired'))
      faults.push('shown with another expiry');
    if (made.lapse !== undefined && session.sealTime && timestampMs(session.sealTime) !== made.lapse)
      faults.push('shown with another seal time');
    return ['found', ...faults].join(', ');
  });
}

export function expectedOfSession(columns: readonly SessionColumn[], { phase, but }: SessionState): Row {
  const row: Row = {};
  for (const { call, words } of columns) row[call] = but?.[call]?.[0] ?? words?.[phase] ?? answers[phase];
  return row;
}
