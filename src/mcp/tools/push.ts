/** The tool that stores: `push`. */
import { Buffer } from 'node:buffer';
import * as z from 'zod/v4';
import type { PushContent } from '../../client/artifacts/content.ts';
import type { Pushed } from '../../client/artifacts/push-spec.ts';
import type { Answer } from '../answer.ts';
import { sessionArgument, textMap, without } from '../arguments.ts';
import type { ToolContext } from '../context.ts';
import { artifactBrief, briefArtifact, textOfArtifact } from '../shown.ts';
import { adds, type Call, type Tool, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';
import { ticketData, ticketFor } from './tickets.ts';

/** The longest text that a model may push, in bytes of UTF-8. */
const textBytesMax = 8 * 1024;
const inputsMax = 64;
const secondsMax = 10 * 365 * 24 * 3_600;

const text = z.string().refine((value) => Buffer.byteLength(value) <= textBytesMax, {
  error: (issue) =>
    `must be at most ${textBytesMax} bytes of UTF-8, not ${Buffer.byteLength(issue.input as string)}: ` +
    'write it to a file, and push its path or use a ticket',
});

/** What is said about the artifact, however its bytes come. */
const described = {
  content_type: z.string().max(255).optional().describe('The media type. Default: guessed from the name'),
  metadata: textMap.optional().describe('Provenance, e.g. {"agent": "billing"}; cannot be changed later'),
  labels: textMap.optional().describe('Can be changed later'),
  inputs: z
    .array(z.string())
    .max(inputsMax)
    .optional()
    .describe('Ids of the artifacts that it was made from'),
};

/** The data of an answer about a push. */
export const pushedData = z.object({
  artifact: artifactBrief.optional(),
  effect: z
    .enum(['new', 'version', 'unchanged', 'replayed'])
    .optional()
    .describe('unchanged: the latest version had these bytes; replayed: this request_id had succeeded'),
  ticket: ticketData.optional(),
});

/** `push`: stores a file, a short text, or what a ticket carries. */
export function pushTool(context: ToolContext): Tool {
  const { files, defaultSession } = context;
  const sources = [...(files ? ['path'] : []), 'text', 'ticket'];
  const others = files ? 'path or ticket' : 'ticket';
  const all = z.strictObject({
    session: sessionArgument(defaultSession),
    name: z
      .string()
      .max(1_024)
      .optional()
      .describe(
        `The name in the session; "/" separates parts${files ? '. Default with path: the path' : ''}`,
      ),
    text: text.optional().describe(`The content, at most ${textBytesMax} bytes. For a longer one: ${others}`),
    path: z.string().max(4_096).optional().describe('A file of this machine to store'),
    ticket: z
      .literal(true)
      .optional()
      .describe('Return a URL to which a program then sends the bytes with PUT'),
    ...described,
    ttl_seconds: z.number().int().min(1).max(secondsMax).optional().describe('Delete it after this time'),
    request_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('A push that is repeated with the same id stores nothing twice'),
  });
  const input = without(all, { path: files === undefined });
  return tool('push', {
    title: 'Store an artifact',
    description:
      `Stores one artifact, durably, under a name in a session: give exactly one of ${sources.join(', ')}. ` +
      'An existing name gets a new version; the same bytes again change nothing. Never paste a file as text.',
    input,
    output: pushedData,
    annotations: adds,
    async handle(args: PushArguments, call) {
      const given = sources.filter((name) => args[name as 'text'] !== undefined);
      if (given.length !== 1) throw new BadArgument(sources.join(', '), 'exactly one of these must be given');
      if (args.ticket) return await ticketed(context, args, call);
      if (args.path !== undefined) return await pushFile(context, args.path, args, call);
      if (args.name === undefined) throw new BadArgument('name', 'is required with text');
      return answerOf(await push(context, args.text!, args.name, args, call));
    },
  });
}

/** What the arguments of a push say. */
export interface PushArguments {
  readonly session?: string | undefined;
  readonly name?: string | undefined;
  readonly text?: string | undefined;
  readonly path?: string | undefined;
  readonly ticket?: true | undefined;
  readonly content_type?: string | undefined;
  readonly metadata?: Record<string, string> | undefined;
  readonly labels?: Record<string, string> | undefined;
  readonly inputs?: string[] | undefined;
  readonly ttl_seconds?: number | undefined;
  readonly request_id?: string | undefined;
}

async function pushFile(context: ToolContext, path: string, args: PushArguments, call: Call) {
  return await context.files!.read(path, async (content, name) =>
    answerOf(await push(context, content, args.name ?? name, args, call)),
  );
}

async function push(
  context: ToolContext,
  content: PushContent,
  name: string,
  args: PushArguments,
  call: Call,
): Promise<Pushed> {
  return await pushTo(await sessionFor(context, args.session, call), content, name, args, call);
}

/** Pushes into a session. */
export async function pushTo(
  session: string,
  content: PushContent,
  name: string,
  args: PushArguments,
  { store, signal }: Pick<Call, 'store' | 'signal'>,
): Promise<Pushed> {
  return await store.push(content, {
    session,
    name,
    contentType: args.content_type,
    metadata: args.metadata,
    labels: args.labels,
    inputs: args.inputs,
    expiry: args.ttl_seconds === undefined ? undefined : { ttlMs: args.ttl_seconds * 1_000 },
    requestId: args.request_id,
    signal,
  });
}

async function ticketed(context: ToolContext, args: PushArguments, call: Call) {
  if (args.name === undefined) throw new BadArgument('name', 'is required with a ticket');
  if (args.ttl_seconds !== undefined || args.request_id !== undefined)
    throw new BadArgument('ttl_seconds, request_id', 'must be left out with a ticket');
  const { store, signal } = call;
  const spec = {
    session: await sessionFor(context, args.session, call),
    name: args.name,
    contentType: args.content_type,
    metadata: args.metadata,
    labels: args.labels,
    inputs: args.inputs,
  };
  const instead = context.files === undefined ? 'use text' : 'use path';
  const ticket = await ticketFor(store, { kind: 'push', spec }, instead, signal);
  return { data: { ticket }, lines: [`PUT the bytes to ${ticket.uri}`] };
}

/** Returns the session of a push: the named one, or that of this process. */
export async function sessionFor(
  { defaultSession }: ToolContext,
  named: string | undefined,
  call: Pick<Call, 'store' | 'clientName'>,
): Promise<string> {
  if (named !== undefined) return named;
  return await defaultSession!.open(call.store, clientMetadata(call));
}

/** Returns the metadata of a session that a client opens. */
export function clientMetadata({ clientName }: Pick<Call, 'clientName'>): Readonly<Record<string, string>> {
  return clientName === undefined || clientName === '' ? {} : { mcp_client: clientName.slice(0, 128) };
}

/** Returns the answer about a push. */
export function answerOf({ artifact, effect }: Pushed): Answer & { data: z.input<typeof pushedData> } {
  return {
    data: { artifact: briefArtifact(artifact), effect },
    lines: [`${effect}: ${textOfArtifact(artifact)}`],
    links: [artifact],
  };
}
