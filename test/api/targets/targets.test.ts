/** Whatever a call is and however its target is named: the state of the target decides one answer. */
import type { Transport } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { SessionState as SessionStateValue } from '../../../gen/artifacta/v1/session_pb.ts';
import { refusal } from '../../support/calls.ts';
import { beginning, kinds, type Remains } from '../../support/restart.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import {
  artifactRow,
  columnsOf,
  expectedOfArtifact,
  expectedOfSession,
  type OpenWorld,
  sessionRow,
} from './answers.ts';
import { artifactColumns } from './artifact-columns.ts';
import { ways } from './artifact-state.ts';
import { artifactStates } from './artifact-targets.ts';
import { sessionColumns } from './session-columns.ts';
import { type SessionState, sessionStates } from './session-targets.ts';
import { inlineBytesMax, theSession, transportOf, World } from './world.ts';

const artifactRows = artifactStates.flatMap((state) => ways.map((way) => [state.what, way, state] as const));
const sessionRows = sessionStates.map((state) => [state.what, state] as const);

/** Which columns are asked on disk too: what changes goes through the same transactions. */
const onDisk = ({ changes }: { readonly changes: boolean }) => !changes;

describe.each(kinds)('with the index in %s', (kind) => {
  let remains: Remains | undefined;
  let opened: TestStore;
  let transport: Transport;
  let worlds = 0;

  const start = async () => {
    remains = await beginning(kind);
    const { index } = await remains.parts();
    opened = { ...(await openTestStore({ index, inlineBytesMax })), clock: remains.clock };
    transport = transportOf(opened);
  };
  const stop = async () => {
    await opened[Symbol.asyncDispose]();
    await remains?.[Symbol.asyncDispose]();
  };

  // In memory a store is opened in no time, and is the faster the less it holds; on disk it is the other way round.
  (kind === 'memory' ? beforeEach : beforeAll)(start);
  (kind === 'memory' ? afterEach : afterAll)(stop);

  /** Each in a namespace of its own. */
  const open: OpenWorld = () => World.make(opened, transport, `row-${++worlds}`);
  const asked = <C extends { readonly changes: boolean }>(columns: readonly C[]) =>
    kind === 'memory' ? columns : columns.filter(onDisk);

  describe('an artifact that is', () => {
    it.each(artifactRows)('%s, named by its %s', async (_what, way, state) => {
      const columns = columnsOf(asked(artifactColumns), way);
      const expected = expectedOfArtifact(columns, state, way);
      expect(await artifactRow(open, columns, state, way)).toEqual(expected);
    });
  });

  describe('a session that is', () => {
    it.each(sessionRows)('%s', async (_what, state) => {
      const columns = asked(sessionColumns);
      expect(await sessionRow(open, columns, state)).toEqual(expectedOfSession(columns, state));
    });
  });

  const hidden = sessionRows.filter(([, { phase }]) => ['gone', 'free', 'outside'].includes(phase));

  it.each(hidden)('nothing tells a session that is %s from one that never was', async (_what, state) => {
    const never = sessionStates.find(({ what }) => what === 'never opened')!;
    expect(await refusalsOf(open, state)).toEqual(await refusalsOf(open, never));
  });

  it.each(writing)('%s of a session that has lapsed writes the lapse down first', async (_call, { run }) => {
    const world = await open();
    const made = await lapsed.make(world);
    await run(world.owner, made).catch(() => undefined);
    const { session } = await world.owner.sessions.getSession({ session: theSession });
    expect(session).toMatchObject({ state: SessionStateValue.SEALED, manifest: { lineCount: 1n } });
    expect(session!.sealTime!.seconds).toBe(BigInt(Math.floor(made.lapse! / 1_000)));
    expect([SessionOutcome.ABANDONED, SessionOutcome.FAILED]).toContain(session!.outcome);
  });
});

const lapsed = sessionStates.find(({ phase }) => phase === 'lapsed')!;

/** Deleting leaves nothing to look at, and links are not the session's. */
const writing = sessionColumns
  .filter(({ changes, call }) => changes && !['DeleteSession', 'RevokeShareLinks'].includes(call))
  .map((column) => [column.call, column] as const);

/** All that callers are told by the calls that say SESSION_NOT_FOUND of whatever is not there. */
async function refusalsOf(open: OpenWorld, { make }: SessionState): Promise<Record<string, unknown>> {
  const world = await open();
  const made = await make(world);
  const told: Record<string, unknown> = {};
  for (const { call, run, words } of sessionColumns)
    if (words?.gone === undefined && words?.free === undefined && words?.outside === undefined)
      told[call] = await refusal(run(made.caller ?? world.owner, made));
  return told;
}
