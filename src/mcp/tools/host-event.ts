/** The tool for hooks that tells the server how the run of the agent goes: `host_event`. */
import * as z from 'zod/v4';
import type { HostRun } from '../stdio/host-run.ts';
import { adds, type Tool, tool } from '../tool.ts';
import { clientMetadata } from './push.ts';
import { hostSessionArgument } from './record.ts';

/** Hosts read the text of an answer as the output of a hook. This says nothing, to the host and to its model. */
const nothing = '{}';

/** Returns the tool. */
export function hostEventTool(run: HostRun): Tool {
  return tool('host_event', {
    title: 'Tell how the run goes',
    description:
      'For the hooks of a host, which report the life of its run; models do not call it. SessionStart and ' +
      'UserPromptSubmit open the session of the run under a lease. Stop notes that the agent has finished what it ' +
      'was asked for. SessionEnd begins to seal the session, and does not wait for that.',
    input: z.strictObject({
      event: z.enum(['SessionStart', 'UserPromptSubmit', 'Stop', 'SessionEnd']),
      host_session: hostSessionArgument.describe("The host's id of this run"),
      transcript_path: z
        .string()
        .max(4_096)
        .nullable()
        .optional()
        .describe('Stored at the end if this server was started with the directory of transcripts'),
    }),
    output: z.object({ session: z.string().optional().describe('The session of the run, if it is open') }),
    annotations: adds,
    async handle({ event, host_session: hostSession, transcript_path }, call) {
      const transcript = transcript_path || undefined;
      if (event === 'Stop') run.turnEnded(hostSession, transcript);
      if (event === 'SessionEnd') run.ended(hostSession, transcript);
      if (event === 'Stop' || event === 'SessionEnd') return { data: {}, lines: [nothing] };
      if (event === 'UserPromptSubmit') run.turnBegan();
      const session = await run.sessionFor(hostSession, call.store, clientMetadata(call));
      return { data: { session }, lines: [nothing] };
    },
  });
}
