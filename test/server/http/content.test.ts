/** `GET` and `HEAD /v1/artifacts/{id}/content`: ranges, conditions, and what a browser may do with the bytes. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { typeHeaders } from '../../../src/api/downloads/disposition.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { parseRange } from '../../../src/server/http/content/range.ts';
import { withBlobs } from '../../support/blobs.ts';
import { create, sha256, someBytes, upload } from '../../support/calls.ts';
import { closeChecked } from '../../support/service.ts';
import { eventually } from '../grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { head, openSocket, parseError } from './raw.ts';

const MiB = 1024 * 1024;
const size = 1000;
const bytes = someBytes(size);

async function opened(options: Parameters<typeof openHttpRig>[0] = {}): Promise<HttpRig> {
  const rig = await openHttpRig(options);
  onTestFinished(() => closeChecked(rig));
  return rig;
}

/** A rig with one artifact, and where its content is. */
async function withArtifact(name = 'a.bin', contentType = '') {
  const rig = await opened();
  const { artifact } = await create(rig, { session: 's', name, contentType }, bytes);
  const url = `${rig.url}/v1/artifacts/${artifact!.id}/content`;
  return { rig, artifact: artifact!, url, etag: `"${artifact!.sha256}"` };
}

async function bodyOf(answer: Response): Promise<Uint8Array> {
  return new Uint8Array(await answer.arrayBuffer());
}

describe('the Range header', () => {
  const part = (first: number, last: number) => ({ kind: 'part', first, last });
  const whole = { kind: 'whole' };
  const unsatisfiable = { kind: 'unsatisfiable' };
  it.each<[string | undefined, object]>([
    [undefined, whole],
    ['bytes=0-0', part(0, 0)],
    ['bytes=0-', part(0, 999)],
    ['bytes=10-19', part(10, 19)],
    ['BYTES=10-19', part(10, 19)],
    ['bytes= 10-19 ', part(10, 19)],
    ['bytes=999-', part(999, 999)],
    ['bytes=990-5000', part(990, 999)],
    ['bytes=0-99999999999999999999999999999', part(0, 999)],
    ['bytes=-1', part(999, 999)],
    ['bytes=-5000', part(0, 999)],
    ['bytes=-99999999999999999999999999999', part(0, 999)],
    ['bytes=1000-', unsatisfiable],
    ['bytes=1000-2000', unsatisfiable],
    ['bytes=99999999999999999999999999999-', unsatisfiable],
    [`bytes=${'9'.repeat(400)}-`, unsatisfiable],
    ['bytes=-0', unsatisfiable],
    ['bytes=19-10', whole],
    ['bytes=5-4', whole],
    ['bytes=-', whole],
    ['bytes=', whole],
    ['bytes=a-b', whole],
    ['bytes=+1-2', whole],
    ['bytes=1.0-2', whole],
    ['bytes=0x1-2', whole],
    ['bytes=--5', whole],
    ['bytes 0-5', whole],
    ['rows=0-5', whole],
    ['bytes=0-0,2-2', whole],
    [`bytes=${Array.from({ length: 1000 }, (_, at) => `${at}-${at}`).join(',')}`, whole],
  ])('%.60s', (header, expected) => {
    expect(parseRange(header, size)).toEqual(expected);
  });

  it('of an empty content', () => {
    expect(parseRange('bytes=0-', 0)).toEqual(unsatisfiable);
    expect(parseRange('bytes=-5', 0)).toEqual(whole);
    expect(parseRange('bytes=-0', 0)).toEqual(unsatisfiable);
  });
});

describe('a GET', () => {
  it('gives the bytes and says what they are', async () => {
    const { url, etag, rig } = await withArtifact('q 3/a.bin');
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(Buffer.compare(await bodyOf(answer), bytes)).toBe(0);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      etag,
      'accept-ranges': 'bytes',
      'content-length': String(size),
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="a.bin"',
      'repr-digest': `sha-256=:${Buffer.from(sha256(bytes), 'hex').toString('base64')}:`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, no-cache',
    });
    expect(rig.calls.map(({ method }) => method.split('/')[1])).toEqual([
      'CreateArtifact',
      'DownloadArtifact',
    ]);
  });

  it.each<[string, number, string]>([
    ['bytes=0-9', 0, 'bytes 0-9/1000'],
    ['bytes=990-', 990, 'bytes 990-999/1000'],
    ['bytes=-10', 990, 'bytes 990-999/1000'],
    ['bytes=990-99999999999999999999', 990, 'bytes 990-999/1000'],
  ])('of %s gives ten bytes', async (range, first, contentRange) => {
    const { url } = await withArtifact();
    const answer = await fetch(url, { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(contentRange);
    expect(answer.headers.get('content-length')).toBe('10');
    expect(Buffer.compare(await bodyOf(answer), bytes.subarray(first, first + 10))).toBe(0);
  });

  it.each(['bytes=9-0', 'bytes=0-0,5-5', 'rows=0-1', 'nonsense'])('of %s gives everything', async (range) => {
    const { url } = await withArtifact();
    const answer = await fetch(url, { headers: { range } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-range')).toBeNull();
    expect(await bodyOf(answer)).toHaveLength(size);
  });

  it('of a range past the end is refused with the size', async () => {
    const { url } = await withArtifact();
    const answer = await fetch(url, { headers: { range: 'bytes=1000-' } });
    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-range')).toBe('bytes */1000');
    expect(parseError(await answer.text())).toMatchObject({ reason: 'INVALID_ARGUMENT', fields: ['Range'] });
  });

  it('of nothing gives nothing', async () => {
    const rig = await opened();
    const { artifact } = await create(rig, { session: 's', name: 'empty' }, '');
    const url = `${rig.url}/v1/artifacts/${artifact!.id}/content`;
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '0']);
    expect(await bodyOf(answer)).toHaveLength(0);
    expect((await fetch(url, { headers: { range: 'bytes=0-' } })).status).toBe(416);
  });

  it('heeds conditions', async () => {
    const { url, etag } = await withArtifact();
    const statusOf = async (headers: Record<string, string>) => {
      const answer = await fetch(url, { headers });
      const length = (await bodyOf(answer)).length;
      return `${answer.status} ${length === size ? 'whole' : answer.status === 206 ? length : ''}`.trim();
    };
    const other = `"${'0'.repeat(64)}"`;
    expect(await statusOf({ 'if-none-match': etag })).toBe('304');
    expect(await statusOf({ 'if-none-match': `W/${etag}` })).toBe('304');
    expect(await statusOf({ 'if-none-match': `${other}, ${etag}` })).toBe('304');
    expect(await statusOf({ 'if-none-match': '*' })).toBe('304');
    expect(await statusOf({ 'if-none-match': other })).toBe('200 whole');
    expect(await statusOf({ 'if-none-match': etag.slice(1, -1) })).toBe('200 whole');
    expect(await statusOf({ 'if-match': etag })).toBe('200 whole');
    expect(await statusOf({ 'if-match': '*' })).toBe('200 whole');
    expect(await statusOf({ 'if-match': other })).toBe('412');
    expect(await statusOf({ 'if-match': `W/${etag}` })).toBe('412');
    expect(await statusOf({ 'if-match': other, 'if-none-match': etag })).toBe('412');
    const range = 'bytes=0-9';
    expect(await statusOf({ range, 'if-range': etag })).toBe('206 10');
    expect(await statusOf({ range, 'if-range': other })).toBe('200 whole');
    expect(await statusOf({ range, 'if-range': `W/${etag}` })).toBe('200 whole');
    expect(await statusOf({ range, 'if-range': new Date(0).toUTCString() })).toBe('200 whole');
    expect(await statusOf({ range, 'if-none-match': etag })).toBe('304');
    // There is no date to compare with.
    expect(await statusOf({ 'if-modified-since': new Date().toUTCString() })).toBe('200 whole');
  });

  it('of what is not there says why', async () => {
    const { rig, artifact, url } = await withArtifact();
    const told = async (target: string) => {
      const answer = await fetch(target);
      return [answer.status, parseError(await answer.text()).reason];
    };
    expect(
      await told(
        `${rig.url}/v1/artifacts/${artifact.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}/content`,
      ),
    ).toEqual([404, 'ARTIFACT_NOT_FOUND']);
    expect(await told(`${rig.url}/v1/artifacts/art_x/content`)).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await told(`${rig.url}/v1/artifacts/%ff/content`)).toEqual([400, 'INVALID_ARGUMENT']);
    const ttl = { case: 'ttl' as const, value: { seconds: 10n, nanos: 0 } };
    const mortal = await create(rig, { session: 's', name: 'b', expiry: ttl }, 'x');
    rig.clock.now += 11_000;
    expect(await told(`${rig.url}/v1/artifacts/${mortal.artifact!.id}/content`)).toEqual([
      410,
      'ARTIFACT_EXPIRED',
    ]);
    expect((await fetch(url, { headers: { 'artifacta-namespace': 'other' } })).status).toBe(404);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('is not a %s', async (method) => {
    const { url } = await withArtifact();
    const answer = await fetch(url, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });
});

describe('a HEAD', () => {
  it('says what a GET would, without bytes', async () => {
    const { url, rig } = await withArtifact();
    const got = await fetch(url);
    await got.arrayBuffer();
    const told = await fetch(url, { method: 'HEAD' });
    const comparable = (headers: Headers) =>
      Object.fromEntries(
        [...headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name)),
      );
    expect(comparable(told.headers)).toEqual(comparable(got.headers));
    expect(await bodyOf(told)).toHaveLength(0);
    const ranged = await fetch(url, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
    expect([ranged.status, ranged.headers.get('content-length')]).toEqual([200, String(size)]);
    const missing = await fetch(`${rig.url}/v1/artifacts/art_x/content`, { method: 'HEAD' });
    expect([missing.status, (await bodyOf(missing)).length]).toEqual([400, 0]);
  });
});

describe('Content-Disposition', () => {
  it.each([
    ['a.txt', 'text/plain', 'inline; filename="a.txt"'],
    ['a.txt', 'Text/Plain; charset=utf-8', 'inline; filename="a.txt"'],
    ['d/e/a.png', 'image/png', 'inline; filename="a.png"'],
    ['a.html', 'text/html', 'attachment; filename="a.html"'],
    ['a.svg', 'image/svg+xml', 'attachment; filename="a.svg"'],
    ['a.pdf', 'application/pdf', 'attachment; filename="a.pdf"'],
    ['say "hi".txt', 'text/html', `attachment; filename="say _hi_.txt"; filename*=UTF-8''say%20%22hi%22.txt`],
    ['漢字.txt', 'text/plain', `inline; filename="__.txt"; filename*=UTF-8''%E6%BC%A2%E5%AD%97.txt`],
    ['😀', 'text/plain', `inline; filename="_"; filename*=UTF-8''%F0%9F%98%80`],
    [`100%'(*)`, 'a/b', `attachment; filename="100_'(*)"; filename*=UTF-8''100%25%27%28%2A%29`],
    ['a;b', 'a/b', 'attachment; filename="a;b"'],
  ])('of %s as %s', (name, type, expected) => {
    expect(typeHeaders(name, type)['content-disposition']).toBe(expected);
  });

  it('goes out for any name', async () => {
    const { url } = await withArtifact('漢字 "x".html');
    expect((await fetch(url)).headers.get('content-disposition')).toBe(
      `attachment; filename="__ _x_.html"; filename*=UTF-8''%E6%BC%A2%E5%AD%97%20%22x%22.html`,
    );
  });
});

/** What browsers know, or do not, and may read in another way than ASCII with more above it. */
const foreignCharsets = [
  'utf-7 utf-16 utf-16le utf-16be unicode ucs-2 utf-32 iso-2022-jp ISO-2022-JP',
  'csiso2022jp iso-2022-kr iso-2022-cn hz-gb-2312 x-user-defined replacement shift_jis',
  'big5 gbk gb18030 euc-jp euc-kr koi8-r windows-1251 iso-8859-15 x-mac-roman x-sjis',
  'cp037 none constructor utf-8x',
].flatMap((some) => some.split(' '));

describe('what is shown by a browser', () => {
  it.each([
    ['text/plain', 'text/plain'],
    ['text/plain;charset=UTF-8', 'text/plain; charset=utf-8'],
    ['Text/CSV ;  CHARSET=UTF8', 'text/csv; charset=utf-8'],
    ['text/plain; charset=ASCII', 'text/plain; charset=us-ascii'],
    ['text/plain; charset=Windows-1252', 'text/plain; charset=windows-1252'],
    ['text/plain; charset=latin1', 'text/plain; charset=iso-8859-1'],
    ['image/png; charset=us-ascii', 'image/png; charset=us-ascii'],
    ['text/markdown; charset=iso-8859-1', 'text/markdown; charset=iso-8859-1'],
  ])('%s is sent as %s', async (contentType, sent) => {
    const { url } = await withArtifact('x', contentType);
    for (const method of ['GET', 'HEAD']) {
      const { headers } = await fetch(url, { method });
      expect(headers.get('content-type')).toBe(sent);
      expect(headers.get('content-disposition')).toBe('inline; filename="x"');
    }
  });

  it.each([
    'text/plain;',
    'text/plain;, text/html',
    'text/plain; charset=utf-8, text/html',
    'text/plain; charset=utf-8; x=y',
    'text/plain; x=y',
    'text/plain; charset="utf-8"',
    'text/plain; charset = utf-8',
    ...foreignCharsets.map((charset) => `text/plain; charset=${charset}`),
    'text/plain; charset=',
    'text/plain; charset',
    'text/plain; charset=utf-8;charset=utf-7',
    'text/plain;(comment)',
    'image/png;text/html',
    "image/png; charset='utf-8'",
    'text/plain+html',
    'text/x-python',
    'image/svg+xml; charset=utf-8',
    'multipart/mixed; boundary=x',
  ])('never %s', async (contentType) => {
    const { url } = await withArtifact('x', contentType);
    for (const range of ['', 'bytes=0-1']) {
      const { headers } = await fetch(url, { headers: { range } });
      expect(headers.get('content-type')).toBe(contentType);
      expect(headers.get('content-disposition')).toBe('attachment; filename="x"');
    }
  });
});

describe('a large content', () => {
  /** What is read of it passes through `alter`, together with its offset. */
  async function withLarge(alter: (at: number, piece: Uint8Array) => Uint8Array, bytesLength = 64 * MiB) {
    const memory = openMemoryBlobs();
    const blobs = withBlobs(memory, {
      read: async function* (...args) {
        let at = 0;
        for await (const piece of memory.read(...args)) {
          yield alter(at, piece);
          at += piece.length;
        }
      },
    });
    const rig = await openHttpRig({ blobs });
    onTestFinished(() => rig[Symbol.asyncDispose]());
    const { artifact } = await upload(rig, { session: 's', name: 'a' }, someBytes(bytesLength));
    const target = `/v1/artifacts/${artifact!.id}/content`;
    return { rig, target, url: `${rig.url}${target}` };
  }

  /** Another byte at one place. */
  function flipped(piece: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(piece);
    copy[0]! ^= 1;
    return copy;
  }

  it('is read no faster than it is taken', async () => {
    let readBytes = 0;
    const { rig, target } = await withLarge((at, piece) => {
      readBytes = Math.max(readBytes, at);
      return piece;
    });
    const socket = await openSocket(rig.url);
    socket.write(head(rig.url, `GET ${target} HTTP/1.1`, 'Connection: close'));
    await once(socket, 'readable');
    await standsStill(
      () => readBytes,
      async () => {
        await (await fetch(`${rig.url}${target}`, { headers: { range: 'bytes=0-0' } })).arrayBuffer();
      },
    );
    expect(readBytes).toBeGreaterThan(0);
    expect(readBytes).toBeLessThan(48 * MiB);
    let received = 0;
    for await (const chunk of socket) received += (chunk as Buffer).length;
    expect(received).toBeGreaterThan(64 * MiB);
  });

  it('that turns out to be damaged is broken off', async () => {
    const damage = (at: number, piece: Uint8Array) => (at > 8 * MiB ? flipped(piece) : piece);
    const { rig, url } = await withLarge(damage, 16 * MiB);
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    await expect(answer.arrayBuffer()).rejects.toThrow();
    await eventually(() => rig.calls.length === 2);
    expect(rig.calls[1]?.outcome).toBe('DATA_LOSS');
  });

  it('that is damaged from the beginning says so', async () => {
    const { url } = await withLarge((_, piece) => flipped(piece), MiB);
    const answer = await fetch(url);
    expect(answer.status).toBe(500);
    expect(parseError(await answer.text())).toMatchObject({ code: 'data_loss', reason: 'DATA_LOSS' });
    expect(answer.headers.get('etag')).toBeNull();
  });

  it('that nobody waits for any more is closed', async () => {
    const { rig, target } = await withLarge((_, piece) => piece);
    const socket: Socket = await openSocket(rig.url);
    socket.write(head(rig.url, `GET ${target} HTTP/1.1`));
    await once(socket, 'readable');
    socket.destroy();
    await eventually(() => rig.calls.length === 2);
    expect(rig.calls[1]?.outcome).toBe('CANCELLED');
    expect(rig.server.unexpected).toEqual([]);
  });
});

/** Resolves when a number has not changed while other calls were answered: what is buffered is full. */
async function standsStill(read: () => number, call: () => Promise<void>): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read();
    for (let at = 0; at < 16; at++) await call();
  }
}
