/** `GET` and `HEAD /s/{token}`: what a share link opens, and what it does not (I19, I20). */
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { create, sha256, someBytes, upload } from '../../support/calls.ts';
import { closeChecked, startOfTime } from '../../support/service.ts';
import { type HttpRig, openHttpRig } from './listeners.ts';
import { openSocket } from './raw.ts';

const MiB = 1024 * 1024;
const content = someBytes(1_000);

async function opened(options: Parameters<typeof openHttpRig>[0] = {}): Promise<HttpRig> {
  const rig = await openHttpRig(options);
  onTestFinished(() => closeChecked(rig, { reaped: true }));
  return rig;
}

const named = (name: string) => ({ by: { case: 'name', value: { session: 's', name } } }) as const;

/** A link, and where it is. */
async function shared({
  rig,
  name = 'a.bin',
  contentType = '',
}: {
  rig: HttpRig;
  name?: string;
  contentType?: string;
}) {
  await create(rig, { session: 's', name, contentType }, content);
  const { shareLink, token, path } = await rig.artifacts.createShareLink({ artifact: named(name) });
  return { id: shareLink!.id, token, url: `${rig.url}${path}` };
}

async function bodyOf(answer: Response): Promise<Uint8Array> {
  return new Uint8Array(await answer.arrayBuffer());
}

describe('I19: a link grants one version, GET and HEAD, until its end', () => {
  it('serves the bytes, whole and in part, to whoever has it', async () => {
    const { url } = await shared({ rig: await opened() });
    const whole = await fetch(url);
    expect(whole.status).toBe(200);
    expect(await bodyOf(whole)).toEqual(content);
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 10-19/1000']);
    expect(await bodyOf(part)).toEqual(content.subarray(10, 20));
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '1000']);
    const known = await fetch(url, { headers: { 'if-none-match': `"${sha256(content)}"` } });
    expect(known.status).toBe(304);
    expect((await fetch(url, { headers: { range: 'bytes=2000-' } })).status).toBe(416);
  });

  it('grants nothing but GET and HEAD', async () => {
    const { url } = await shared({ rig: await opened() });
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await fetch(url, { method });
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
    }
  });

  it('is for the version that it was made for', async () => {
    const rig = await opened();
    const { url } = await shared({ rig });
    await create(rig, { session: 's', name: 'a.bin' }, 'something else');
    expect(await bodyOf(await fetch(url))).toEqual(content);
  });

  it('flipped at any character it opens nothing, and the answer is that of no link at all', async () => {
    const { url, token } = await shared({ rig: await opened() });
    const base = url.slice(0, -token.length);
    const answerTo = async (wrong: string) => {
      const answer = await fetch(`${base}${wrong}`);
      return [answer.status, await answer.text()];
    };
    const none = await answerTo('x'.repeat(43));
    expect(none[0]).toBe(404);
    // The last character holds two bits that are not the token's: another token all the same.
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(await answerTo(`${token.slice(0, at)}${other}${token.slice(at + 1)}`)).toEqual(none);
    }
    for (const wrong of ['', token.slice(1), `${token}A`, `${token}%00`, '..%2fv1', token.toLowerCase()])
      expect([wrong, ...(await answerTo(wrong))]).toEqual([wrong, ...none]);
  });

  it('expired it is gone: 410, also when the artifact expires first', async () => {
    const rig = await opened();
    const { url } = await shared({ rig });
    await create(rig, { session: 's', name: 'brief' }, 'x');
    const brief = await rig.artifacts.createShareLink({ artifact: named('brief') });
    const changes = { expiry: { case: 'ttl', value: { seconds: 60n, nanos: 0 } } } as const;
    await rig.artifacts.updateArtifact({ artifact: named('brief'), changes });
    rig.clock.now = startOfTime + 60_000;
    expect((await fetch(`${rig.url}${brief.path}`)).status).toBe(410);
    expect((await fetch(url)).status).toBe(200);
    rig.clock.now = startOfTime + 24 * 3_600_000;
    expect((await fetch(url)).status).toBe(410);
    await rig.store.reaper.reap({ limit: 1_000 });
    expect((await fetch(url)).status).toBe(404);
  });

  it('revoked it is unknown, and so it is when the artifact or its session was deleted', async () => {
    const rig = await opened();
    const first = await shared({ rig });
    const second = await shared({ rig, name: 'b' });
    const third = await shared({ rig, name: 'c' });
    await rig.artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: first.id } });
    await rig.artifacts.deleteArtifact({ artifact: named('b') });
    for (const { url } of [first, second]) expect((await fetch(url)).status).toBe(404);
    expect((await fetch(third.url)).status).toBe(200);
    await rig.sessions.deleteSession({ session: 's' });
    expect((await fetch(third.url)).status).toBe(404);
  });

  it('what is on its way stops within a second of the revocation', async () => {
    let elapsedMs = 0;
    const rig = await opened({ blobs: openMemoryBlobs(), elapsed: () => elapsedMs });
    const bytes = someBytes(24 * MiB);
    await upload(rig, { session: 's', name: 'large' }, bytes);
    const { shareLink, path } = await rig.artifacts.createShareLink({ artifact: named('large') });
    const { hostname, port } = new URL(rig.url);
    const socket = await openSocket(rig.url);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
    let received = 0;
    await once(socket, 'readable');
    await rig.artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: shareLink!.id } });
    elapsedMs = 1_000;
    for await (const piece of socket) received += (piece as Buffer).length;
    expect(received).toBeLessThan(bytes.length);
    await expect.poll(() => rig.calls.at(-1)).toMatchObject({ outcome: 'SHARE_LINK_NOT_FOUND' });
  });

  it('needs no credentials where everything else does', async () => {
    const { url } = await shared({ rig: await opened() });
    const answer = await fetch(url, { headers: { authorization: 'Bearer nonsense' } });
    expect(answer.status).toBe(200);
  });
});

describe('I20: what is shared cannot do anything on the service’s origin', () => {
  const protective = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'referrer-policy': 'no-referrer',
    'cache-control': 'private, no-store',
  };

  it.each([
    ['text/html', 'page.html', 'attachment'],
    ['image/svg+xml', 'image.svg', 'attachment'],
    ['application/javascript', 'code.js', 'attachment'],
    ['application/pdf', 'paper.pdf', 'attachment'],
    ['text/xml', 'page.xml', 'attachment'],
    ['TEXT/HTML; charset=utf-8', 'page', 'attachment'],
    ['image/png', 'image.png', 'inline'],
    ['text/plain; charset=utf-8', 'note.txt', 'inline'],
    ['text/plain;charset=UTF-8', 'note', 'inline'],
    ['text/plain;, text/html', 'note', 'attachment'],
    ['text/plain; x=y', 'note', 'attachment'],
    ['text/plain; charset=iso-2022-jp', 'note', 'attachment'],
    ['text/plain; charset=utf-16', 'note', 'attachment'],
    ['text/plain; charset=x-user-defined', 'note', 'attachment'],
    ['image/png; charset="x"', 'image', 'attachment'],
    ['application/octet-stream', 'x', 'attachment'],
  ])('%s', async (contentType, name, disposition) => {
    const { url } = await shared({ rig: await opened(), name, contentType });
    const { headers } = await fetch(url);
    expect(headers.get('content-disposition')).toBe(`${disposition}; filename="${name}"`);
    for (const [header, value] of Object.entries(protective))
      expect([header, headers.get(header)]).toEqual([header, value]);
  });

  it.each([
    'a"; filename=evil.html',
    "a'b%0d%0aSet-Cookie: x=1",
    '漢字 ünïcode.txt',
    `${'x'.repeat(255)}`,
    'dir/only the last part.bin',
  ])('the name %j stays a name', async (name) => {
    const { url } = await shared({ rig: await opened(), name });
    const answer = await fetch(url);
    const said = answer.headers.get('content-disposition')!;
    expect(said).toMatch(
      /^(?:attachment|inline); filename="[^"\\%]*"(; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]+)?$/,
    );
    expect(answer.headers.get('set-cookie')).toBeNull();
    const extended = /filename\*=UTF-8''(.*)$/.exec(said)?.[1];
    const last = name.split('/').at(-1);
    expect(extended === undefined ? /"(.*?)"/.exec(said)![1] : decodeURIComponent(extended)).toBe(last);
  });
});

describe('I21: the token', () => {
  it('is in no row, and in nothing that is told of calls', async () => {
    const rig = await opened();
    const { url, token } = await shared({ rig });
    await fetch(url);
    await fetch(url, { headers: { range: 'bytes=5000-' } });
    for await (const block of rig.index.scan({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }))
      for (const [key, value] of block) {
        expect(Buffer.from(key).includes(token)).toBe(false);
        expect(Buffer.from(value).includes(token)).toBe(false);
      }
    await expect
      .poll(() => rig.calls.filter(({ method }) => method === 'http/GetSharedContent').length)
      .toBe(2);
    expect(JSON.stringify(rig.calls)).not.toContain(token);
    expect(rig.calls.at(-1)).toMatchObject({ namespace: 'default', subject: expect.stringMatching(/^lnk_/) });
  });
});
