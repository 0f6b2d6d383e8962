/** The steps of `clients/scenario.json` by the client for TypeScript, in every runtime: it uses nothing of Node. */
import type { PushContent } from '../../src/client/artifacts/content.ts';
import type { LineageQuery } from '../../src/client/artifacts/lineage.ts';
import type { Pushed } from '../../src/client/artifacts/push-spec.ts';
import type { ReadOptions } from '../../src/client/artifacts/reading.ts';
import { ArtifactaError } from '../../src/client/errors.ts';
import type { Outcome } from '../../src/client/sessions/session.ts';
import type { Store } from '../../src/client/store.ts';
import type { Sha256 } from '../../src/client/wire/platform.ts';

/** What a runtime has. */
export interface Runtime {
  /** The client of a service, e.g. of the `older` one. */
  connect(which: 'service' | 'older' | 'newer', token?: string): Promise<Store>;
  /** A client that compresses its requests; or why it cannot. */
  compressing(): Promise<Store | string>;
  /** Pulls an artifact, and yields its bytes. */
  pull(store: Store, ref: string): AsyncIterable<Uint8Array>;
  sha256(): Sha256;
  print(line: string): Promise<void> | void;
}

// The inputs are data, whose form each step knows.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Given = any;
type Members = Readonly<Record<string, unknown>>;
type Step = (given: Given) => Promise<Members>;

/** Runs all steps, and prints a line for each. @param text the scenario, with the prefix of this program. */
export async function runScenario(text: string, runtime: Runtime): Promise<void> {
  const { steps } = JSON.parse(text) as { steps: { step: string; in: Given }[] };
  const known = stepsOf(await runtime.connect('service'), runtime);
  for (const { step, in: given } of steps) {
    let members: Members;
    try {
      members = await known[step]!(given);
    } catch (error) {
      members = { failed: String(error).split('\n')[0] };
    }
    await runtime.print(lineOf({ ...members, step }));
  }
}

/** JSON with sorted keys. */
function lineOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([left], [right]) => (left < right ? -1 : 1)))
      : one,
  );
}

async function* generated(bytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (let from = 0; from < bytes; from += 65_536) {
    const piece = new Uint8Array(Math.min(65_536, bytes - from));
    for (let at = 0; at < piece.length; at++) {
      const i = from + at;
      piece[at] = i * 31 + (i >> 8) + (i >> 16) * 7;
    }
    yield piece;
  }
}

async function failure(work: Promise<unknown>): Promise<ArtifactaError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ArtifactaError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

function record({ artifact, effect }: Pushed): Members {
  const { contentType, name, sha256, sizeBytes, version } = artifact;
  return { content_type: contentType, name, pushed: effect, sha256, size_bytes: sizeBytes, version };
}

const refOf = ({ session, name }: Given) => `${session}/${name}`;
const hexOf = (text: string) =>
  Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Pushes what a step gives: its members, with the names of this client. */
function push(store: Store, given: Given, content: PushContent = given.text): Promise<Pushed> {
  const { session, name, metadata, labels, inputs, request_id: requestId, signal } = given;
  return store.push(content, { session, name, metadata, labels, inputs, requestId, signal });
}

function stepsOf(store: Store, runtime: Runtime): Readonly<Record<string, Step>> {
  return {
    ...pushes(store, runtime),
    ...readings(store, runtime),
    ...refusals(store, runtime),
    ...ends(store),
    ...otherServices(runtime),
  };
}

function pushes(store: Store, { compressing }: Runtime): Readonly<Record<string, Step>> {
  const stream: Step = async (given) => record(await push(store, given, generated(given.generated_bytes)));
  return {
    server: async ({ method }) => {
      const { authenticationRequired, limits, methods } = await store.serverInfo();
      return {
        authentication_required: authenticationRequired,
        chunk_bytes: limits.chunkBytes,
        has_method: methods.includes(method),
        max_inline_bytes: limits.maxInlineBytes,
      };
    },
    open: async ({ session, metadata, labels, expected_outputs: expectedOutputs }) => {
      const { record: opened } = await store.session(session, { metadata, labels, expectedOutputs });
      return {
        agent: opened.metadata.agent,
        city_hex: hexOf(opened.metadata.city!),
        expected_outputs: opened.expectedOutputs,
        stage: opened.labels.stage,
        state: opened.state.toUpperCase(),
      };
    },
    'push-small': async (given) => {
      const pushed = await push(store, given);
      const { inheritedMetadataKeys, metadata, labels } = pushed.artifact;
      const more = { inherited: inheritedMetadataKeys, kind: metadata.kind, reviewed: labels.reviewed };
      return { ...record(pushed), ...more };
    },
    'push-stream': stream,
    'push-again': stream,
    'push-version': async (given) => record(await push(store, given)),
    compressed: async ({ times, text, ...given }) => {
      const other = await compressing();
      if (typeof other === 'string') return { lacks: other };
      try {
        return record(await push(other, given, text.repeat(times)));
      } finally {
        await other.close();
      }
    },
    retry: async ({ other_text: otherText, ...given }) => {
      const first = await push(store, given);
      const second = await push(store, given);
      const { reason } = await failure(push(store, { ...given, text: otherText }));
      const isSame = first.artifact.id === second.artifact.id;
      return { first: first.effect, other: reason, same_artifact: isSame, second: second.effect };
    },
    cancel: async ({ generated_bytes: generatedBytes, sent_bytes: sentBytes, ...place }) => {
      const aborter = new AbortController();
      async function* pieces() {
        let bytes = 0;
        for await (const piece of generated(generatedBytes)) {
          if (bytes >= sentBytes) aborter.abort();
          bytes += piece.length;
          yield piece;
        }
      }
      const { code } = await failure(push(store, { ...place, signal: aborter.signal }, pieces()));
      const { reason } = await failure(store.get(refOf(place)));
      return { after: reason, failed: code === 'CANCELLED' };
    },
  };
}

function readings(store: Store, { pull, sha256 }: Runtime): Readonly<Record<string, Step>> {
  async function digestOf(pieces: AsyncIterable<Uint8Array>) {
    const hash = sha256();
    let bytes = 0;
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
    }
    return { sha256: hash.hex(), size_bytes: bytes };
  }
  return {
    query: async ({ pages, filter, page_size: pageSize, ...given }) => {
      for (let page = 0; page < pages; page++) {
        const digits = String(page).padStart(2, '0');
        const [name, text] = [given.name.replace('NN', digits), given.text.replace('NN', digits)];
        await push(store, { ...given, name, text });
      }
      const query = { filter, pageSize, order: 'oldest' } as const;
      const { artifacts } = await store.queryPage(query);
      const names = (await Array.fromAsync(store.query(query))).map(({ name }) => name).sort();
      return { count: names.length, first: names[0], first_page: artifacts.length, last: names.at(-1) };
    },
    pull: async (given) => {
      const artifact = await store.get(refOf(given));
      const digested = await digestOf(pull(store, refOf(given)));
      return { equal: digested.sha256 === artifact.sha256, ...digested };
    },
    range: async ({ offset, limit, ...given }) => digestOf(await store.open(refOf(given), { offset, limit })),
    read: async ({ session, log, document, lines, grep, pointer, max_bytes: maxBytes }) => {
      await push(store, { session, ...log });
      await push(store, { session, ...document });
      const ofLog = (options: ReadOptions) => store.read(refOf({ session, ...log }), options);
      const { pattern, max_matches: maxMatches } = grep;
      const found = await ofLog({ window: { grep: { pattern, maxMatches } } });
      const piece = await ofLog({ maxBytes });
      const next = await ofLog({ maxBytes, cursor: piece.nextCursor });
      return {
        grep: found.content,
        lines: (await ofLog({ window: { lines } })).content,
        matches: found.matches.map(({ line }) => line),
        pieces: [piece.content, next.content],
        pointer: (await store.read(refOf({ session, ...document }), { window: { json: pointer } })).content,
        truncated: piece.nextCursor !== '',
      };
    },
    lineage: async ({ session, input, summary, report, depth }) => {
      const artifact = await store.get({ session, name: input, version: 2 });
      const made = await push(store, { session, ...summary, inputs: [artifact.id] });
      const last = await push(store, { session, ...report, inputs: [made.artifact.id] });
      const edges = async (ref: string, direction: LineageQuery['direction']) => {
        const found = await Array.fromAsync(store.lineage(ref, { direction, depth }));
        return found.map(({ depth, artifact }) => `${depth} ${artifact?.name} ${artifact?.version}`);
      };
      const derived = await edges(artifact.id, 'derived');
      return { derived, inputs: await edges(last.artifact.id, 'inputs') };
    },
  };
}

function refusals(store: Store, { connect }: Runtime): Readonly<Record<string, Step>> {
  const calls: Readonly<Record<string, (given: Given) => Promise<unknown>>> = {
    'unknown-session': (place) => store.get(refOf(place)),
    'bad-name': (given) => push(store, given),
    'bad-filter': ({ filter }) => Array.fromAsync(store.query({ filter })),
    conflict: ({ session, metadata }) => store.session(session, { metadata }),
    'bad-token': async ({ token, ...place }) => {
      await using other = await connect('service', token);
      return await other.get(refOf(place));
    },
    'no-scope': (place) => store.share(refOf(place)),
  };
  return {
    errors: async ({ cases }) => {
      const errors: Members[] = [];
      for (const { case: name, ...given } of cases) {
        const { code, field = '', reason } = await failure(calls[name]!(given));
        errors.push({ case: name, code, field: field.split('.').at(-1), reason });
      }
      return { errors };
    },
  };
}

function ends(store: Store): Readonly<Record<string, Step>> {
  const outcomeOf = (name: string) => name.toLowerCase() as Outcome;
  return {
    watch: async ({ session, outcome }) => {
      let committed = 0;
      let sealing: Promise<unknown> | undefined;
      let members: Members = {};
      for await (const event of store.sessions.watch(session)) {
        sealing ??= store.sessions.seal(session, outcomeOf(outcome));
        if (event.kind === 'committed') committed++;
        if (event.kind !== 'sealed') continue;
        const { artifactCount, missingOutputs, outcome: sealedAs, state } = event.session;
        members = {
          artifact_count: artifactCount,
          last: event.kind,
          missing_outputs: missingOutputs,
          outcome: sealedAs?.toUpperCase(),
          state: state.toUpperCase(),
        };
      }
      await sealing;
      return { ...members, committed };
    },
    sealed: async ({ session, retry, other_outcome: otherOutcome, ...late }) => {
      const { code, metadata, reason } = await failure(push(store, { session, ...late }));
      const again = await push(store, { session, ...retry });
      const other = await failure(store.sessions.seal(session, outcomeOf(otherOutcome)));
      return { code, other_seal: other.reason, outcome: metadata.outcome, reason, retry: again.effect };
    },
  };
}

function otherServices({ connect }: Runtime): Readonly<Record<string, Step>> {
  return {
    older: async (given) => {
      await using store = await connect('older');
      const info = await failure(store.serverInfo());
      const { artifact, effect } = await push(store, given);
      const lineage = await failure(Array.fromAsync(store.lineage(artifact)));
      return { info_code: info.code, info_reason: info.reason, lineage_code: lineage.code, pushed: effect };
    },
    newer: async ({ feature, ...given }) => {
      await using store = await connect('newer');
      const { features, version } = await store.serverInfo();
      const { sizeBytes } = await store.get(refOf(given));
      const { code, reason } = await failure(push(store, given));
      const events = await Array.fromAsync(store.sessions.watch(given.session));
      const last = events.at(-1);
      return {
        code,
        committed: events.filter(({ kind }) => kind === 'committed').length,
        has_feature: features.includes(feature),
        outcome: last?.kind === 'sealed' ? last.session.outcome?.toUpperCase() : 'none',
        reason,
        size_bytes: sizeBytes,
        version,
      };
    },
  };
}
