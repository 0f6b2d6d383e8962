/** `pull`: the bytes of an artifact, to a file or to a program, past the model. */
import * as z from 'zod/v4';
import { artifactArgument, refOf, versionArgument, without } from '../arguments.ts';
import type { ToolContext } from '../context.ts';
import { artifactBrief, briefArtifact, textOfArtifact } from '../shown.ts';
import { adds, type Tool, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';
import { ticketData, ticketFor } from './tickets.ts';

/** Returns the tool. Where no tool takes a path, it returns tickets only. */
export function pullTool({ files }: ToolContext): readonly Tool[] {
  const all = z.strictObject({
    artifact: artifactArgument,
    version: versionArgument,
    to: z
      .string()
      .max(4_096)
      .optional()
      .describe('A file, or a directory that exists or ends in "/", below an allowed directory'),
    ticket: z.literal(true).optional().describe('Return a URL from which a program gets the bytes'),
  });
  const input = without(all, { to: files === undefined });
  const ways = [...(files ? ['to'] : []), 'ticket'];
  return [
    tool('pull', {
      title: 'Get the bytes of an artifact',
      description:
        'Gets a whole artifact of any size without showing you its content. ' +
        (files
          ? 'Either saves it to a file of this machine, checked by its SHA-256 (a file with other bytes is ' +
            'replaced), or returns a URL that works for a few minutes.'
          : 'Returns a URL that works for a few minutes.'),
      input,
      output: z.object({
        artifact: artifactBrief,
        path: z.string().optional().describe('The file'),
        effect: z.enum(['new', 'replaced', 'unchanged']).optional().describe('What happened to the file'),
        ticket: ticketData.optional(),
      }),
      annotations: { ...adds, destructiveHint: files !== undefined },
      async handle(args, { store, signal }) {
        if ((args.to === undefined) === (args.ticket === undefined))
          throw new BadArgument(
            ways.join(', '),
            ways.length === 1 ? 'is required' : 'exactly one must be given',
          );
        const artifact = await store.get(refOf(args.artifact, args.version), { signal });
        const data = { artifact: briefArtifact(artifact) };
        if (args.to !== undefined) {
          const { path, saved } = await files!.save(store, artifact, args.to, signal);
          return { data: { ...data, path, effect: saved }, lines: [`${saved}: ${path}`], links: [artifact] };
        }
        const instead = files === undefined ? 'use read' : 'use to';
        const ticket = await ticketFor(store, { kind: 'read', artifact }, instead, signal);
        return {
          data: { ...data, ticket },
          lines: [`GET ${ticket.uri}`, textOfArtifact(artifact)],
          links: [artifact],
        };
      },
    }),
  ];
}
