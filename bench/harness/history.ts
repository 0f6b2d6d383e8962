/**
 * A history of calls that change a store and ask about it, drawn from a seed. Before an answer, nobody knows which ids it
 * gives: a call names what it means by a text of {@link later}, which each side of a comparison replaces by its own.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Random } from '../stores/random.ts';
import * as shape from '../stores/shape.ts';
import { name as anyName, sessionId as anySession, questions } from './questions.ts';

/** Texts in a request that stand for what earlier answers gave. N is taken modulo the number of ids that were given. */
const later = {
  artifact: (n: number) => `<artifact ${n}>`,
  /** The etag that was last seen of that artifact. */
  etag: (n: number) => `<etag ${n}>`,
  sessionEtag: (session: string) => `<etag of ${session}>`,
  link: (n: number) => `<link ${n}>`,
} as const;

const ways = ['grpc', 'connect', 'json'] as const;

/** A call of the protocol. Its messages are as `create` takes them: one, or more if the caller streams. */
export interface RpcCall {
  readonly service: 'ArtifactService' | 'SessionService';
  readonly method: string;
  readonly way: (typeof ways)[number];
  readonly messages: readonly Readonly<Record<string, unknown>>[];
}

/** A request of plain HTTP. */
export interface PlainCall {
  readonly method: 'PUT' | 'GET';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

type Request = Readonly<Record<string, unknown>>;
type Draw = (random: Random) => RpcCall | PlainCall;

/** A few sessions and names, so that calls meet what earlier calls made, and sometimes any that questions name. */
const few = {
  sessions: Array.from({ length: 40 }, (_, at) => `run_${String(at).padStart(8, '0')}`),
  names: ['report-001.md', 'result-002.json', 'steps/003/log.txt', 'table-004.csv', 'steps/005/chart.png'],
} as const;
const sessionId = (random: Random) => (random.unit() < 0.7 ? random.pick(few.sessions) : anySession(random));
const name = (random: Random) => (random.unit() < 0.7 ? random.pick(few.names) : anyName(random));

/** In bytes, around the limits of what is stored and sent in one piece. Content N has the N-th, in turn. */
const sizes = [0, 1, 40, 700, 4_096, 4_097, 70_000, 300_000, 1_100_000] as const;
const contents = 60;
/** A call names one of so many ids, more than a history gives: see {@link later}. */
const idsMax = 1_000_000;
const hour = { seconds: 3_600n, nanos: 0 };

/** Yields so many calls. */
export function* history(random: Random, count: number): Generator<RpcCall | PlainCall> {
  const pushes: (RpcCall | PlainCall)[] = [];
  for (let at = 0; at < count; at++) {
    const isAgain = pushes.length > 0 && random.unit() < 0.05;
    const draw = drawn(random);
    const call = isAgain ? again(random, random.pick(pushes)) : draw(random);
    if (isPush(draw) && !isAgain) pushes.push(call);
    yield call;
  }
}

/** Returns the same call, or one for the same content with other metadata and labels. */
function again(random: Random, push: RpcCall | PlainCall): RpcCall | PlainCall {
  if (push.method !== 'CreateArtifact' || random.unit() < 0.5) return push;
  const { metadata, labels } = specOf(random);
  const [request] = (push as RpcCall).messages;
  const spec = { ...(request!.spec as Request), metadata, labels };
  return { ...(push as RpcCall), messages: [{ ...request!, spec }] };
}

const isPush = (draw: Draw) => draw === create || draw === upload || draw === put;

function drawn(random: Random): Draw {
  let rest = random.unit() * weights.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, draw] of weights) {
    rest -= weight;
    if (rest < 0) return draw;
  }
  return list;
}

const call = (
  random: Random,
  service: RpcCall['service'],
  method: string,
  ...messages: readonly Request[]
): RpcCall => ({ service, method, way: random.pick(ways), messages });

const ofArtifacts =
  (method: string, request: (random: Random) => Request): Draw =>
  (random) =>
    call(random, 'ArtifactService', method, request(random));
const ofSessions =
  (method: string, request: (random: Random) => Request): Draw =>
  (random) =>
    call(random, 'SessionService', method, request(random));

function content(random: Random): Buffer {
  const number = random.below(contents);
  const text = `{"content": ${number}, "value": "${createHash('sha256').update(`${number}`).digest('hex')}"}\n`;
  return Buffer.alloc(sizes[number % sizes.length]!, text);
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

function labels(random: Random): Readonly<Record<string, string>> {
  return random.unit() < 0.3 ? { reviewed: random.pick(['yes', 'no']) } : {};
}

function specOf(random: Random): Request {
  const { type } = shape.types.draw(random);
  const mark = random.pick(Object.values(shape.marks));
  return {
    session: random.unit() < 0.02 ? 'no session!' : sessionId(random),
    name: random.unit() < 0.02 ? '../up' : name(random),
    contentType: random.unit() < 0.8 ? type : '',
    metadata: {
      agent: random.unit() < 0.3 ? random.pick(shape.steadyAgents) : shape.agents.draw(random),
      model: shape.models.draw(random),
      stage: random.pick(shape.stages),
      ...(random.unit() < 0.2 ? { [mark.key]: mark.value } : {}),
    },
    labels: labels(random),
    inputs: random.unit() < 0.15 ? [later.artifact(random.below(idsMax))] : [],
    newVersion: random.unit() < 0.4,
    requestId: random.unit() < 0.3 ? `request-${random.below(1_000)}` : '',
    ...(random.unit() < 0.1 ? { expiry: { case: 'ttl', value: hour } } : {}),
  };
}

const create: Draw = (random) => {
  const data = content(random);
  const digest = { sha256: sha256(data), sizeBytes: BigInt(data.length) };
  const given =
    random.unit() < 0.2
      ? { case: 'digest', value: digest }
      : { case: 'data', value: data.subarray(0, 4_096) };
  return call(random, 'ArtifactService', 'CreateArtifact', { spec: specOf(random), content: given });
};

const upload: Draw = (random) => {
  const bytes = content(random);
  const chunks: Request[] = [];
  for (let from = 0; from < bytes.length; from += 200_000)
    chunks.push({ part: { case: 'chunk', value: bytes.subarray(from, from + 200_000) } });
  const isRight = random.unit() < 0.9;
  const finish = { sizeBytes: BigInt(bytes.length), sha256: isRight ? sha256(bytes) : '0'.repeat(64) };
  const start = { part: { case: 'start', value: { spec: specOf(random) } } };
  const end = { part: { case: 'finish', value: finish } };
  return call(random, 'ArtifactService', 'UploadArtifact', start, ...chunks, end);
};

const path = (random: Random) =>
  `/v1/sessions/${sessionId(random)}/artifacts/${encodeURIComponent(name(random))}`;

const put: Draw = (random) => {
  const body = content(random);
  const digest = createHash('sha256').update(body).digest('base64');
  const headers = {
    'content-type': shape.types.draw(random).type,
    ...(random.unit() < 0.5 ? { 'content-digest': `sha-256=:${digest}:` } : {}),
  };
  const query = random.unit() < 0.5 ? `?meta.agent=${random.pick(shape.steadyAgents)}` : '';
  return { method: 'PUT', path: `${path(random)}${query}`, headers, body };
};

const get: Draw = (random) => ({
  method: 'GET',
  path: random.unit() < 0.5 ? path(random) : `/v1/artifacts/${later.artifact(random.below(idsMax))}/content`,
  headers: random.unit() < 0.3 ? { range: `bytes=${random.below(100)}-${random.below(5_000)}` } : {},
});

const ref = (random: Random): Request =>
  random.unit() < 0.7
    ? { by: { case: 'id', value: later.artifact(random.below(idsMax)) } }
    : { by: { case: 'name', value: { session: sessionId(random), name: name(random) } } };

/** Questions as same-answers.ts asks them, without those whose answers say how much was read. */
const list: Draw = (random) => {
  const [question] = [...questions(random, 1)];
  const { service, method, request } = question!;
  return call(random, service, method, { ...request, explain: false, estimateTotal: false });
};

const updateArtifact: Draw = (random) => {
  const n = random.below(idsMax);
  const changes = {
    labels: labels(random),
    hold: random.unit() < 0.3,
    ...(random.unit() < 0.5 ? { expiry: { case: 'ttl', value: hour } } : {}),
  };
  const paths = [random.pick(['labels', 'labels', 'hold', 'ttl', 'labels.reviewed', 'content_type'])];
  const artifact = { by: { case: 'id', value: later.artifact(n) } };
  const etag = random.pick(['', '', later.etag(n), '"other"']);
  return call(random, 'ArtifactService', 'UpdateArtifact', {
    artifact,
    changes,
    updateMask: { paths },
    etag,
  });
};

const deleteArtifact: Draw = (random) => {
  const n = random.below(idsMax);
  const etag = random.pick(['', '', later.etag(n), '"other"']);
  return call(random, 'ArtifactService', 'DeleteArtifact', {
    artifact: { by: { case: 'id', value: later.artifact(n) } },
    etag,
  });
};

const readArtifact = ofArtifacts('ReadArtifact', (random) => ({
  artifact: ref(random),
  maxBytes: random.pick([0, 0, 1_000]),
  window: random.pick([
    { case: 'bytes', value: { offset: BigInt(random.below(50)), limit: BigInt(random.below(3_000)) } },
    { case: 'head', value: {} },
    { case: 'tail', value: {} },
    { case: 'grep', value: { pattern: 'content": 1' } },
    { case: 'json', value: { pointer: '/content' } },
  ]),
}));

const openSession = ofSessions('OpenSession', (random) => ({
  session: sessionId(random),
  metadata: { agent: random.pick(shape.steadyAgents) },
  labels: labels(random),
  expectedOutputs: random.unit() < 0.2 ? [name(random)] : [],
  ...(random.unit() < 0.2 ? { retention: { failedTtl: hour } } : {}),
}));

const updateSession = ofSessions('UpdateSession', (random) => {
  const session = sessionId(random);
  return {
    session,
    changes: { labels: labels(random), retention: { succeededTtl: hour } },
    updateMask: { paths: [random.pick(['labels', 'labels', 'retention', 'metadata'])] },
    etag: random.pick(['', '', later.sessionEtag(session)]),
  };
});

const ofOneSession = (method: string): Draw =>
  ofSessions(method, (random) => ({ session: sessionId(random) }));
const ended = (method: string): Draw =>
  ofSessions(method, (random) => ({ session: sessionId(random), outcome: random.below(5) }));

const weights: readonly (readonly [number, Draw])[] = [
  [18, create],
  [10, upload],
  [8, put],
  [4, get],
  [14, list],
  [8, ofArtifacts('GetArtifact', (random) => ({ artifact: ref(random) }))],
  [2, ofArtifacts('BatchGetArtifacts', (random) => ({ artifacts: [ref(random), ref(random), ref(random)] }))],
  [2, ofArtifacts('DownloadArtifact', (random) => ({ artifact: ref(random) }))],
  [3, readArtifact],
  [
    3,
    ofArtifacts('ListLineage', (random) => ({
      artifact: ref(random),
      direction: 1 + random.below(2),
      depth: 3,
    })),
  ],
  [6, updateArtifact],
  [3, deleteArtifact],
  [
    2,
    ofArtifacts('CreateShareLink', (random) => ({
      artifact: ref(random),
      expiry: { case: 'ttl', value: hour },
    })),
  ],
  [
    1,
    ofArtifacts('ListShareLinks', (random) => ({
      scope: { case: 'session', value: sessionId(random) },
      showEnded: true,
    })),
  ],
  [
    1,
    ofArtifacts('RevokeShareLinks', (random) => ({
      target: { case: 'shareLinkId', value: later.link(random.below(idsMax)) },
    })),
  ],
  [6, openSession],
  [3, ofOneSession('GetSession')],
  [2, updateSession],
  [0.4, ended('SealSession')],
  [0.4, ended('AmendOutcome')],
  [
    1,
    ofSessions('CompareSessions', (random) => ({
      baseSession: sessionId(random),
      session: sessionId(random),
      showUnchanged: random.unit() < 0.3,
    })),
  ],
  [1, ofOneSession('DownloadManifest')],
  [0.5, ofOneSession('DeleteSession')],
];
