/** Tools for the hooks of a host that store what its agent has written: `record_file` and `record_patch`. */
import { resolve } from 'node:path';
import * as z from 'zod/v4';
import type { Content } from '../../client/artifacts/content.ts';
import type { Pushed } from '../../client/artifacts/push-spec.ts';
import { FileUnsuitable } from '../../client/files/file.ts';
import { sessionArgument, textMap, without } from '../arguments.ts';
import type { ToolContext } from '../context.ts';
import { textOfArtifact } from '../shown.ts';
import { adds, type Call, type Tool, tool } from '../tool.ts';
import { BadArgument, textOfError } from '../tool-error.ts';
import { pathsOfPatch } from './patch.ts';
import { answerOf, clientMetadata, type PushArguments, pushedData, pushTo, sessionFor } from './push.ts';

const patchFilesMax = 256;
/** The number of files of a patch that an answer names. */
const shownMax = 32;

/** The host's own id of the run, for hooks. */
export const hostSessionArgument = z.string().min(1).max(256);

interface RecordArguments extends PushArguments {
  readonly host_session?: string | undefined;
}

/** `record_file`: stores a file that a tool of the host has written. */
export function recordFileTool(context: ToolContext): Tool {
  const { defaultSession, hostRun } = context;
  const all = z.strictObject({
    path: z.string().max(4_096).describe('The file, below an allowed directory'),
    session: sessionArgument(defaultSession),
    host_session: hostSessionArgument
      .optional()
      .describe("The host's id of this run, after which a new session is named"),
    metadata: textMap.optional(),
  });
  const input = without(all, { host_session: hostRun === undefined });
  return tool('record_file', {
    title: 'Record a written file',
    description:
      'For the hooks of a host: stores a file that the agent has just written or edited, in the session of this ' +
      'agent run, under its path. Leaves alone files that look like secrets, are elsewhere or have gone. A model ' +
      'uses push instead.',
    input,
    output: pushedData.extend({
      recorded: z.boolean(),
      reason: z.string().optional().describe('Why it was left alone'),
    }),
    annotations: adds,
    async handle({ path, ...args }: RecordArguments & { path: string }, call) {
      if (args.session !== undefined && args.host_session !== undefined)
        throw new BadArgument('host_session', 'must be left out with session');
      const done = await record(context, path, args, call);
      if (typeof done === 'string')
        return { data: { recorded: false, reason: done }, lines: [`left alone: ${done}`] };
      const answer = answerOf(done);
      return { ...answer, data: { ...answer.data, recorded: true } };
    },
  });
}

/** `record_patch`: stores the files that a patch has left. */
export function recordPatchTool(context: ToolContext): Tool {
  return tool('record_patch', {
    title: 'Record patched files',
    description:
      'For the hooks of a host whose tool for edits takes a patch: stores the files that the patch has left, as ' +
      'record_file does. A model uses push instead.',
    input: z.strictObject({
      patch: z.string().describe('The patch, with lines such as "*** Update File: PATH"'),
      directory: z.string().max(4_096).describe('The directory from which relative paths count'),
      host_session: hostSessionArgument,
    }),
    output: z.object({
      recorded: z.number().describe('The number of files'),
      left_alone: z.number(),
      files: z
        .array(z.object({ path: z.string(), reason: z.string().optional() }))
        .describe(`The first ${shownMax}; with a reason: left alone`),
    }),
    annotations: adds,
    async handle({ patch, directory, host_session }, call) {
      const paths = pathsOfPatch(patch);
      if (paths.length > patchFilesMax)
        throw new BadArgument('patch', `must name at most ${patchFilesMax} files, not ${paths.length}`);
      const files: { path: string; reason?: string }[] = [];
      const lines: string[] = [];
      for (const path of paths) {
        const done = await record(context, resolve(directory, path), { host_session }, call);
        const shown = path.slice(0, 200);
        files.push(typeof done === 'string' ? { path: shown, reason: done.slice(0, 200) } : { path: shown });
        lines.push(
          typeof done === 'string'
            ? `left alone: ${shown}: ${done}`
            : `${done.effect}: ${textOfArtifact(done.artifact)}`,
        );
      }
      const leftAlone = files.filter(({ reason }) => reason !== undefined).length;
      return {
        data: {
          recorded: files.length - leftAlone,
          left_alone: leftAlone,
          files: files.slice(0, shownMax),
        },
        lines,
      };
    },
  });
}

/**
 * Stores a file under its path, or returns why it was left alone: hooks see every file that an agent writes, also
 * those that this server may not read.
 *
 * @throws BadArgument if this server may read no files at all.
 */
async function record(
  context: ToolContext,
  path: string,
  args: RecordArguments,
  call: Call,
): Promise<Pushed | string> {
  const files = context.files!;
  try {
    return await files.read(path, async (content, name) =>
      files.isSecret(name)
        ? 'its name looks like that of a secret'
        : await push(context, content, name, args, call),
    );
  } catch (error) {
    const isOfFile = error instanceof BadArgument || error instanceof FileUnsuitable;
    if (!isOfFile || (await files.allowed()).length === 0) throw error;
    return textOfError(error);
  }
}

async function push(
  context: ToolContext,
  content: Content,
  name: string,
  { host_session: hostSession, ...args }: RecordArguments,
  call: Call,
): Promise<Pushed> {
  const { hostRun } = context;
  const pushInto = (session: string) => pushTo(session, content, name, args, call);
  if (args.session !== undefined || hostSession === undefined)
    return await pushInto(await sessionFor(context, args.session, call));
  return await hostRun!.within(hostSession, call.store, clientMetadata(call), pushInto);
}
