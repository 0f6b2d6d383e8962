/** Resources: the records of artifacts and sessions, for people who choose what a model should see. */
import {
  type CacheHint,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  type Resource,
  ResourceTemplate,
  type ServerContext,
  type Variables,
} from '@modelcontextprotocol/server';
import type { Artifact } from '../client/artifacts/artifact.ts';
import type { Session } from '../client/sessions/session.ts';
import type { Store } from '../client/store.ts';
import { addressForms, isText, sessionUri } from './addresses.ts';
import { linkTo } from './answer.ts';
import { completeArtifactId, completeKey, completeSession, completeValue, quoted } from './completion.ts';
import type { ToolContext } from './context.ts';
import { jsonBytes, lineOfArtifact, lineOfSession, wholeArtifact, wholeSession } from './shown.ts';
import { textOfError } from './tool-error.ts';

/** The number of the newest artifacts, and of the newest sessions, that are listed. */
const listedMax = 20;
const listBytesMax = 10 * 1024;
const textBytesMax = 8 * 1024;
const foundMax = 20;
/** How long clients may take a record for current, in milliseconds. Labels and expiry of an artifact may change. */
const ttlMs = { settled: 60_000, open: 0 } as const;

/** Registers all resources. */
export function registerResources(server: McpServer, context: ToolContext): void {
  const { store } = context;
  server.registerResource(
    'artifact',
    new ResourceTemplate(addressForms.artifact, {
      list: async ({ mcpReq: { signal } }) => {
        const page = await answered(async () => (await store()).queryPage({ pageSize: listedMax, signal }));
        return { resources: within(page.artifacts.map(resourceOf)) };
      },
      complete: { id: async (value) => completeArtifactId(await store(), value) },
    }),
    {
      title: 'Artifact',
      description: 'The record of an artifact, and the beginning of its content if that is text',
      mimeType: 'application/json',
      cacheHint: { ttlMs: ttlMs.settled, cacheScope: 'private' },
    },
    (uri, variables, { mcpReq: { signal } }) =>
      answered(async () => await readArtifact(await store(), uri, one(variables, 'id'), signal)),
  );
  server.registerResource(
    'session',
    new ResourceTemplate(addressForms.session, {
      list: async ({ mcpReq: { signal } }) => {
        const sessions = await answered(async () =>
          Array.fromAsync((await store()).sessions.list({ limit: listedMax, signal })),
        );
        return { resources: within(sessions.map(resourceOfSession)) };
      },
      complete: { session: async (value) => completeSession(await store(), value) },
    }),
    {
      title: 'Session',
      description: 'The record of a session, and its newest artifacts',
      mimeType: 'application/json',
    },
    (uri, variables, request) =>
      answered(async () => await readSession(await store(), uri, one(variables, 'session'), request)),
  );
  server.registerResource(
    'found',
    new ResourceTemplate(addressForms.found, {
      list: undefined,
      complete: {
        key: async (value) => completeKey(await store(), value),
        value: async (value, given) => completeValue(await store(), given?.arguments?.key ?? '', value),
      },
    }),
    {
      title: 'Artifacts by metadata',
      description: 'The newest artifacts with a value of a metadata key',
      mimeType: 'application/json',
    },
    (uri, variables, { mcpReq: { signal } }) =>
      answered(async () => {
        const filter = `metadata.${quoted(one(variables, 'key'))} = ${quoted(one(variables, 'value'))}`;
        const page = await (await store()).queryPage({ filter, pageSize: foundMax, signal });
        return contents(uri, { artifacts: within(page.artifacts.map(lineOfArtifact)) });
      }),
  );
}

async function readArtifact(store: Store, uri: URL, id: string, signal: AbortSignal) {
  const artifact = await store.get(id, { signal });
  const record = contents(uri, wholeArtifact(artifact));
  if (!isText(artifact.contentType)) return record;
  const piece = await store.read(artifact.id, { maxBytes: textBytesMax, signal });
  if (typeof piece.content !== 'string' || jsonBytes(piece.content) > 2 * textBytesMax) return record;
  const mimeType = artifact.contentType;
  return { contents: [...record.contents, { uri: uri.href, mimeType, text: piece.content }] };
}

async function readSession(store: Store, uri: URL, id: string, { mcpReq }: ServerContext) {
  const { signal, envelope } = mcpReq;
  const session = await store.sessions.get(id, { signal });
  const page = await store.queryPage({ session: id, pageSize: foundMax, signal });
  const artifacts = within(page.artifacts.map(lineOfArtifact));
  const hint: CacheHint = {
    ttlMs: session.state === 'sealed' ? ttlMs.settled : ttlMs.open,
    cacheScope: 'private',
  };
  // Results have them since the era of envelopes.
  return { ...contents(uri, { ...wholeSession(session), artifacts }), ...(envelope !== undefined && hint) };
}

function contents(uri: URL, record: unknown): ReadResourceResult & { contents: unknown[] } {
  return { contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(record) }] };
}

function resourceOf(artifact: Artifact): Resource {
  const { type: _type, ...resource } = linkTo(artifact);
  return { ...resource, name: `${artifact.session}/${artifact.name}` };
}

function resourceOfSession(session: Session): Resource {
  const { state, outcome, artifact_count: artifacts } = lineOfSession(session);
  return {
    uri: sessionUri(session.id),
    name: session.id,
    description: `a session, ${outcome ?? state}, ${artifacts} artifacts`,
    annotations: { lastModified: (session.updateTime ?? session.createTime).toISOString() },
  };
}

/** Returns the items that fit into an answer. */
function within<T>(items: readonly T[]): T[] {
  let left = listBytesMax;
  return items.filter((item) => {
    left -= jsonBytes(item);
    return left >= 0;
  });
}

function one(variables: Variables, name: string): string {
  const value = variables[name];
  const text = Array.isArray(value) ? (value[0] ?? '') : (value ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, textOfError(error));
  }
}
