/** The steps of clients/scenario.json, by the calls of any stack whose messages look like Connect's JSON. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Failure } from './messages.mjs';

/**
 * Runs all steps.
 *
 * @param stack `call(method, request, { at, token, gzip })` returns the response, `stream(method, request, { at })` all
 * responses; `at` is the beginning of the variable with the URL: nothing, `OLDER_` or `NEWER_`. `pushStream(place,
 * pieces, signal)` and `download(place, { offset, limit })` do so with bytes. `nameOf(enumeration, value)` returns the
 * name of a value without its prefix. Errors of a service are instances of {@link Failure}.
 */
export async function runScenario(stack) {
  const text = readFileSync(process.env.SCENARIO_FILE, 'utf8');
  const { steps } = JSON.parse(text.replaceAll('{prefix}', process.env.SCENARIO_PREFIX));
  const known = stepsOf(stack);
  for (const { step, in: given } of steps) {
    let members;
    try {
      members = await known[step](given);
    } catch (error) {
      console.error(step, error);
      members = { failed: String(error?.message ?? error).split('\n')[0] };
    }
    console.log(line({ ...members, step }));
  }
}

/** JSON with sorted keys; only the step `errors` has objects within, whose keys are sorted as they are written. */
function line(members) {
  return JSON.stringify(
    Object.fromEntries(Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1))),
  );
}

/** Whole numbers of 64 bits are texts in JSON, and objects in other stacks. */
const number = (value) => Number(String(value ?? 0));

/** Bytes by the formula, a piece at a time. */
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

async function digestOf(pieces) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { sha256: hash.digest('hex'), size_bytes: bytes };
}

function pushed({ artifact, receipt }) {
  if (receipt?.replayed) return 'replayed';
  if (receipt?.deduplicated) return 'unchanged';
  return number(artifact.version) === 1 ? 'new' : 'version';
}

function record(response) {
  const { contentType, name, sha256, sizeBytes, version } = response.artifact;
  return {
    content_type: contentType,
    name,
    pushed: pushed(response),
    sha256,
    size_bytes: number(sizeBytes),
    version: number(version),
  };
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

const stepsOf = ({ call, stream, pushStream, download, nameOf }) => {
  /** Pushes a text in one message. */
  function push({ session, name, text, metadata, labels, inputs, request_id: requestId }, options) {
    const spec = { session, name, metadata, labels, inputs, requestId };
    return call(
      'ArtifactService/CreateArtifact',
      { spec, data: Buffer.from(text).toString('base64') },
      options,
    );
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

  return {
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
        state: nameOf('SessionState', session.state),
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
    'push-stream': async (given) => record(await pushStream(given, generated(given.generated_bytes))),
    'push-again': async (given) => record(await pushStream(given, generated(given.generated_bytes))),
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
      const digested = await digestOf(download(given));
      return { equal: digested.sha256 === artifact.sha256, ...digested };
    },
    range: async ({ offset, limit, ...given }) => await digestOf(download(given, { offset, limit })),
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
        matches: found.matches.map(({ line }) => number(line)),
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
      const failed = await pushStream(place, pieces(), aborter.signal).then(
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
        if (message.committed) committed++;
        last = message;
      }
      await sealing;
      const { artifactCount, missingOutputs, outcome: sealedAs, state } = last.sealed;
      return {
        artifact_count: number(artifactCount),
        committed,
        last: 'sealed',
        missing_outputs: missingOutputs,
        outcome: nameOf('SessionOutcome', sealedAs),
        state: nameOf('SessionState', state),
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
      const at = 'OLDER_';
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
      const at = 'NEWER_';
      const { serverInfo } = await call('InfoService/GetServerInfo', {}, { at });
      const { artifact } = await get(given, { at });
      const { code, reason } = await failure(push(given, { at }));
      let committed = 0;
      let outcome = '';
      for await (const event of stream('SessionService/WatchSession', { session: given.session }, { at })) {
        if (event.committed) committed++;
        if (event.sealed) outcome = nameOf('SessionOutcome', event.sealed.outcome);
      }
      return {
        code,
        committed,
        has_feature: serverInfo.features.includes(feature),
        outcome,
        reason,
        size_bytes: number(artifact.sizeBytes),
        version: serverInfo.version,
      };
    },
  };
};
