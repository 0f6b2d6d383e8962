/** `pull`: the bytes of an artifact, to a file or to a program, past the model. */
import * as z from 'zod/v4';
import { artifactArgument, refOf, versionArgument, without } from '../arguments.ts';
import type { ToolContext } from '../context.ts';
import { artifactBrief, briefArtifact, textOfArtifact } from '../shown.ts';
import { adds, type Tool, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';
import { dataOfTicket, ticketData } from './tickets.ts';

/** Returns the tool; none if bytes can go nowhere. */
export function pullTool({ files, makeTicket }: ToolContext): readonly Tool[] {
  if (files === undefined && makeTicket === undefined) return [];
  const all = z.strictObject({
    artifact: artifactArgument,
    version: versionArgument,
    to: z
      .string()
      .max(4_096)
      .optional()
      .describe('A file, or a directory that exists or ends in "/", below an allowed directory'),
    ticket: z.literal(true).optional().describe('Answer a URL from which a program gets the bytes'),
  });
  const input = without(all, { to: files === undefined, ticket: makeTicket === undefined });
  const ways = [...(files ? ['to'] : []), ...(makeTicket ? ['ticket'] : [])];
  return [
    tool('pull', {
      title: 'Get the bytes of an artifact',
      description:
        'Moves a whole artifact of any size without reading it: ' +
        `${files ? 'to a file of this machine, checked by its SHA-256' : ''}${ways.length === 2 ? '; or ' : ''}` +
        `${makeTicket ? 'answers a URL that is good for minutes' : ''}. A file with other bytes is replaced.`,
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
        const made = await makeTicket!(store, { kind: 'read', artifactId: artifact.id }, signal);
        const ticket = dataOfTicket(made);
        return {
          data: { ...data, ticket },
          lines: [`GET ${ticket.uri ?? ticket.path}`, textOfArtifact(artifact)],
          links: [artifact],
        };
      },
    }),
  ];
}
