/** `whoami`: who the caller is, what this server is, and what it may do. */
import * as z from 'zod/v4';
import type { Caller } from '../../client/caller.ts';
import { ArtifactaError } from '../../client/errors.ts';
import type { ToolContext } from '../context.ts';
import { reads, type Tool, tool } from '../tool.ts';
import { consentedTools } from './consented.ts';

const callerSchema = z.object({
  subject: z.string(),
  namespace: z.string(),
  scopes: z.array(z.string()),
  operator: z.boolean(),
  sessions: z.array(z.string()).optional().describe('The only sessions for these credentials'),
  session_prefixes: z.array(z.string()).optional(),
  name_prefix: z.string().optional(),
  expire_time: z.string().optional(),
});

/** Returns the tool. */
export function whoamiTool(context: ToolContext): Tool {
  const { files, defaultSession, version } = context;
  return tool('whoami', {
    title: 'Show what this server may do',
    description:
      'Returns who the service takes you for and your rights, the versions, the limits of the service, the session of this agent run, and the directories whose files may be pushed and pulled.',
    input: z.strictObject({}),
    output: z.object({
      caller: callerSchema.optional(),
      version: z.string(),
      service_version: z.string().optional(),
      authentication_required: z.boolean().optional(),
      features: z.array(z.string()),
      default_session: z.string().optional(),
      allowed_directories: z.array(z.string()).optional(),
      consented_tools: z.array(z.string()).describe('Tools for which a person is asked each time'),
      max_artifact_bytes: z.number().optional(),
    }),
    annotations: reads,
    async handle(_args, { store, signal }) {
      const info = await unlessOlder(() => store.serverInfo({ signal }));
      const caller = await unlessOlder(() => store.caller({ signal }));
      const session = defaultSession?.id;
      const max = info?.limits.maxArtifactBytes;
      const data = {
        ...(caller !== undefined && { caller: shownCaller(caller) }),
        version,
        ...(info !== undefined && {
          service_version: info.version,
          authentication_required: info.authenticationRequired,
        }),
        features: [...(info?.features ?? [])],
        ...(session !== undefined && { default_session: session }),
        ...(files !== undefined && { allowed_directories: [...(await files.allowed())] }),
        consented_tools: consentedTools(context).map(({ name }) => name),
        ...(max !== undefined && { max_artifact_bytes: max }),
      };
      const name = caller === undefined ? '' : `, ${caller.subject} of namespace ${caller.namespace}`;
      return { data, lines: [`Artifacta ${version}${name}, session ${session ?? 'none yet'}`] };
    },
  });
}

function shownCaller({ subject, namespace, scopes, operator, ...limits }: Caller) {
  const { sessions, sessionPrefixes, namePrefix, expireTime } = limits;
  return {
    subject,
    namespace,
    scopes: [...scopes],
    operator,
    ...(sessions.length > 0 && { sessions: [...sessions] }),
    ...(sessionPrefixes.length > 0 && { session_prefixes: [...sessionPrefixes] }),
    ...(namePrefix !== '' && { name_prefix: namePrefix }),
    ...(expireTime !== undefined && { expire_time: expireTime.toISOString() }),
  };
}

/** A service that is older than the call has no answer. */
async function unlessOlder<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ArtifactaError && error.code === 'UNIMPLEMENTED') return undefined;
    throw error;
  }
}
