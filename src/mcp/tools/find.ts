/** Tools that find: `query`, `show`, `sessions`. */
import * as z from 'zod/v4';
import { fitting } from '../answer.ts';
import { artifactArgument, offsetArgument, refOf, sessionId, slice, versionArgument } from '../arguments.ts';
import {
  artifactLine,
  artifactWhole,
  lineOfArtifact,
  lineOfSession,
  sessionLine,
  sessionWhole,
  textOfArtifact,
  textOfSession,
  wholeArtifact,
  wholeSession,
} from '../shown.ts';
import { reads, tool } from '../tool.ts';
import { BadArgument } from '../tool-error.ts';

const limitMax = 50;
const limitDefault = 20;
const previewBytesMax = 512;

const limit = z.number().int().min(1).max(limitMax).default(limitDefault).describe('The most to return');
const order = z.enum(['newest', 'oldest']).default('newest');
const filter = z.string().max(4_096).optional();

/** `query`: finds artifacts by what is known about them. */
export const queryTool = tool('query', {
  title: 'Find artifacts',
  description:
    'Lists artifacts, newest first: of one session, or those of all sessions that match a filter, such as ' +
    'metadata.agent = "billing" AND content_type = "text/csv" AND create_time > now-1d. ' +
    'Fields: name, content_type, sha256, size_bytes, create_time, expire_time, session, session.state, ' +
    'session.outcome, metadata.KEY, labels.KEY; a * at the end of a value matches any ending.',
  input: z.strictObject({
    session: sessionId.optional(),
    filter,
    name: z.string().max(1_024).optional().describe('Only this name; needs session'),
    all_versions: z.boolean().default(false).describe('Older versions too; needs session'),
    order,
    limit,
    preview_bytes: z
      .number()
      .int()
      .min(0)
      .max(previewBytesMax)
      .default(0)
      .describe('Also return the first bytes of each artifact that is text, at most this many'),
    cursor: z
      .string()
      .max(4_096)
      .optional()
      .describe('next_cursor of the answer before, with the same other arguments'),
  }),
  output: z.object({
    artifacts: z.array(artifactLine.extend({ preview: z.string().optional() })),
    next_cursor: z.string().optional().describe('More follow'),
  }),
  annotations: reads,
  async handle(args, { store, signal }) {
    const query = {
      session: args.session,
      filter: args.filter,
      name: args.name,
      allVersions: args.all_versions,
      order: args.order,
      previewBytes: args.preview_bytes,
      pageToken: args.cursor,
      signal,
    };
    const { page, data } = await fittingPage(args.limit, async (pageSize) => {
      const page = await store.queryPage({ ...query, pageSize });
      const artifacts = page.artifacts.map((artifact) => ({
        ...lineOfArtifact(artifact),
        ...(page.previews[artifact.id] !== undefined && { preview: page.previews[artifact.id]! }),
      }));
      return {
        page,
        data: { artifacts, ...(page.nextPageToken !== '' && { next_cursor: page.nextPageToken }) },
      };
    });
    const lines = page.artifacts.map(textOfArtifact);
    const isMore = page.nextPageToken !== '';
    if (lines.length === 0) lines.push(isMore ? 'nothing yet: go on with next_cursor' : 'nothing was found');
    return { data, lines, links: page.artifacts };
  },
});

/** Returns a page whose data fit into an answer. */
async function fittingPage<T extends { readonly data: Record<string, unknown> }>(
  itemsMax: number,
  make: (items: number) => Promise<T>,
): Promise<T> {
  let made: T | undefined;
  await fitting(itemsMax, async (items) => {
    made = await make(items);
    return made.data;
  });
  return made!;
}

/** `show`: everything about one artifact or session. */
export const showTool = tool('show', {
  title: 'Show an artifact or a session',
  description: 'Returns all that is known about one artifact, or about one session; not the content.',
  input: z.strictObject({
    artifact: artifactArgument.optional(),
    version: versionArgument,
    session: sessionId.optional().describe('A session, instead of an artifact'),
  }),
  output: z.object({ artifact: artifactWhole.optional(), session: sessionWhole.optional() }),
  annotations: reads,
  async handle({ artifact, version, session }, { store, signal }) {
    if ((artifact === undefined) === (session === undefined))
      throw new BadArgument('artifact, session', 'exactly one of the two must be given');
    if (session !== undefined) {
      const found = await store.sessions.get(session, { signal });
      return { data: { session: wholeSession(found) }, lines: [textOfSession(found)] };
    }
    const found = await store.get(refOf(artifact!, version), { signal });
    return { data: { artifact: wholeArtifact(found) }, lines: [textOfArtifact(found)], links: [found] };
  },
});

/** `sessions`: finds sessions. */
export const sessionsTool = tool('sessions', {
  title: 'Find sessions',
  description:
    'Lists sessions, newest first. A session has all that one run of an agent produced. A filter is such as ' +
    'metadata.pipeline = "billing" AND session.outcome = "FAILED". Fields: session, session.state, ' +
    'session.outcome, create_time, seal_time, expire_time, metadata.KEY, labels.KEY; a * at the end of a value ' +
    'matches any ending.',
  input: z.strictObject({ filter, order, limit, offset: offsetArgument }),
  output: z.object({
    sessions: z.array(sessionLine),
    next_offset: z.number().int().optional().describe('More follow'),
  }),
  annotations: reads,
  async handle({ filter, order, limit, offset }, { store, signal }) {
    const { found, data } = await fittingPage(limit, async (items) => {
      const pageSize = offset + items + 1;
      const list = store.sessions.list({ filter, order, signal, pageSize: Math.min(pageSize, 1_000) });
      const { items: found, isMore } = await slice(list, offset, items);
      const next = isMore ? { next_offset: offset + found.length } : {};
      return { found, data: { sessions: found.map(lineOfSession), ...next } };
    });
    const lines = found.length === 0 ? ['no session was found'] : found.map(textOfSession);
    return { data, lines };
  },
});
