/**
 * What the generated stores look like, as data. A change here changes every store: it raises {@link shapeVersion}, so
 * that those built before are not taken for it.
 */
import { Zipf } from './random.ts';

export const shapeVersion = 1;

const dayMs = 86_400_000;

/**
 * The newest artifact is a little older than this. Fixed, so that a store can be kept and is the same tomorrow: queries
 * name times relative to it where users would say `now`.
 */
export const anchorMs = Date.UTC(2026, 0, 1);
/** The artifacts of a store are spread over so long. */
export const spanMs = 90 * dayMs;
/** What queries call recent. */
export const recentMs = 7 * dayMs;

/** As RFC 3339 has it, for filters. */
export const recentSince = new Date(anchorMs - recentMs).toISOString();

/** The longest session ends before the anchor. */
export const settleMs = 6 * 3_600_000;

/** Artifacts of one session: from, and up to, and without; most sessions are short. */
export const sessionArtifacts = { from: 5, to: 201 };

/** Of all artifacts about so many are the latest version of their name and not expired. */
export const liveShare = 0.845;

/** How often an artifact has what only some have. */
export const shares = {
  /** A further version of a name of the session. */
  supersedes: 0.08,
  /** An expiry of its own; half of these have passed. */
  expiry: 0.1,
  label: 0.08,
  hold: 0.001,
  /** One input, from the same session. */
  input: 0.1,
} as const;

/**
 * Agents whose recent artifacts are the same in every store, however large: as many, at the same times, of the same
 * types, and one as long after the other. So a query about one of them finds as much and looks at as much in each.
 * Their older artifacts are like everybody's.
 */
export const steadyAgents = ['billing', 'invoicing', 'onboarding', 'compliance'] as const;
/** Of each of them, in the last seven days: these are 6.7 of them. */
export const steady = { sessions: 12, artifactsPerSession: 25, stepMs: 32 * 60_000, jsonOfFive: 3 } as const;
/** `steady` artifacts of {@link steadyType} of one agent. */
export const steadyType = 'application/json';

const agentNames = Array.from({ length: 196 }, (_, at) => `agent-${String(at).padStart(3, '0')}`);

/** Skewed, as in life: a few make most of it. */
export const agents = new Zipf([...agentNames.slice(0, 3), ...steadyAgents, ...agentNames.slice(3)], 1.05);
export const pipelines = new Zipf(
  Array.from({ length: 40 }, (_, at) => `pipeline-${String(at).padStart(2, '0')}`),
  1,
);
export const models = new Zipf(
  ['opus', 'sonnet', 'haiku', 'small-a', 'small-b', 'vision-a', 'vision-b', 'code-a', 'code-b', 'local'],
  1,
);
export const stages = ['plan', 'act', 'observe', 'report'] as const;

/** Content types with the names that such artifacts have. */
export const types = new Zipf(
  [
    { type: 'application/json', stems: ['observation', 'result'], extension: 'json' },
    { type: 'text/markdown', stems: ['report', 'notes'], extension: 'md' },
    { type: 'text/plain', stems: ['log', 'transcript'], extension: 'txt' },
    { type: 'text/csv', stems: ['table', 'extract'], extension: 'csv' },
    { type: 'image/png', stems: ['screenshot', 'chart'], extension: 'png' },
    { type: 'application/pdf', stems: ['paper', 'invoice'], extension: 'pdf' },
    { type: 'application/x-ndjson', stems: ['events', 'trace'], extension: 'ndjson' },
    { type: 'text/html', stems: ['page', 'mail'], extension: 'html' },
  ],
  1.1,
);

/**
 * Pairs that some artifacts have, by which share of them, for queries about lists of very different lengths.
 * `north` and `gold` never meet. What is `outage` is always `spring` and `north` too; what is `seldom` is so by chance.
 */
export const marks = {
  seldom: { key: 'incident', value: 'seldom', share: 0.0001 },
  outage: { key: 'incident', value: 'outage', share: 0.0001 },
  spring: { key: 'campaign', value: 'spring', share: 0.01 },
  north: { key: 'region', value: 'north', share: 0.1 },
  gold: { key: 'tier', value: 'gold', share: 0.1 },
  /** The newest nine tenths of these have expired and were not reaped. */
  scratch: { key: 'use', value: 'scratch', share: 0.05 },
} as const;

/** Of the time span, from its newest end, in which what is marked `scratch` has expired. */
export const scratchExpiredShare = 0.9;

/** Different contents; artifacts share them. */
export const contentCount = 512;
