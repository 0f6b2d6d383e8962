/** `PUT /v1/sessions/{session}/artifacts/{name}`: what is stored, what is refused, and that it is never half of it. */
import type { Server } from 'node:http';
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SessionOutcome } from '../../../gen/artifacta/v1/outcome_pb.ts';
import { byName, download, refusal, sha256, someBytes, text } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { eventually } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { exchangeRaw, head, openSocket, parseAnswer, parseError } from './raw.ts';

type Body = NonNullable<RequestInit['body']>;

const MiB = 1024 * 1024;

async function opened(options: Parameters<typeof openHttpRig>[0] = {}): Promise<HttpRig> {
  const rig = await openHttpRig(options);
  onTestFinished(() => closeChecked(rig));
  return rig;
}

interface Answer {
  readonly artifact: { readonly id: string; readonly name: string; readonly [key: string]: unknown };
  readonly receipt: Readonly<Record<string, unknown>>;
}

const pathTo = (name: string, session = 's') => `/v1/sessions/${session}/artifacts/${name}`;

function put(rig: HttpRig, target: string, body: Body | Uint8Array, headers: Record<string, string> = {}) {
  return fetch(`${rig.url}${target}`, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit);
}

/** A digest of the header's form. */
function contentDigest(bytes: Uint8Array, algorithm = 'sha-256'): string {
  return `${algorithm}=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`;
}

async function expectNothing(rig: HttpRig): Promise<void> {
  await eventually(() => rig.blobs.stagedCount === 0);
  expect((await refusal(rig.artifacts.listArtifacts({ session: 's' }))).reason).toBe('SESSION_NOT_FOUND');
}

async function expectRefusal(
  answer: Response,
  status: number,
  fields: readonly string[],
  reason = 'INVALID_ARGUMENT',
) {
  expect(parseError(await answer.text())).toMatchObject({ reason, fields });
  expect(answer.status).toBe(status);
}

describe('a PUT', () => {
  it('stores bytes with everything that is said about them', async () => {
    const rig = await opened();
    const input = (await (await put(rig, pathTo('input'), 'x')).json()) as Answer;
    const bytes = someBytes(3 * MiB + 1);
    const query = `meta.agent=billing&meta.a%2Fb=1+2%2B3&label.kind=%E2%82%AC&input=${input.artifact.id}&ttl=1.5h`;
    const answer = await put(rig, `${pathTo('reports/q%203.bin')}?${query}`, bytes, {
      'content-type': 'Application/X-Thing; v=1',
      'content-digest': contentDigest(bytes),
      'idempotency-key': 'first',
    });
    expect(answer.status).toBe(201);
    const { artifact, receipt } = (await answer.json()) as Answer;
    expect(artifact).toMatchObject({
      session: 's',
      name: 'reports/q 3.bin',
      sizeBytes: String(bytes.length),
      sha256: sha256(bytes),
      contentType: 'application/x-thing; v=1',
      metadata: { agent: 'billing', 'a/b': '1 2+3' },
      labels: { kind: '€' },
      inputs: [input.artifact.id],
      expireTime: new Date(rig.clock.now + 5_400_000).toISOString().replace('.000Z', 'Z'),
    });
    expect(receipt).toEqual({});
    expect(answer.headers.get('etag')).toBe(`"${sha256(bytes)}"`);
    expect(answer.headers.get('location')).toBe(`/v1/artifacts/${artifact.id}/content`);
    const got = await fetch(`${rig.url}${answer.headers.get('location')}`);
    expect(Buffer.compare(Buffer.from(await got.arrayBuffer()), bytes)).toBe(0);
  });

  it('answers 200 for what is there already, and for a key that it knows', async () => {
    const rig = await opened();
    const key = { 'idempotency-key': 'k' };
    const first = (await (await put(rig, pathTo('a'), 'one', key)).json()) as Answer;
    const again = await put(rig, pathTo('a'), 'one');
    expect(again.status).toBe(200);
    expect(((await again.json()) as Answer).receipt).toMatchObject({ deduplicated: true });
    expect((await put(rig, pathTo('a'), 'two')).status).toBe(201);
    const replay = await put(rig, pathTo('a'), 'one', key);
    expect(replay.status).toBe(200);
    expect((await replay.json()) as Answer).toMatchObject({
      artifact: { id: first.artifact.id },
      receipt: { replayed: true },
    });
    const reused = await put(rig, pathTo('b'), 'one', key);
    await expectRefusal(reused, 409, ['Idempotency-Key'], 'REQUEST_ID_REUSED');
  });

  it('takes an empty body, and one without a length', async () => {
    const rig = await opened();
    expect((await put(rig, pathTo('empty'), '')).status).toBe(201);
    const bytes = someBytes(2 * MiB);
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, MiB + 7), bytes.subarray(MiB + 7)];
    const chunked = await put(rig, pathTo('chunked'), Readable.toWeb(Readable.from(pieces)) as Body);
    expect(chunked.status).toBe(201);
    const back = await download(rig, { artifact: byName('s', 'chunked') });
    expect(Buffer.compare(back.bytes, bytes)).toBe(0);
    expect((await download(rig, { artifact: byName('s', 'empty') })).bytes).toHaveLength(0);
  });

  it.each([
    ['foo..bar', 'foo..bar'],
    ['.hidden', '.hidden'],
    ['a%2Fb/c', 'a/b/c'],
    ['%E6%BC%A2%E5%AD%97.txt', '漢字.txt'],
    ['%252e%252e', '%2e%2e'],
    ['a%20b+c', 'a b+c'],
    [`it's%20%22quoted%22;x`, `it's "quoted";x`],
    ['e%CC%81', 'é'],
  ])('takes the name %s as %s', async (path, name) => {
    const rig = await opened();
    const request = head(rig.url, `PUT ${pathTo(path)} HTTP/1.1`, 'Content-Length: 1', 'Connection: close');
    const answer = await exchangeRaw(rig.url, request, 'x');
    expect(answer.status).toBe(201);
    expect((JSON.parse(answer.body) as Answer).artifact.name).toBe(name.normalize('NFC'));
  });

  it.each([
    ['..', 'name'],
    ['a/../b', 'name'],
    ['%2e%2e', 'name'],
    ['%2e%2e%2Fb', 'name'],
    ['%00', 'name'],
    ['a%0D%0AX-Evil:%201', 'name'],
    ['%', 'name'],
    ['%zz', 'name'],
    ['%ff', 'name'],
    ['%ED%A0%80', 'name'],
    ['', 'name'],
    ['a//b', 'name'],
    ['/', 'name'],
    ['a%5Cb', 'name'],
    ['%E2%80%AE', 'name'],
    ['x'.repeat(300), 'name'],
  ])('refuses the name %j', async (path, field) => {
    const rig = await opened();
    const request = head(rig.url, `PUT ${pathTo(path)} HTTP/1.1`, 'Content-Length: 1', 'Connection: close');
    const answer = await exchangeRaw(rig.url, request, 'x');
    expect(answer.status).toBe(400);
    const error = parseError(answer.body);
    expect(error).toMatchObject({ reason: 'INVALID_ARGUMENT', fields: [field] });
    expect(error.message).toMatch(/^name: /);
    expect(answer.headers.has('x-evil')).toBe(false);
    await expectNothing(rig);
  });

  it.each<[string, string, Record<string, string>, number, string]>([
    ['an unknown parameter', 'metadata.a=1', {}, 400, 'metadata.a'],
    ['a parameter without a key', 'meta.=1', {}, 400, 'meta.'],
    ['ttl twice', 'ttl=1d&ttl=2d', {}, 400, 'ttl'],
    ['a key twice', 'meta.a=1&meta.a=1', {}, 400, 'meta.a'],
    ['a ttl without a unit', 'ttl=7', {}, 400, 'ttl'],
    ['a ttl of nothing', 'ttl=0s', {}, 400, 'ttl'],
    ['a ttl beyond all time', 'ttl=9999999999w', {}, 400, 'ttl'],
    ['a broken escape', 'meta.a=%4', {}, 400, 'query'],
    ['a forbidden key', 'meta.__proto__=1', {}, 400, 'meta["__proto__"]'],
    ['a bad input', 'input=art_x', {}, 400, 'input[0]'],
    ['a bad content type', '', { 'content-type': 'nonsense' }, 400, 'Content-Type'],
    ['a bad key', '', { 'idempotency-key': 'a b' }, 400, 'Idempotency-Key'],
    ['a digest that is none', '', { 'content-digest': 'sha-256=abc' }, 400, 'Content-Digest'],
    ['a short digest', '', { 'content-digest': 'sha-256=:YWJj:' }, 400, 'Content-Digest'],
    ['a condition', '', { 'if-none-match': '*' }, 400, 'if-none-match'],
    ['another condition', '', { 'if-match': '"x"' }, 400, 'if-match'],
    ['a range', '', { 'content-range': 'bytes 0-0/2' }, 400, 'content-range'],
    ['a form', '', { 'content-type': 'multipart/form-data; boundary=x' }, 415, 'Content-Type'],
    ['a form in one line', '', { 'content-type': 'Application/X-WWW-form-urlencoded' }, 415, 'Content-Type'],
    ['a coding', '', { 'content-encoding': 'gzip' }, 415, 'content-encoding'],
    ['a coding after none', '', { 'content-encoding': 'identity, gzip' }, 415, 'content-encoding'],
    ['a namespace that is none', '', { 'artifacta-namespace': '../x' }, 400, 'artifacta-namespace'],
  ])('with %s is refused and stores nothing', async (_, query, headers, status, field) => {
    const rig = await opened();
    const answer = await put(rig, `${pathTo('a')}?${query}`, 'x', headers);
    await expectRefusal(answer, status, [field]);
    await expectNothing(rig);
  });

  it.each(['', ' ', 'identity', 'Identity, identity', ','])(
    'with the coding "%s" is stored as sent',
    async (coding) => {
      const rig = await opened();
      const answer = await put(rig, pathTo('a'), 'x', { 'content-encoding': coding });
      expect(answer.status).toBe(201);
      expect(JSON.parse(await answer.text())).toMatchObject({ artifact: { sizeBytes: '1' } });
    },
  );

  it('compares the digest, and ignores those that it does not know', async () => {
    const rig = await opened();
    const wrong = await put(rig, pathTo('a'), 'x', { 'content-digest': contentDigest(text('y')) });
    expect(wrong.status).toBe(400);
    expect(parseError(await wrong.text()).reason).toBe('DIGEST_MISMATCH');
    await expectNothing(rig);
    const header = `unixsum=:AAA=:, ${contentDigest(text('x'))};p=1, ${contentDigest(text('y'), 'sha-512')}`;
    expect((await put(rig, pathTo('a'), 'x', { 'content-digest': header })).status).toBe(201);
  });

  it('that is too large is refused, by its length or by its bytes', async () => {
    const rig = await opened({ artifactBytesMax: MiB });
    const bytes = someBytes(MiB + 1);
    for (const body of [bytes, Readable.toWeb(Readable.from([bytes]))]) {
      const answer = await put(rig, pathTo('a'), body as Body);
      expect(answer.status).toBe(413);
      expect(parseError(await answer.text()).reason).toBe('ARTIFACT_TOO_LARGE');
    }
    await expectNothing(rig);
  });
});

describe('a PUT that is refused early', () => {
  async function sealed(): Promise<HttpRig> {
    const rig = await opened();
    await rig.sessions.openSession({ session: 's' });
    await rig.sessions.sealSession({ session: 's', outcome: SessionOutcome.FAILED });
    return rig;
  }

  it('is answered while it is being sent, and the connection is closed', async () => {
    const rig = await sealed();
    const socket = await openSocket(rig.url);
    // More than the buffers between the two hold, and far less than was announced.
    socket.on('error', () => {});
    socket.write(head(rig.url, `PUT ${pathTo('a')} HTTP/1.1`, `Content-Length: ${2 ** 32}`));
    socket.write(someBytes(8 * MiB));
    const answer = parseAnswer(await textOf(socket));
    expect(answer.status).toBe(409);
    expect(answer.headers.get('connection')).toBe('close');
    expect(parseError(answer.body)).toMatchObject({ code: 'failed_precondition', reason: 'SESSION_SEALED' });
  });

  it('reads what a client goes on sending, so that it can read the answer', async () => {
    const rig = await sealed();
    const answer = await put(rig, pathTo('a'), someBytes(16 * MiB));
    expect(answer.status).toBe(409);
    expect(parseError(await answer.text()).reason).toBe('SESSION_SEALED');
  });

  it('is not told to go on', async () => {
    const rig = await sealed();
    const lines = [`PUT ${pathTo('a')} HTTP/1.1`, 'Expect: 100-continue', 'Content-Length: 5'] as const;
    const received = await textOf((await openSocket(rig.url)).end(head(rig.url, ...lines)));
    expect(received).toMatch(/^HTTP\/1\.1 409 /);
  });
});

describe('a client that asks first', () => {
  it('is told to go on once the start was accepted', async () => {
    const rig = await opened();
    const socket = await openSocket(rig.url);
    const request = `PUT ${pathTo('a')} HTTP/1.1`;
    socket.write(head(rig.url, request, 'Expect: 100-continue', 'Content-Length: 5', 'Connection: close'));
    let received = '';
    for await (const bytes of socket) {
      received += String(bytes);
      if (received === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('hello');
    }
    expect(received.startsWith('HTTP/1.1 100 Continue\r\n\r\n')).toBe(true);
    expect(parseAnswer(received).status).toBe(201);
  });
});

describe('a body that is not what it was said to be', () => {
  const start = pathTo('a');

  it.each<[string, string[], string]>([
    ['ends before its length', [`PUT ${start} HTTP/1.1`, 'Content-Length: 10'], 'half'],
    ['ends within a chunk', [`PUT ${start} HTTP/1.1`, 'Transfer-Encoding: chunked'], '5\r\nhal'],
    ['ends between chunks', [`PUT ${start} HTTP/1.1`, 'Transfer-Encoding: chunked'], '4\r\nhalf\r\n'],
    [
      'ends before its last line',
      [`PUT ${start} HTTP/1.1`, 'Transfer-Encoding: chunked'],
      '4\r\nhalf\r\n0\r\n',
    ],
  ])('%s and stores nothing', async (_, lines, body) => {
    for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const rig = await openHttpRig();
      const socket = await openSocket(rig.url);
      socket.on('error', () => {});
      socket.write(head(rig.url, ...lines) + body);
      socket.resume();
      await new Promise((resolve) => (rig.server.httpServer as Server).once('request', resolve));
      socket[end]();
      await eventually(() => rig.calls.length === 1);
      expect(rig.calls[0]).toMatchObject({ outcome: 'CANCELLED' });
      expect(rig.server.unexpected).toEqual([]);
      await expectNothing(rig);
      await closeChecked(rig);
    }
  });

  it('goes on after its length: the artifact is what was announced, and the rest is no request', async () => {
    const rig = await opened();
    const request = head(rig.url, `PUT ${start} HTTP/1.1`, 'Content-Length: 5');
    const socket = await openSocket(rig.url);
    socket.write(`${request}hello and more`);
    const received = await textOf(socket);
    expect(parseAnswer(received).status).toBe(201);
    expect(received).toMatch(
      /HTTP\/1\.1 400 Bad Request\r\n(?:[^\r]+\r\n)*connection: close\r\n\r\n\{"code":.+\}\n$/,
    );
    expect(Buffer.from((await download(rig, { artifact: byName('s', 'a') })).bytes).toString()).toBe('hello');
  });

  it('goes on after it was answered: the artifact is what was announced', async () => {
    const rig = await opened();
    const socket = await openSocket(rig.url);
    socket.write(`${head(rig.url, `PUT ${start} HTTP/1.1`, 'Content-Length: 5')}hello`);
    let received = '';
    for await (const bytes of socket) {
      if (received === '') socket.write(' and more\r\n\r\n');
      received += String(bytes);
    }
    expect(parseAnswer(received).status).toBe(201);
    expect(received).toContain('HTTP/1.1 400 Bad Request');
    expect(Buffer.from((await download(rig, { artifact: byName('s', 'a') })).bytes).toString()).toBe('hello');
  });

  it.each([
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6']],
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['a length that is none', ['Content-Length: 5x']],
    ['a negative length', ['Content-Length: -5']],
  ])('has %s and is refused', async (_, lines) => {
    const rig = await opened();
    const answer = await exchangeRaw(rig.url, head(rig.url, `PUT ${start} HTTP/1.1`, ...lines), 'hello');
    expect(answer.status).toBe(400);
    expect(rig.calls).toEqual([]);
  });

  it('comes from a producer that dies', async () => {
    const rig = await opened();
    async function* dying() {
      yield someBytes(MiB);
      await eventually(() => rig.blobs.stagedCount === 1);
      throw new Error('the producer died');
    }
    const body = Readable.toWeb(Readable.from(dying())) as Body;
    await expect(put(rig, start, body)).rejects.toThrow();
    await eventually(() => rig.calls.length === 1);
    expect(rig.calls[0]).toMatchObject({ outcome: 'CANCELLED' });
    await expectNothing(rig);
  });
});
