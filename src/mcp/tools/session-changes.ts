/** Tools for the life of a session: `open_session`, `seal_session`, `wait_session`. */
import * as z from 'zod/v4';
import { ArtifactaError } from '../../client/errors.ts';
import { generatedSession } from '../../client/sessions/session-id.ts';
import { sessionArgument, sessionId, textMap, without } from '../arguments.ts';
import type { ToolContext } from '../context.ts';
import { briefSession, sessionBrief, textOfSession } from '../shown.ts';
import { sessionOrNone } from '../stdio/default-session.ts';
import { adds, reads, type Tool, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';

const secondsMin = 10;
const secondsMax = 30 * 24 * 3_600;
const expectedMax = 256;
/** Hosts give up a call after a minute. */
const waitSecondsMax = 50;

/** `open_session`. Over stdio the session becomes the one of this agent run. */
export function openSessionTool({ defaultSession, now }: ToolContext): Tool {
  const all = z.strictObject({
    session: sessionId.optional().describe('The id, of letters, digits and ._:- . Default: a new one'),
    metadata: textMap.optional().describe('All artifacts of the session inherit it; cannot be changed later'),
    labels: textMap.optional(),
    expected_outputs: z
      .array(z.string())
      .max(expectedMax)
      .optional()
      .describe('Names that the run will produce'),
    lease_seconds: z
      .number()
      .int()
      .min(secondsMin)
      .max(secondsMax)
      .optional()
      .describe(
        defaultSession
          ? 'The session is sealed as abandoned after this time without a new version or a renewal. This server renews ' +
              'the lease of a session that it opens as the default. Default: --lease; with as_default false, no lease'
          : 'The session is sealed as abandoned after this time without a new version or a renewal. Default: no lease',
      ),
    as_default: z.boolean().optional().describe('Pushes that name no session go to it. Default true'),
  });
  const input = without(all, { as_default: defaultSession === undefined });
  return tool('open_session', {
    title: 'Open a session',
    description:
      'Opens a session, which keeps together what one run of an agent produces, and returns its id. ' +
      (defaultSession
        ? 'Not necessary before a push. If this call opens a new session as the default, that session is sealed as ' +
          'succeeded when this server is closed, unless seal_session comes first.'
        : 'Name the id in each push, and seal it with seal_session at the end.'),
    input,
    output: z.object({ session: sessionBrief, created: z.boolean() }),
    annotations: adds,
    async handle(args, { store, signal }) {
      const becomesDefault = defaultSession !== undefined && args.as_default !== false;
      // A session of another program keeps the lease that it has.
      const isNew =
        args.session === undefined || (await sessionOrNone(store, args.session, signal)) === undefined;
      const leaseMs = becomesDefault && isNew ? defaultSession.leaseMs : undefined;
      const id = args.session ?? generatedSession(now(), Math.random);
      const { session, created } = await store.sessions.open(id, {
        metadata: args.metadata,
        labels: args.labels,
        expectedOutputs: args.expected_outputs,
        leaseMs: args.lease_seconds === undefined ? leaseMs : args.lease_seconds * 1_000,
        signal,
      });
      if (becomesDefault) defaultSession.adopt(store, session, created);
      const line = `${created ? 'opened' : 'exists'}: ${textOfSession(session)}`;
      return { data: { session: briefSession(session), created }, lines: [line] };
    },
  });
}

/** `seal_session`. */
export function sealSessionTool({ defaultSession }: ToolContext): Tool {
  return tool('seal_session', {
    title: 'Seal a session',
    description:
      'Ends a session with its outcome: nothing can be added afterwards, and agents that wait for it go on. ' +
      'Call it when the work is complete, or has failed for good.',
    input: z.strictObject({
      session: sessionArgument(defaultSession),
      outcome: z.enum(['succeeded', 'failed', 'cancelled']),
    }),
    output: z.object({ session: sessionBrief, already_sealed: z.boolean() }),
    annotations: { ...adds, destructiveHint: true },
    async handle({ session: named, outcome }, { store, signal }) {
      const id = named ?? defaultSession?.id;
      if (id === undefined)
        throw new BadArgument('session', 'is required: this agent run has not opened a session yet');
      if (named === undefined && id === defaultSession?.idOfRun)
        throw new BadArgument(
          'session',
          `is required: ${id} is sealed by the command that runs this agent, when it ends; name it to seal it now`,
        );
      const { session, alreadySealed } = await store.sessions.seal(id, outcome, { signal });
      const lines = [textOfSession(session)];
      if (session.missingOutputs.length > 0)
        lines.push(`missing expected outputs: ${session.missingOutputs.slice(0, 20).join(', ')}`);
      return { data: { session: briefSession(session), already_sealed: alreadySealed }, lines };
    },
  });
}

/** `wait_session`. */
export const waitSessionTool = tool('wait_session', {
  title: 'Wait until a session is sealed',
  description:
    `Waits up to ${waitSecondsMax} seconds until another agent has sealed a session. If the answer has sealed = false, ` +
    'call it again. Then query the session.',
  input: z.strictObject({
    session: sessionId,
    timeout_seconds: z.number().min(0).max(waitSecondsMax).default(waitSecondsMax),
    wait_for_open: z.boolean().default(false).describe('Wait for a session that does not exist yet, too'),
  }),
  output: z.object({
    sealed: z.boolean(),
    session: sessionBrief.optional().describe('Missing: it does not exist yet'),
  }),
  annotations: reads,
  async handle({ session: id, timeout_seconds: seconds, wait_for_open: waitForOpen }, { store, signal }) {
    try {
      const timeoutMs = seconds * 1_000;
      const session = await store.sessions.wait(id, { timeoutMs, waitForOpen, signal });
      return { data: { sealed: true, session: briefSession(session) }, lines: [textOfSession(session)] };
    } catch (error) {
      if (!(error instanceof ArtifactaError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
    }
    const session = waitForOpen
      ? await sessionOrNone(store, id, signal)
      : await store.sessions.get(id, { signal });
    if (session === undefined) return { data: { sealed: false }, lines: [`${id} does not exist yet`] };
    const sealed = session.state === 'sealed';
    return { data: { sealed, session: briefSession(session) }, lines: [textOfSession(session)] };
  },
});
