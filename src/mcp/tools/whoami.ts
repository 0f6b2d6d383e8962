/** `whoami`: what this server is, and what it may do. */
import * as z from 'zod/v4';
import { ArtifactaError } from '../../client/errors.ts';
import type { ServerInfo } from '../../client/server-info.ts';
import type { ToolContext } from '../context.ts';
import { reads, type Tool, tool } from '../tool.ts';
import { consentedTools } from './consented.ts';

/** Returns the tool. */
export function whoamiTool(context: ToolContext): Tool {
  const { files, defaultSession, version } = context;
  return tool('whoami', {
    title: 'Show what this server may do',
    description:
      'Returns the versions, the limits of the service, the session of this agent run, and the directories whose files may be pushed and pulled.',
    input: z.strictObject({}),
    output: z.object({
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
      const info = await infoOf(() => store.serverInfo({ signal }));
      const session = defaultSession?.id;
      const max = info?.limits.maxArtifactBytes;
      const data = {
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
      return { data, lines: [`Artifacta ${version}, session ${session ?? 'none yet'}`] };
    },
  });
}

/** A service that is older than the call has no answer. */
async function infoOf(ask: () => Promise<ServerInfo>): Promise<ServerInfo | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ArtifactaError && error.code === 'UNIMPLEMENTED') return undefined;
    throw error;
  }
}
