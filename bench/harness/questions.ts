/** Questions to a generated store: every kind of filter, order, page and answer of the listings, drawn from a seed. */
import type { DescMessage } from '@bufbuild/protobuf';
import {
  BatchGetArtifactsRequestSchema,
  GetArtifactRequestSchema,
  ListArtifactsRequestSchema,
} from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { ListFieldValuesRequestSchema } from '../../gen/artifacta/v1/field_values_pb.ts';
import { ListLineageRequestSchema } from '../../gen/artifacta/v1/lineage_pb.ts';
import { ListSessionsRequestSchema } from '../../gen/artifacta/v1/session_service_pb.ts';
import type { Random } from '../stores/random.ts';
import * as shape from '../stores/shape.ts';

/** A call, except for its page token. */
export interface Question {
  readonly service: 'ArtifactService' | 'SessionService';
  readonly method: string;
  readonly schema: DescMessage;
  readonly request: Readonly<Record<string, unknown>>;
}

const dayMs = 86_400_000;
const marks = Object.values(shape.marks);

/** Yields `count` listings of artifacts and of sessions, and of the values of fields. */
export function* questions(random: Random, count: number): Generator<Question> {
  for (let at = 0; at < count; at++) {
    const kind = random.unit();
    if (kind < 0.1) yield sessions(random);
    else if (kind < 0.15) yield values(random);
    else if (kind < 0.3) yield inSession(random);
    else yield artifacts(random, { filter: filter(random) });
  }
}

/** Yields what can be asked about artifacts that were found. */
export function* questionsAbout(random: Random, ids: readonly string[]): Generator<Question> {
  if (ids.length === 0) return;
  const ref = () => ({ by: { case: 'id', value: random.pick(ids) } });
  const service = 'ArtifactService';
  yield { service, method: 'GetArtifact', schema: GetArtifactRequestSchema, request: { artifact: ref() } };
  const unknown = { by: { case: 'id', value: 'art_01jzzzzzzzezzvzzzzzzzzzzzz' } };
  const batch = { artifacts: [ref(), unknown, ref(), ref()] };
  yield { service, method: 'BatchGetArtifacts', schema: BatchGetArtifactsRequestSchema, request: batch };
  const lineage = {
    artifact: ref(),
    direction: 1 + random.below(2),
    depth: 3,
    pageSize: 1 + random.below(20),
  };
  yield { service, method: 'ListLineage', schema: ListLineageRequestSchema, request: lineage };
}

function artifacts(random: Random, more: Readonly<Record<string, unknown>>): Question {
  const request = {
    order: random.below(3),
    pageSize: random.pick([0, 1, 7, 50, 100, 100, 333, 1_000]),
    explain: random.unit() < 0.3,
    estimateTotal: random.unit() < 0.2,
    previewBytes: random.unit() < 0.1 ? random.pick([10, 80, 1_024]) : 0,
    ...more,
  };
  return { service: 'ArtifactService', method: 'ListArtifacts', schema: ListArtifactsRequestSchema, request };
}

function inSession(random: Random): Question {
  const session = sessionId(random);
  const kind = random.unit();
  if (kind < 0.3) return artifacts(random, { session, allVersions: random.unit() < 0.5 });
  if (kind < 0.5) return artifacts(random, { session, name: name(random), allVersions: random.unit() < 0.5 });
  if (kind < 0.6) return artifacts(random, { session, showGone: true });
  return artifacts(random, { session, filter: filter(random), allVersions: random.unit() < 0.3 });
}

function sessions(random: Random): Question {
  const request = {
    filter: random.unit() < 0.2 ? '' : joined(random, 1, ofSession),
    pageSize: random.pick([0, 1, 10, 100, 1_000]),
    order: random.below(3),
    explain: random.unit() < 0.3,
  };
  return { service: 'SessionService', method: 'ListSessions', schema: ListSessionsRequestSchema, request };
}

function values(random: Random): Question {
  const field = random.pick([
    'metadata.agent',
    'metadata.model',
    'labels.reviewed',
    'content_type',
    'name',
    'session',
  ]);
  const prefix = random.pick(['', 'a', 'agent-0', 'r', 'text/']);
  const request = { owner: 1 + random.below(2), field, prefix, maxValues: random.pick([0, 5]) };
  return {
    service: 'ArtifactService',
    method: 'ListFieldValues',
    schema: ListFieldValuesRequestSchema,
    request,
  };
}

type Draw = (random: Random) => string;

function filter(random: Random): string {
  return random.unit() < 0.05 ? '' : joined(random, 2, ofArtifact);
}

/** Joins one to three comparisons by AND, OR and NOT, in parentheses as deep as that. */
function joined(random: Random, depth: number, draw: Draw): string {
  const parts = Array.from({ length: 1 + random.below(3) }, () => {
    const part = depth > 0 && random.unit() < 0.3 ? `(${joined(random, depth - 1, draw)})` : draw(random);
    return random.unit() < 0.12 ? `NOT ${part}` : part;
  });
  return parts.join(random.unit() < 0.8 ? ' AND ' : ' OR ');
}

const ofArtifact: Draw = (random) =>
  random.pick([pair, pair, pair, type, type, time, other, ofSession])(random);

const pair: Draw = (random) => {
  const [key, value] = random.pick([
    ['agent', shape.agents.draw(random)],
    ['agent', random.pick(shape.steadyAgents)],
    ['model', shape.models.draw(random)],
    ['pipeline', shape.pipelines.draw(random)],
    ['stage', random.pick(shape.stages)],
    ...marks.map(({ key: mark, value: of }) => [mark, of] as const),
    ['nothing', 'at all'],
  ] as const);
  return random.pick([
    `metadata.${key} = "${value}"`,
    `metadata.${key} = "${value}"`,
    `metadata.${key} = "${value}"`,
    `metadata.${key} != "${value}"`,
    `metadata.${key} = "${value.slice(0, 3)}*"`,
    `metadata.${key}:*`,
    `labels.reviewed = "${random.pick(['yes', 'no'])}"`,
    `metadata.${key} > 3`,
  ]);
};

const type: Draw = (random) => {
  const { type: of } = shape.types.draw(random);
  return random.pick([
    `content_type = "${of}"`,
    `content_type = "${of}"`,
    `content_type = "${of}"`,
    `content_type != "${of}"`,
    `content_type = "${of.split('/')[0]}/*"`,
    `content_type = "${of}; charset=utf-8"`,
  ]);
};

const time: Draw = (random) => {
  const at = new Date(shape.anchorMs - random.below(shape.spanMs)).toISOString();
  const recent = new Date(shape.anchorMs - random.below(9 * dayMs)).toISOString();
  return random.pick([
    `create_time > "${recent}"`,
    `create_time > "${recent}"`,
    `create_time < "${at}"`,
    `create_time >= "${at}"`,
    `expire_time > "${at}"`,
    'expire_time:*',
    'create_time > now-36500d',
  ]);
};

const other: Draw = (random) =>
  random.pick([
    `size_bytes > ${random.below(4_000)}`,
    `size_bytes <= ${random.below(2_000)}`,
    `name = "${name(random)}"`,
    `name = "${name(random).slice(0, 7)}*"`,
    `sha256 = "${random.bits().toString(16)}*"`,
    // Cannot be read.
    `size_bytes = "${random.below(10)} apples"`,
  ]);

const ofSession: Draw = (random) =>
  random.pick([
    `session = "${sessionId(random)}"`,
    `session = "${sessionId(random).slice(0, 11)}*"`,
    `session.state = "${random.pick(['OPEN', 'SEALED'])}"`,
    `session.outcome = "${random.pick(['SUCCEEDED', 'FAILED'])}"`,
    `metadata.agent = "${random.pick(shape.steadyAgents)}"`,
    `create_time > "${new Date(shape.anchorMs - random.below(30 * dayMs)).toISOString()}"`,
  ]);

/** Draws the id of a session; most are those of no steady agent. */
export function sessionId(random: Random): string {
  if (random.unit() < 0.3) return `${random.pick(shape.steadyAgents)}_${random.below(13)}`;
  return `run_${String(random.below(130)).padStart(8, '0')}`;
}

/** Draws the name of an artifact. */
export function name(random: Random): string {
  const { stems, extension } = shape.types.draw(random);
  const step = String(random.below(30)).padStart(3, '0');
  const stem = random.pick(stems);
  return random.unit() < 0.5 ? `steps/${step}/${stem}.${extension}` : `${stem}-${step}.${extension}`;
}
