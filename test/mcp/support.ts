/** Clients of the MCP server: the SDK's own, of both eras of the protocol, whose messages are measured. */
import { resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { type CallToolResult, Client, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { serveOverStdio } from '../../src/mcp/stdio/stdio.ts';
import { transportTo } from '../cli/support.ts';
import { openCheckedStore } from '../support/row-owners.ts';

const main = resolve(import.meta.dirname, '../../src/main.ts');

/** The eras of the protocol: with a handshake, and with an envelope in each request. */
export const eras = ['2025', '2026'] as const;
type Era = (typeof eras)[number];

/** The longest message that a model should meet. */
export const messageBytesMax = 32 * 1024;

/** The data of an answer. */
// biome-ignore lint/suspicious/noExplicitAny: each tool has a schema of its own, which the client checks
type Data = Record<string, any>;

/** A client, and what it saw. */
class Agent implements AsyncDisposable {
  readonly client: Client;
  /** The longest message of the server, in bytes. */
  longest = 0;

  constructor(client: Client) {
    this.client = client;
  }

  /** Calls a tool that must succeed, and returns its data. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<Data> {
    const result = await this.result(name, args);
    if (result.isError) throw new Error(`${name}: ${textOf(result)}`);
    return result.structuredContent as Data;
  }

  /** Calls a tool that must fail, and returns its error. */
  async refused(name: string, args: Record<string, unknown> = {}): Promise<string> {
    const result = await this.result(name, args);
    if (!result.isError) throw new Error(`${name} succeeded: ${textOf(result)}`);
    return textOf(result);
  }

  async result(name: string, args: Record<string, unknown> = {}): Promise<CallToolResult> {
    return (await this.client.callTool({ name, arguments: args })) as CallToolResult;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client.close();
  }
}

function textOf({ content }: CallToolResult): string {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
}

interface AgentOptions {
  /** What a person answers to a question. Undefined: the client cannot ask. */
  readonly consent?: ((message: string) => boolean) | undefined;
  /** The addresses of the directories that the client works in. Undefined: it names none. */
  readonly roots?: (() => readonly string[]) | undefined;
}

/** Connects a client of an era. */
export async function agentOver(transport: Transport, era: Era, options: AgentOptions = {}): Promise<Agent> {
  const { consent, roots } = options;
  const client = new Client(
    { name: 'test-agent', version: '1.0.0' },
    {
      capabilities: {
        ...(consent !== undefined && { elicitation: { form: {} } }),
        ...(roots !== undefined && { roots: { listChanged: true } }),
      },
      ...(era === '2026' && { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
    },
  );
  if (consent !== undefined)
    client.setRequestHandler('elicitation/create', async ({ params }) =>
      consent(params.message) ? { action: 'accept', content: { confirm: true } } : { action: 'decline' },
    );
  if (roots !== undefined)
    client.setRequestHandler('roots/list', async () => ({ roots: roots().map((uri) => ({ uri })) }));
  const agent = new Agent(client);
  const before = transport.start.bind(transport);
  transport.start = async () => {
    const deliver = transport.onmessage;
    transport.onmessage = (message, extra) => {
      agent.longest = Math.max(agent.longest, Buffer.byteLength(JSON.stringify(message)));
      deliver?.(message, extra);
    };
    await before();
  };
  await client.connect(transport);
  return agent;
}

/** Starts `artifacta mcp` as a process, and connects to it. */
export async function startAgent(era: Era, args: readonly string[], options: AgentOptions = {}) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, 'mcp', ...args],
    env: { ...(process.env as Record<string, string>) },
    stderr: 'ignore',
  });
  const agent = await agentOver(transport, era, options);
  onTestFinished(() => agent.client.close());
  return { agent, pid: transport.pid! };
}

interface ServedOptions extends AgentOptions {
  readonly allowedPaths?: readonly string[];
  readonly own?: string;
  readonly consented?: readonly ('share' | 'delete')[];
  readonly session?: string;
  readonly isSessionOfRun?: boolean;
  readonly signal?: AbortSignal;
  readonly hooks?: boolean;
  readonly transcripts?: string;
  readonly allowRoots?: boolean;
  readonly warn?: (message: string) => void;
}

/** A server in this process, over streams, with a store of its own. */
export async function openServed(era: Era, options: ServedOptions = {}) {
  const store = await openCheckedStore({ index: await openMemoryIndex(), blobs: openMemoryBlobs() });
  const client = await connect(transportTo(store));
  const streams = { input: new PassThrough(), output: new PassThrough() };
  const served = serve(client, streams, options);
  const agent = await agentOver(new StreamTransport(streams.output, streams.input), era, options);
  onTestFinished(async () => {
    await agent.client.close();
    await served;
    await client.close();
    await store[Symbol.asyncDispose]();
  });
  return { agent, client, served, streams, store };
}

/** Serves one client over two streams. */
export function serve(
  client: ArtifactaClient,
  streams: { readonly input: PassThrough; readonly output: PassThrough },
  options: ServedOptions = {},
): Promise<void> {
  const own = options.own;
  return serveOverStdio(
    {
      allowedPaths: options.allowedPaths ?? [],
      session: options.session,
      isSessionOfRun: options.isSessionOfRun ?? false,
      leaseMs: 600_000,
      consented: options.consented ?? [],
      hooks: options.hooks ?? false,
      transcripts: options.transcripts,
      allowRoots: options.allowRoots ?? false,
    },
    {
      ...streams,
      store: async () => client,
      own: () =>
        own === undefined ? undefined : { path: own, contains: (path) => `${path}/`.startsWith(`${own}/`) },
      isSecret: (path) => path.endsWith('.pem'),
      warn: options.warn ?? (() => {}),
      signal: options.signal,
      version: '1.0.0',
      now: () => new Date(),
      random: Math.random,
    },
  );
}

/** The client's end of two streams. */
class StreamTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  private readonly input: PassThrough;
  private readonly output: PassThrough;

  constructor(input: PassThrough, output: PassThrough) {
    this.input = input;
    this.output = output;
  }

  async start(): Promise<void> {
    let rest = '';
    this.input.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.onmessage?.(JSON.parse(line));
    });
  }

  async send(message: unknown): Promise<void> {
    this.output.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.output.end();
    this.onclose?.();
  }
}
