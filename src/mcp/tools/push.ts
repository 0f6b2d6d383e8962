/** Tools that store: `push`, and `record_file` for the hooks of a host. */
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

const pushedData = z.object({
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

/** `record_file`: stores a file that a tool of the host has written. */
export function recordFileTool(context: ToolContext): Tool {
  return tool('record_file', {
    title: 'Record a written file',
    description:
      'For the hooks of a host: stores a file that the agent has just written or edited, in the session of this ' +
      'agent run, under its path. Files that look like secrets are left alone. A model uses push instead.',
    input: z.strictObject({
      path: z.string().max(4_096).describe('The file, below an allowed directory'),
      session: sessionArgument(context.defaultSession),
      metadata: textMap.optional(),
    }),
    output: pushedData.extend({
      recorded: z.boolean(),
      reason: z.string().optional().describe('Why it was left alone'),
    }),
    annotations: adds,
    async handle(args, call) {
      const { files } = context;
      return await files!.read(args.path, async (content, name) => {
        if (files!.isSecret(name)) {
          const reason = 'its name looks like that of a secret';
          return { data: { recorded: false, reason }, lines: [`left alone: ${reason}`] };
        }
        const answer = answerOf(await push(context, content, name, args, call));
        return { ...answer, data: { ...answer.data, recorded: true } };
      });
    },
  });
}

interface PushArguments {
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
  { store, signal, clientName }: Call,
): Promise<Pushed> {
  const session = await sessionFor(context, args.session, { store, clientName });
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
async function sessionFor(
  { defaultSession }: ToolContext,
  named: string | undefined,
  { store, clientName }: Pick<Call, 'store' | 'clientName'>,
): Promise<string> {
  if (named !== undefined) return named;
  const metadata =
    clientName === undefined || clientName === '' ? {} : { mcp_client: clientName.slice(0, 128) };
  return await defaultSession!.open(store, metadata);
}

function answerOf({ artifact, effect }: Pushed): Answer & { data: z.input<typeof pushedData> } {
  return {
    data: { artifact: briefArtifact(artifact), effect },
    lines: [`${effect}: ${textOfArtifact(artifact)}`],
    links: [artifact],
  };
}
