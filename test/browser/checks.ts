/**
 * What a client for pages does, in any runtime: `test/client/web.test.ts` runs it in Node, `main.ts` in Chromium. It uses
 * nothing of Node, and no library of tests.
 */
import { ArtifactaError, connect, type Store, type WebOptions } from '../../src/client/web/published.ts';

/** Where things listen, and how this runtime sends. */
export interface Surroundings extends Pick<WebOptions, 'requestStreams'> {
  /** The HTTP listener. */
  readonly url: string;
  /** A port on which something else than HTTP is spoken. */
  readonly grpcUrl: string;
}

type Check = (store: Store, surroundings: Surroundings) => Promise<void>;

const mebibyte = 1024 * 1024;
const quick = { retry: { attemptsMax: 2, delayMsFirst: 1 } };

function same(found: unknown, expected: unknown, what = ''): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what} is ${one}, not ${other}`);
}

/** Bytes that no other seed gives. */
function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + seed) & 255;
  return bytes;
}

function requireBytes(found: Uint8Array, expected: Uint8Array): void {
  same(found.byteLength, expected.byteLength, 'the length');
  for (let at = 0; at < found.byteLength; at++)
    if (found[at] !== expected[at]) throw new Error(`byte ${at} is ${found[at]}, not ${expected[at]}`);
}

async function failure(work: Promise<unknown>): Promise<ArtifactaError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ArtifactaError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** A stream of pieces, the last of which may be a failure. */
function streamOf(pieces: readonly (Uint8Array | Error)[]): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const next = left.shift();
      if (next === undefined) controller.close();
      else if (next instanceof Error) throw next;
      else controller.enqueue(next);
    },
  });
}

const contents: Readonly<Record<string, Check>> = {
  'small texts': async (store) => {
    const { artifact, effect } = await store.push('grüße\n', { session: 'small', name: 'a.txt' });
    same([artifact.contentType, artifact.sizeBytes, effect], ['text/plain', 8, 'new']);
    same(await (await store.open('small/a.txt')).text(), 'grüße\n');
    const again = await store.push('grüße\n', { session: 'small', name: 'a.txt' });
    same(again.effect, 'unchanged');
  },
  'blobs, files and bytes of every length': async (store) => {
    const session = await store.session('lengths');
    for (const [index, length] of [0, 1, 256 * 1024, 256 * 1024 + 1, 5 * mebibyte + 17].entries()) {
      const bytes = bytesOf(index, length);
      const all = { bytes, blob: new Blob([bytes]), file: new File([bytes], 'x.bin', { type: 'image/png' }) };
      for (const [kind, content] of Object.entries(all)) {
        const { artifact } = await session.push(content, { name: `${kind}/${length}.bin` });
        same(artifact.contentType, 'application/octet-stream', kind);
        requireBytes(await (await session.open(`${kind}/${length}.bin`)).bytes(), bytes);
      }
    }
  },
  'streams of unknown length, with progress': async (store) => {
    const bytes = bytesOf(3, 3 * mebibyte);
    const pieces = [0, 1, 2].map((at) => bytes.subarray(at * mebibyte, (at + 1) * mebibyte));
    let sent = 0;
    const onProgress = (progress: { readonly bytes: number }) => {
      sent = progress.bytes;
    };
    await store.push(streamOf(pieces), { session: 'streams', name: 'größe #1?.bin', onProgress });
    same(sent, bytes.byteLength, 'the progress');
    requireBytes(await (await store.open('streams/größe #1?.bin')).bytes(), bytes);
  },
  'all that is said of an artifact, also of large ones': async (store) => {
    const { artifact: input } = await store.push('1', { session: 'said', name: 'input' });
    for (const length of [10, mebibyte]) {
      const { artifact } = await store.push(bytesOf(length, length), {
        session: 'said',
        name: `${length}.json`,
        contentType: 'application/x-own',
        metadata: { city: 'Zürich 東京 & more=?', 'a.b': '#' },
        labels: { stage: 'draft' },
        inputs: [input.id],
        expiry: { ttlMs: 3_600_000 },
      });
      same(artifact.contentType, 'application/x-own');
      same(artifact.metadata, { 'a.b': '#', city: 'Zürich 東京 & more=?' });
      same(
        [artifact.labels, artifact.inputs, artifact.expirySource],
        [{ stage: 'draft' }, [input.id], 'artifact'],
      );
    }
  },
  'nothing twice: the digest of large contents comes first': async (store) => {
    const bytes = bytesOf(5, 9 * mebibyte);
    const first = await store.push(bytes, { session: 'digest', name: 'a.bin' });
    const other = await store.push(new Blob([bytes]), { session: 'digest', name: 'b.bin' });
    same([first.bytesSaved, other.bytesSaved], [0, bytes.byteLength]);
    const repeated = { session: 'digest', name: 'c.bin', requestId: 'again' };
    await store.push(bytes, repeated);
    same((await store.push(bytes, repeated)).effect, 'replayed');
  },
};

const readings: Readonly<Record<string, Check>> = {
  'ranges and pieces': async (store) => {
    const bytes = bytesOf(7, 2 * mebibyte);
    await store.push(bytes, { session: 'ranges', name: 'a.bin' });
    const range = await store.open('ranges/a.bin', { offset: 1_000_001, limit: 1_000 });
    requireBytes(await range.bytes(), bytes.subarray(1_000_001, 1_001_001));
    await store.push('one\ntwo 500\nthree\n', { session: 'ranges', name: 'a.log' });
    const { content, matches } = await store.read('ranges/a.log', {
      window: { grep: { pattern: '5\\d\\d' } },
    });
    same([content, matches.map(({ line }) => line)], ['two 500\n', [2]]);
    const pieces = await Array.fromAsync(store.pieces('ranges/a.log', { maxBytes: 8 }));
    same(pieces.map((piece) => piece.content).join(''), 'one\ntwo 500\nthree\n');
  },
  'queries, page by page, and lineage': async (store) => {
    const session = await store.session('pages', { metadata: { agent: 'pages' } });
    for (let at = 0; at < 7; at++)
      await session.push(`${at}`, { name: `${at}.txt`, metadata: { kind: 'page' } });
    const query = { filter: 'metadata.kind = "page"', order: 'oldest' as const, pageSize: 3 };
    const names = (await Array.fromAsync(session.query(query))).map(({ name }) => name);
    same(
      names,
      [0, 1, 2, 3, 4, 5, 6].map((at) => `${at}.txt`),
    );
    const page = await session.queryPage({ ...query, explain: true });
    same([page.artifacts.length, page.explanation === undefined], [3, false]);
    const { artifact } = await session.push('sum', { name: 'sum', inputs: [page.artifacts[0]!.id] });
    same(
      (await Array.fromAsync(store.lineage(artifact))).map(({ inputId }) => inputId),
      [page.artifacts[0]!.id],
    );
    same((await Array.fromAsync(store.sessions.list({ filter: 'metadata.agent = "pages"' }))).length, 1);
  },
  'the life of a session, watched to its seal': async (store) => {
    const session = await store.session('life', { expectedOutputs: ['a', 'never'] });
    const watched = Array.fromAsync(session.watch());
    const waited = session.wait({ timeoutMs: 20_000 });
    await session.push('1', { name: 'a' });
    await session.seal();
    same(
      (await watched).map(({ kind }) => kind),
      ['committed', 'sealed'],
    );
    same((await waited).missingOutputs, ['never']);
    same(
      (await Array.fromAsync(session.manifest())).map(({ name }) => name),
      ['a'],
    );
    same(await store.run('work', {}, async (run) => (await run.push('1', { name: 'a' })).effect), 'new');
    same((await store.sessions.get('work')).outcome, 'succeeded');
    const { link, token } = await store.share('life/a');
    same(
      [(await Array.fromAsync(store.links.list())).map(({ id }) => id), token.length > 20],
      [[link.id], true],
    );
    same(await store.links.revoke(link), 1);
  },
  'what the service is': async (store) => {
    const { limits, methods } = await store.serverInfo();
    same(
      [limits.chunkBytes, methods.includes('artifacta.v1.ArtifactService/CreateArtifact')],
      [mebibyte, true],
    );
  },
};

const failures: Readonly<Record<string, Check>> = {
  'refusals, with reason and field': async (store) => {
    const of = async (work: Promise<unknown>) => {
      const { code, reason, field } = await failure(work);
      return [code, reason, field?.split('.').at(-1)];
    };
    same(await of(store.get('nowhere/a')), ['NOT_FOUND', 'SESSION_NOT_FOUND', undefined]);
    for (const length of [1, mebibyte])
      same(
        await of(store.push(bytesOf(1, length), { session: 'run', name: 'a/../b' })).then(
          ([code, , field]) => [code, field],
        ),
        ['INVALID_ARGUMENT', 'name'],
      );
    const large = (more: object) =>
      of(store.push(bytesOf(1, mebibyte), { session: 'run', name: 'a', ...more }));
    same((await large({ metadata: { '': 'x' } })).slice(0, 1), ['INVALID_ARGUMENT']);
    same(await large({ newVersion: true }), ['INVALID_ARGUMENT', undefined, 'newVersion']);
    same(await large({ expiry: { expireTime: new Date(4e12) } }), ['INVALID_ARGUMENT', undefined, 'expiry']);
    await store.sessions.open('ended');
    await store.sessions.seal('ended', 'failed');
    const late = await failure(store.push(bytesOf(2, mebibyte), { session: 'ended', name: 'a' }));
    same(
      [late.code, late.reason, late.metadata.outcome],
      ['FAILED_PRECONDITION', 'SESSION_SEALED', 'failed'],
    );
  },
  'a source that fails: nothing is stored': async (store) => {
    for (const pieces of [1, 3]) {
      const bytes = Array.from({ length: pieces }, (_, at) => bytesOf(at, 200_000));
      const name = `broken-${pieces}`;
      const pushed = store.push(streamOf([...bytes, new RangeError('out of ideas')]), {
        session: 'run',
        name,
      });
      const error: unknown = await pushed.catch((thrown: unknown) => thrown);
      same(String(error), 'RangeError: out of ideas');
      same((await failure(store.get(`run/${name}`))).code, 'NOT_FOUND');
    }
  },
  'a signal: uploads, downloads and waits are given up': async (store) => {
    const stop = new AbortController();
    async function* endless() {
      for (let at = 0; ; at++) {
        yield bytesOf(at, 100_000);
        if (at === 5) stop.abort();
      }
    }
    const pushed = store.push(endless(), { session: 'run', name: 'endless', signal: stop.signal });
    same((await failure(pushed)).code, 'CANCELLED');
    same((await failure(store.get('run/endless'))).code, 'NOT_FOUND');
    await store.push(bytesOf(1, 4 * mebibyte), { session: 'run', name: 'long' });
    const reading = new AbortController();
    const download = await store.open('run/long', { signal: reading.signal });
    const iterator = download[Symbol.asyncIterator]();
    await iterator.next();
    reading.abort();
    const rest = async () => {
      while (!(await iterator.next()).done);
    };
    same((await failure(rest())).code, 'CANCELLED');
    const late = AbortSignal.abort(new DOMException('late', 'TimeoutError'));
    same((await failure(store.get('run/long', { signal: late }))).code, 'DEADLINE_EXCEEDED');
    await store.sessions.open('waiting');
    same((await failure(store.sessions.wait('waiting', { timeoutMs: 10 }))).code, 'DEADLINE_EXCEEDED');
  },
  'a server that is not there, or is another': async (_store, { url, grpcUrl }) => {
    const codeAt = async (at: string) => {
      const store = await connect(at, quick);
      const small = await failure(store.get('run/a'));
      const large = await failure(store.push(bytesOf(1, mebibyte), { session: 'run', name: 'a' }));
      return [small.code, large.code, small.reason, large.reason];
    };
    const away = ['UNAVAILABLE', 'UNAVAILABLE', undefined, undefined];
    same(await codeAt('http://127.0.0.1:1'), away, 'nothing listens');
    same(await codeAt(url.replace('http:', 'https:')), away, 'TLS to clear');
    same((await codeAt(grpcUrl)).slice(0, 2), away.slice(0, 2), 'gRPC');
    for (const wrong of ['', 'nonsense', 'grpc://127.0.0.1:1', `${url}?a=b`, 'http://user:word@host'])
      same((await failure(connect(wrong))).field, 'url', wrong);
  },
};

/** All checks, by name. */
export const checks: Readonly<Record<string, Check>> = { ...contents, ...readings, ...failures };

/** Runs one of them. @throws Error that says what was found. */
export async function runCheck(name: string, surroundings: Surroundings): Promise<void> {
  const { url, requestStreams } = surroundings;
  const store = await connect(url, { ...quick, requestStreams });
  await checks[name]!(store, surroundings);
}
