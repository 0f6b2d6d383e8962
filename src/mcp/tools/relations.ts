/** Tools about what belongs together: `compare`, `lineage`. */
import * as z from 'zod/v4';
import { fitting } from '../answer.ts';
import { artifactArgument, offsetArgument, refOf, sessionId, slice, versionArgument } from '../arguments.ts';
import { reads, tool } from '../tool.ts';

const limit = z.number().int().min(1).max(100).default(50).describe('The most to return');
const next = z.number().int().optional().describe('More follow');
const count = z.number().int();

const side = z.object({ id: z.string(), version: count, size_bytes: count, sha256: z.string() });

/** `compare`: how two sessions differ. */
export const compareTool = tool('compare', {
  title: 'Compare two sessions',
  description:
    'Lists the names that differ between two sessions, such as the last good run and a failed one: added, removed, ' +
    'other content, other metadata. Read both ids to see how.',
  input: z.strictObject({
    base: sessionId.describe('The session to compare with, such as the last good run'),
    session: sessionId,
    show_unchanged: z.boolean().default(false),
    limit,
    offset: offsetArgument,
  }),
  output: z.object({
    differences: z.array(
      z.object({
        name: z.string(),
        kind: z.enum(['added', 'removed', 'content', 'metadata', 'none']),
        base: side.optional(),
        compared: side.optional(),
      }),
    ),
    next_offset: next,
  }),
  annotations: reads,
  async handle({ base, session, show_unchanged: showUnchanged, limit, offset }, { store, signal }) {
    const data = await fitting(limit, async (most) => {
      const list = store.sessions.compare(base, session, { showUnchanged, signal });
      const { items, isMore } = await slice(list, offset, most);
      const differences = items.map(({ name, kind, base, compared }) => ({
        name,
        kind,
        ...(base && { base: sideOf(base) }),
        ...(compared && { compared: sideOf(compared) }),
      }));
      return { differences, ...(isMore && { next_offset: offset + items.length }) };
    });
    const lines = data.differences.map(({ kind, name }) => `${kind}  ${name}`);
    return { data, lines: lines.length === 0 ? ['nothing differs'] : lines };
  },
});

interface Side {
  readonly id: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

function sideOf({ id, version, sizeBytes, sha256 }: Side): z.infer<typeof side> {
  return { id, version, size_bytes: sizeBytes, sha256 };
}

/** `lineage`: what an artifact was made from, or what was made from it. */
export const lineageTool = tool('lineage', {
  title: 'Show lineage',
  description: 'Lists the artifacts that an artifact was made from, or (derived) that were made from it.',
  input: z.strictObject({
    artifact: artifactArgument,
    version: versionArgument,
    direction: z.enum(['inputs', 'derived']).default('inputs'),
    depth: z.number().int().min(1).max(32).default(1).describe('How many levels to follow from the artifact'),
    limit,
    offset: offsetArgument,
  }),
  output: z.object({
    edges: z.array(
      z.object({
        derived_id: z.string(),
        input_id: z.string(),
        depth: count,
        gone: z.literal(true).optional().describe('The far end has expired, was deleted or may not be read'),
        session: z.string().optional(),
        name: z.string().optional(),
        version: count.optional(),
      }),
    ),
    next_offset: next,
  }),
  annotations: reads,
  async handle({ artifact, version, direction, depth, limit, offset }, { store, signal }) {
    const ref = refOf(artifact, version);
    const data = await fitting(limit, async (most) => {
      const { items, isMore } = await slice(store.lineage(ref, { direction, depth, signal }), offset, most);
      const edges = items.map(({ derivedId, inputId, depth, artifact: far }) => ({
        derived_id: derivedId,
        input_id: inputId,
        depth,
        ...(far === undefined
          ? { gone: true as const }
          : { session: far.session, name: far.name, version: far.version }),
      }));
      return { edges, ...(isMore && { next_offset: offset + items.length }) };
    });
    const lines = data.edges.map((edge) => {
      const id = direction === 'inputs' ? edge.input_id : edge.derived_id;
      return `${id}  ${'gone' in edge ? 'gone' : `${edge.session}/${edge.name}  v${edge.version}`}`;
    });
    return { data, lines: lines.length === 0 ? ['nothing is recorded'] : lines };
  },
});
