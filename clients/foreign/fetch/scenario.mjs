/**
 * The scenario by nothing but `fetch`: the protocol in Connect's JSON, streams of bytes by PUT and GET. No package, no
 * generated code. See ../../README.md.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const env = process.env;
const service = env.SCENARIO_HTTP_URL;
const text = readFileSync(env.SCENARIO_FILE, 'utf8').replaceAll('{prefix}', env.SCENARIO_PREFIX);

/** An error that a service answered with. */
class Failure extends Error {
  constructor({ code = 'unknown', message = '', details = [] }) {
    super(`${code}: ${message}`);
    const detail = (type) => details.find((each) => each.type === `google.rpc.${type}`);
    // Connect's code `canceled` is the only one that gRPC spells in another way.
    this.code = code.replace('canceled', 'cancelled').toUpperCase();
    const [info, bad] = [detail('ErrorInfo'), detail('BadRequest')].map((each) => each && decode(each.value));
    this.reason = info?.[1]?.[0].toString() ?? '';
    this.metadata = Object.fromEntries(
      (info?.[3] ?? []).map((entry) => {
        const { 1: [key] = [''], 2: [value] = [''] } = decode(entry);
        return [key.toString(), value.toString()];
      }),
    );
    const path = bad?.[1] === undefined ? '' : decode(bad[1][0])[1]?.[0].toString();
    this.field = path.split('.').at(-1);
  }
}

/** The fields of a message of protobuf whose fields are all texts and messages: number → values. */
function decode(value) {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, 'base64');
  const fields = {};
  let at = 0;
  const varint = () => {
    let [result, shift, byte] = [0, 0, 0];
    do {
      byte = bytes[at++];
      result += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte > 127);
    return result;
  };
  while (at < bytes.length) {
    const number = varint() >> 3;
    const length = varint();
    fields[number] = [...(fields[number] ?? []), bytes.subarray(at, at + length)];
    at += length;
  }
  return fields;
}

const headers = (token) => ({ authorization: `Bearer ${token ?? env.ARTIFACTA_TOKEN}` });

/** A call with one request and one response. */
async function call(method, request, { at = service, token, gzip = false } = {}) {
  const json = JSON.stringify(request);
  const response = await fetch(`${at}/artifacta.v1.${method}`, {
    method: 'POST',
    headers: {
      ...headers(token),
      'content-type': 'application/json',
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    },
    body: gzip ? gzipSync(json) : json,
  });
  return await answer(response);
}

async function answer(response) {
  const body = await response.text();
  if (response.ok) return JSON.parse(body);
  throw new Failure(
    response.headers.get('content-type') === 'application/json' ? JSON.parse(body) : { message: body },
  );
}

/** A call with a stream of responses: each in an envelope of a byte of flags and its length. */
async function* stream(method, request, { at = service } = {}) {
  const json = Buffer.from(JSON.stringify(request));
  const length = Buffer.alloc(5);
  length.writeUInt32BE(json.length, 1);
  const response = await fetch(`${at}/artifacta.v1.${method}`, {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/connect+json', 'connect-protocol-version': '1' },
    body: Buffer.concat([length, json]),
  });
  if (!response.ok) await answer(response);
  let waiting = Buffer.alloc(0);
  for await (const bytes of response.body) {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 5 && waiting.length >= 5 + waiting.readUInt32BE(1)) {
      const end = 5 + waiting.readUInt32BE(1);
      const message = JSON.parse(waiting.subarray(5, end).toString());
      if ((waiting[0] & 2) === 0) yield message;
      else if (message.error !== undefined) throw new Failure(message.error);
      waiting = waiting.subarray(end);
    }
  }
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const contentPath = ({ session, name }) =>
  `${service}/v1/sessions/${session}/artifacts/${name.split('/').map(encodeURIComponent).join('/')}`;

/** Bytes by a formula, a piece at a time. */
function* generated(bytes) {
  for (let from = 0; from < bytes; from += 65_536) {
    const piece = Buffer.alloc(Math.min(65_536, bytes - from));
    for (let at = 0; at < piece.length; at++) {
      const i = from + at;
      piece[at] = i * 31 + (i >> 8) + (i >> 16) * 7;
    }
    yield piece;
  }
}

function pushed({ artifact, receipt = {} }) {
  if (receipt.replayed) return 'replayed';
  if (receipt.deduplicated) return 'unchanged';
  return Number(artifact.version) === 1 ? 'new' : 'version';
}

function record(response) {
  const { contentType, name, sha256, sizeBytes = 0, version } = response.artifact;
  return {
    content_type: contentType,
    name,
    pushed: pushed(response),
    sha256,
    size_bytes: Number(sizeBytes),
    version: Number(version),
  };
}

/** Pushes a text in one message. */
function push({ session, name, text, metadata, labels, inputs, request_id: requestId }, options) {
  const spec = { session, name, metadata, labels, inputs, requestId };
  return call(
    'ArtifactService/CreateArtifact',
    { spec, data: Buffer.from(text).toString('base64') },
    options,
  );
}

async function putStream(place, pieces, signal) {
  const body = ReadableStream.from(pieces);
  return await answer(
    await fetch(contentPath(place), {
      method: 'PUT',
      // Without a type of its own, `fetch` sends none for a stream.
      headers: headers(),
      body,
      duplex: 'half',
      signal,
    }),
  );
}

/** The error that a call fails with. */
async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

const byName = ({ session, name, version }) => ({ artifact: { name: { session, name, version } } });
const get = (place, options) => call('ArtifactService/GetArtifact', byName(place), options);
const read = (place, window) => call('ArtifactService/ReadArtifact', { ...byName(place), ...window });
const open = ({ session, metadata, labels, expected_outputs: expectedOutputs }) =>
  call('SessionService/OpenSession', { session, metadata, labels, expectedOutputs });
const seal = (session, outcome) =>
  call('SessionService/SealSession', { session, outcome: `SESSION_OUTCOME_${outcome}` });

async function lineage(place, direction, depth) {
  const request = { ...byName(place), direction: `LINEAGE_DIRECTION_${direction}`, depth };
  const { edges } = await call('ArtifactService/ListLineage', request);
  return edges.map(({ depth, artifact }) => `${depth} ${artifact.name} ${artifact.version}`);
}

const steps = {
  server: async ({ method }) => {
    const { serverInfo } = await call('InfoService/GetServerInfo', {});
    return {
      authentication_required: serverInfo.authenticationRequired,
      chunk_bytes: serverInfo.limits.chunkBytes,
      has_method: serverInfo.methods.includes(method),
      max_inline_bytes: serverInfo.limits.maxInlineBytes,
    };
  },
  open: async (given) => {
    const { session } = await open(given);
    return {
      agent: session.metadata.agent,
      city_hex: Buffer.from(session.metadata.city).toString('hex'),
      expected_outputs: session.expectedOutputs,
      stage: session.labels.stage,
      state: session.state.replace('SESSION_STATE_', ''),
    };
  },
  'push-small': async (given) => {
    const response = await push(given);
    const { inheritedMetadataKeys, metadata, labels } = response.artifact;
    return {
      ...record(response),
      inherited: inheritedMetadataKeys,
      kind: metadata.kind,
      reviewed: labels.reviewed,
    };
  },
  'push-stream': async (given) => record(await putStream(given, generated(given.generated_bytes))),
  'push-again': async (given) => record(await putStream(given, generated(given.generated_bytes))),
  'push-version': async (given) => record(await push(given)),
  query: async ({ pages, name, text, filter, page_size: pageSize, ...given }) => {
    for (let page = 0; page < pages; page++) {
      const number = String(page).padStart(2, '0');
      await push({ ...given, name: name.replace('NN', number), text: text.replace('NN', number) });
    }
    const counts = [];
    const names = [];
    let pageToken = '';
    do {
      const request = { filter, pageSize, pageToken, order: 'LIST_ORDER_OLDEST_FIRST' };
      const page = await call('ArtifactService/ListArtifacts', request);
      counts.push(page.artifacts?.length ?? 0);
      names.push(...(page.artifacts ?? []).map((artifact) => artifact.name));
      pageToken = page.nextPageToken;
    } while (pageToken);
    names.sort();
    return { count: names.length, first: names[0], first_page: counts[0], last: names.at(-1) };
  },
  pull: async (given) => {
    const { artifact } = await get(given);
    const response = await fetch(contentPath(given), { headers: headers() });
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const piece of response.body) {
      hash.update(piece);
      bytes += piece.length;
    }
    const digest = hash.digest('hex');
    return { equal: digest === artifact.sha256, sha256: digest, size_bytes: bytes };
  },
  range: async ({ offset, limit, ...given }) => {
    const range = `bytes=${offset}-${offset + limit - 1}`;
    const response = await fetch(contentPath(given), { headers: { ...headers(), range } });
    if (response.status !== 206) throw new Error(`status ${response.status}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    return { sha256: sha256(bytes), size_bytes: bytes.length };
  },
  read: async ({ session, log, document, lines, grep, pointer, max_bytes: maxBytes }) => {
    await push({ session, ...log });
    await push({ session, ...document });
    const ofLog = (window) => read({ session, name: log.name }, window);
    const found = await ofLog({ grep: { pattern: grep.pattern, maxMatches: grep.max_matches } });
    const piece = await ofLog({ maxBytes });
    const next = await ofLog({ maxBytes, cursor: piece.nextCursor });
    return {
      grep: found.text,
      lines: (await ofLog({ lines })).text,
      matches: found.matches.map(({ line }) => Number(line)),
      pieces: [piece.text, next.text],
      pointer: (await read({ session, name: document.name }, { json: { pointer } })).text,
      truncated: piece.truncated,
    };
  },
  lineage: async ({ session, input, summary, report, depth }) => {
    const { artifact } = await get({ session, name: input, version: 2 });
    const made = await push({ session, ...summary, inputs: [artifact.id] });
    await push({ session, ...report, inputs: [made.artifact.id] });
    return {
      derived: await lineage({ session, name: input, version: 2 }, 'DERIVED', depth),
      inputs: await lineage({ session, name: report.name }, 'INPUTS', depth),
    };
  },
  retry: async ({ other_text: otherText, ...given }) => {
    const first = await push(given);
    const second = await push(given);
    const other = await failure(push({ ...given, text: otherText }));
    return {
      first: pushed(first),
      other: other.reason,
      same_artifact: first.artifact.id === second.artifact.id,
      second: pushed(second),
    };
  },
  errors: async ({ cases }) => {
    const calls = {
      'unknown-session': get,
      'bad-name': push,
      'bad-filter': ({ filter }) => call('ArtifactService/ListArtifacts', { filter }),
      conflict: open,
      'bad-token': ({ token, ...place }) => get(place, { token }),
      'no-scope': (place) => call('ArtifactService/CreateShareLink', byName(place)),
    };
    const errors = [];
    for (const { case: name, ...given } of cases) {
      const { code, field, reason } = await failure(calls[name](given));
      errors.push({ case: name, code, field, reason });
    }
    return { errors };
  },
  cancel: async ({ generated_bytes: generatedBytes, sent_bytes: sentBytes, ...place }) => {
    const aborter = new AbortController();
    const pieces = async function* () {
      let bytes = 0;
      for (const piece of generated(generatedBytes)) {
        if (bytes >= sentBytes) aborter.abort();
        bytes += piece.length;
        yield piece;
      }
    };
    const failed = await putStream(place, pieces(), aborter.signal).then(
      () => false,
      () => true,
    );
    return { after: (await failure(get(place))).reason, failed };
  },
  compressed: async ({ times, text, ...given }) =>
    record(await push({ ...given, text: text.repeat(times) }, { gzip: true })),
  watch: async ({ session, outcome }) => {
    let committed = 0;
    let last = {};
    let sealing;
    for await (const message of stream('SessionService/WatchSession', { session })) {
      sealing ??= seal(session, outcome);
      if (message.committed !== undefined) committed++;
      last = message;
    }
    await sealing;
    const { artifactCount, missingOutputs, outcome: sealedAs, state } = last.sealed;
    return {
      artifact_count: Number(artifactCount),
      committed,
      last: 'sealed',
      missing_outputs: missingOutputs,
      outcome: sealedAs.replace('SESSION_OUTCOME_', ''),
      state: state.replace('SESSION_STATE_', ''),
    };
  },
  sealed: async ({ session, retry, other_outcome: otherOutcome, ...late }) => {
    const { code, metadata, reason } = await failure(push({ session, ...late }));
    return {
      code,
      other_seal: (await failure(seal(session, otherOutcome))).reason,
      outcome: metadata.outcome,
      reason,
      retry: pushed(await push({ session, ...retry })),
    };
  },
  older: async (given) => {
    const at = env.SCENARIO_OLDER_HTTP_URL;
    const info = await failure(call('InfoService/GetServerInfo', {}, { at }));
    const response = await push(given, { at });
    const request = { artifact: { id: response.artifact.id }, direction: 'LINEAGE_DIRECTION_INPUTS' };
    const lineage = await failure(call('ArtifactService/ListLineage', request, { at }));
    return {
      info_code: info.code,
      info_reason: info.reason,
      lineage_code: lineage.code,
      pushed: pushed(response),
    };
  },
  newer: async ({ feature, ...given }) => {
    const at = env.SCENARIO_NEWER_HTTP_URL;
    const { serverInfo } = await call('InfoService/GetServerInfo', {}, { at });
    const { artifact } = await get(given, { at });
    const { code, reason } = await failure(push(given, { at }));
    let committed = 0;
    let outcome = '';
    for await (const event of stream('SessionService/WatchSession', { session: given.session }, { at })) {
      if (event.committed !== undefined) committed++;
      if (event.sealed !== undefined) outcome = event.sealed.outcome.replace('SESSION_OUTCOME_', '');
    }
    return {
      code,
      committed,
      has_feature: serverInfo.features.includes(feature),
      outcome,
      reason,
      size_bytes: Number(artifact.sizeBytes),
      version: serverInfo.version,
    };
  },
};

/** JSON with sorted keys; only the cases of `errors` have objects within. */
function line(members) {
  return JSON.stringify(
    Object.fromEntries(Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1))),
  );
}

for (const { step, in: given } of JSON.parse(text).steps) {
  let members;
  try {
    members = await steps[step](given);
  } catch (error) {
    console.error(step, error);
    members = { failed: String(error?.message ?? error).split('\n')[0] };
  }
  console.log(line({ ...members, step }));
}
