/** Redirects of contents to the bucket: to whom, after which checks, and what is told of them. */
import { writeFile } from 'node:fs/promises';
import { create as message } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { DownloadArtifactRequestSchema } from '../../../gen/artifacta/v1/content_pb.ts';
import type { RedirectPolicy } from '../../../src/api/downloads/redirects.ts';
import { parseSha256 } from '../../../src/domain/digest.ts';
import { keys } from '../../../src/index/keys.ts';
import { create, refusal, sha256, someBytes } from '../../support/calls.ts';
import { openSigningBucket, type SigningBucket } from '../../support/gcs/signing-bucket.ts';
import { closeChecked, startOfTime } from '../../support/service.ts';
import { target, tester } from '../../support/specs.ts';
import { openTransport } from '../grpc/listeners.ts';
import { type HttpRig, openHttpRig, openHttpTransport } from './listeners.ts';

const bytes = someBytes(2_000);
const bytesMin = 2_000;
const forClients: RedirectPolicy = { hasLinks: false, bytesMin };
const forLinks: RedirectPolicy = { hasLinks: true, bytesMin };
const allow = { 'artifacta-redirect': 'allow' };
const named = (name: string) => ({ by: { case: 'name', value: { session: 's', name } } }) as const;

let bucket: SigningBucket;
let rig: HttpRig;

beforeEach(async () => {
  bucket = await openSigningBucket();
});

async function open(
  redirects: RedirectPolicy | undefined,
  { inlineBytesMax = 0, isDamaged = false } = {},
): Promise<void> {
  const opened = await openHttpRig({ redirects, inlineBytesMax, blobs: bucket.blobs });
  onTestFinished(() => (isDamaged ? opened[Symbol.asyncDispose]() : closeChecked(opened, { reaped: true })));
  rig = opened;
}

async function pushed(name = 'a.bin', contentType = '', data: Uint8Array = bytes) {
  const { artifact } = await create(rig, { session: 's', name, contentType }, data);
  return { id: artifact!.id, url: `${rig.url}/v1/artifacts/${artifact!.id}/content` };
}

async function linked(name = 'a.bin', contentType = '') {
  const { id } = await pushed(name, contentType);
  const { path, shareLink } = await rig.artifacts.createShareLink({
    artifact: { by: { case: 'id', value: id } },
  });
  return { id, link: shareLink!.id, url: `${rig.url}${path}` };
}

/** The answer, without going where it leads. */
function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(url, { method, headers, redirect: 'manual' });
}

async function statusOf(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> {
  const answer = await get(url, headers, method);
  await answer.arrayBuffer();
  return answer.status;
}

describe('a client that asks', () => {
  it('is sent to the object, with what it needs to check the bytes', async () => {
    await open(forClients);
    const { url } = await pushed('a/report 1.html', 'text/html');
    const answer = await get(url, allow);
    expect([answer.status, await answer.text()]).toEqual([307, '']);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'artifacta-sha256': sha256(bytes),
      'artifacta-size': '2000',
      'cache-control': 'private, no-store',
      'referrer-policy': 'no-referrer',
      'content-length': '0',
    });
    const place = new URL(answer.headers.get('location')!);
    expect(place.origin).toBe(bucket.fake.endpoint);
    const object = [...bucket.fake.buckets.bucket('bucket').values()].find(
      (one) => one.bytes.length === 2_000,
    )!;
    expect(place.searchParams.get('generation')).toBe(object.generation);
    expect(place.searchParams.get('X-Goog-Expires')).toBe('60');
    const there = await fetch(place);
    expect(Buffer.from(await there.arrayBuffer()).equals(bytes)).toBe(true);
    const here = await fetch(url);
    for (const header of ['content-type', 'content-disposition'])
      expect(there.headers.get(header)).toBe(here.headers.get(header));
    expect(there.headers.get('content-disposition')).toBe('attachment; filename="report 1.html"');
  });

  it.each([
    'image/png',
    'text/plain;charset=UTF-8',
    'image/svg+xml',
    'text/plain; x=y',
    'application/pdf',
    '',
  ])('gets %j there in the same way as here', async (contentType) => {
    await open(forClients);
    const { url } = await pushed('a', contentType);
    const [there, here] = [await fetch(url, { headers: allow }), await fetch(url)];
    expect(there.redirected).toBe(true);
    for (const header of ['content-type', 'content-disposition'])
      expect(there.headers.get(header)).toBe(here.headers.get(header));
  });

  it('gets ranges there', async () => {
    await open(forClients);
    const { url } = await pushed();
    const part = await fetch(url, { headers: { ...allow, range: 'bytes=5-9' } });
    expect([part.redirected, part.status]).toEqual([true, 206]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(5, 10))).toBe(true);
    const beyond = await get(url, { ...allow, range: 'bytes=2000-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */2000']);
  });

  it('also by session and name', async () => {
    await open(forClients);
    await pushed('dir/a');
    expect(await statusOf(`${rig.url}/v1/sessions/s/artifacts/dir/a`, allow)).toBe(307);
  });

  it('gets from the service what depends on its entity tags, and HEAD', async () => {
    await open(forClients);
    const { url } = await pushed();
    const etag = `"${sha256(bytes)}"`;
    const range = 'bytes=0-9';
    expect(await statusOf(url, allow, 'HEAD')).toBe(200);
    expect(await statusOf(url, { ...allow, 'if-match': etag })).toBe(200);
    expect(await statusOf(url, { ...allow, 'if-match': '"other"' })).toBe(412);
    expect(await statusOf(url, { ...allow, 'if-range': etag, range })).toBe(206);
    expect(await statusOf(url, { ...allow, 'if-range': '"other"', range })).toBe(200);
    expect(await statusOf(url, { ...allow, 'if-none-match': etag })).toBe(304);
    expect(await statusOf(url, { ...allow, 'if-modified-since': 'Sat, 29 Oct 1994 19:43:31 GMT' })).toBe(200);
    expect(await statusOf(url, { ...allow, 'if-none-match': '"other"' })).toBe(307);
  });
});

describe('bytes come from the service', () => {
  it('for clients that do not ask, and by default', async () => {
    await open(forClients);
    const { url } = await pushed();
    expect(await statusOf(url)).toBe(200);
    expect(await statusOf(url, { 'artifacta-redirect': 'deny' })).toBe(200);
  });

  it('if the operator does not allow redirects', async () => {
    await open(undefined);
    const { id, url } = await linked();
    expect(await statusOf(url, allow)).toBe(200);
    expect(await statusOf(`${rig.url}/v1/artifacts/${id}/content`, allow)).toBe(200);
  });

  it('for contents that are smaller, or in the index', async () => {
    await open(forClients, { inlineBytesMax: 2_000 });
    expect(await statusOf((await pushed('inline')).url, allow)).toBe(200);
    expect(await statusOf((await pushed('small', '', someBytes(1_999))).url, allow)).toBe(200);
    expect(await statusOf((await pushed('large', '', someBytes(2_001))).url, allow)).toBe(307);
  });

  it('if nothing can be signed, which is warned of once', async () => {
    await open(forLinks);
    const { id, url } = await linked();
    const { account } = bucket.fake;
    const person = { type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' };
    await writeFile(account!.file, JSON.stringify(person));
    for (const at of [url, `${rig.url}/v1/artifacts/${id}/content`]) {
      const answer = await get(at, allow);
      expect(answer.status).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect(bucket.warnings).toEqual([expect.stringContaining('no URL can be signed')]);
    expect(rig.calls.some(({ redirected }) => redirected)).toBe(false);
  });
});

describe('a redirect is refused like a read', () => {
  it('of what has expired or was deleted', async () => {
    await open(forClients);
    const { id, url } = await pushed();
    const changes = { expiry: { case: 'ttl', value: { seconds: 60n, nanos: 0 } } } as const;
    await rig.artifacts.updateArtifact({ artifact: { by: { case: 'id', value: id } }, changes });
    expect(await statusOf(url, allow)).toBe(307);
    rig.clock.now = startOfTime + 60_000;
    expect(await statusOf(url, allow)).toBe(410);
    const other = await pushed('b');
    await rig.artifacts.deleteArtifact({ artifact: named('b') });
    expect(await statusOf(other.url, allow)).toBe(404);
    expect(await statusOf(url, { ...allow, 'artifacta-namespace': 'other' })).toBe(404);
  });

  it('of what is quarantined', async () => {
    await open(forLinks, { isDamaged: true });
    const { id, url } = await linked();
    const [object] = [...bucket.fake.buckets.bucket('bucket').values()].filter(
      (one) => one.bytes.length === 2_000,
    );
    bucket.fake.buckets.bucket('bucket').delete(object!.name);
    // Nobody has read it yet.
    const content = `${rig.url}/v1/artifacts/${id}/content`;
    expect(await statusOf(content, allow)).toBe(307);
    expect(await statusOf(content)).toBe(500);
    expect(await statusOf(content, allow)).toBe(500);
    expect(await statusOf(url)).toBe(500);
    const value = await rig.index.get(keys.blobs.record.key('default', parseSha256(sha256(bytes))!));
    expect(keys.blobs.record.decode(value!)).toMatchObject({ quarantined: true });
  });

  it('of what the caller may not read', async () => {
    await open(forClients);
    await pushed('secret/a');
    const elsewhere = (namePrefix: string) =>
      rig.store.downloads.elsewhere(
        { ...tester, restriction: { namePrefix } },
        target('s', 'secret/a'),
        { offset: 0, limit: undefined },
        { bytesMin, shownAs: () => ({ contentType: 'text/plain', contentDisposition: 'attachment' }) },
      );
    await expect(elsewhere('public/')).rejects.toMatchObject({ reason: 'ARTIFACT_NOT_FOUND' });
    expect(await elsewhere('secret/')).toBeDefined();
  });
});

describe('a share link', () => {
  it('leads everyone to the object, if the operator says so', async () => {
    await open(forLinks);
    const { url } = await linked('page.html', 'text/html');
    const answer = await get(url);
    expect([answer.status, answer.headers.get('artifacta-sha256')]).toEqual([307, sha256(bytes)]);
    const there = await fetch(url);
    expect(there.headers.get('content-disposition')).toBe('attachment; filename="page.html"');
    expect(Buffer.from(await there.arrayBuffer()).equals(bytes)).toBe(true);
    expect(await statusOf(url, { 'artifacta-redirect': 'deny' })).toBe(200);
    expect(await statusOf(url, {}, 'HEAD')).toBe(200);
    expect(await statusOf(url, { range: 'bytes=2000-' })).toBe(416);
  });

  it('leads nobody there if only clients may be sent, even one that asks', async () => {
    await open(forClients);
    expect(await statusOf((await linked()).url, allow)).toBe(200);
  });

  it('that is revoked, expired or unknown leads nowhere', async () => {
    await open(forLinks);
    const { url, link } = await linked();
    const later = await linked('b');
    await rig.artifacts.revokeShareLinks({ target: { case: 'shareLinkId', value: link } });
    expect(await statusOf(url)).toBe(404);
    expect(await statusOf(`${rig.url}/s/${'x'.repeat(43)}`)).toBe(404);
    rig.clock.now = startOfTime + 24 * 3_600_000;
    expect(await statusOf(later.url)).toBe(410);
  });
});

it('Artifacta-Redirect must be allow or deny, whatever the operator allows', async () => {
  for (const policy of [undefined, forLinks]) {
    await open(policy);
    const { id, url: link } = await linked();
    const content = `${rig.url}/v1/artifacts/${id}/content`;
    for (const url of [content, `${rig.url}/v1/sessions/s/artifacts/a.bin`, link])
      for (const value of ['', 'ALLOW', 'yes', 'allow, allow', '1'])
        for (const method of ['GET', 'HEAD']) {
          const answer = await get(url, { 'artifacta-redirect': value }, method);
          const text = await answer.text();
          expect([value, answer.status]).toEqual([value, 400]);
          if (method === 'GET') expect(text).toContain('Artifacta-Redirect: must be allow or deny');
        }
  }
});

it('the log and the metrics get that a call was redirected, and no URL', async () => {
  await open(forLinks);
  const { id, url } = await linked();
  const content = `${rig.url}/v1/artifacts/${id}/content`;
  await statusOf(content, allow);
  await statusOf(content);
  await statusOf(url);
  const told = () =>
    rig.calls
      .filter(({ method }) => /Download|Shared/.test(method))
      .map(({ method, outcome, redirected }) => [method, outcome, redirected]);
  const download = 'artifacta.v1.ArtifactService/DownloadArtifact';
  await expect.poll(told).toEqual([
    [download, 'OK', true],
    [download, 'OK', undefined],
    ['http/GetSharedContent', 'OK', true],
  ]);
  expect(JSON.stringify(rig.calls)).not.toMatch(/Goog|127\.0\.0\.1/);
});

describe('DownloadArtifact with allow_redirect', () => {
  const transports = {
    Connect: () => openHttpTransport('Connect', rig.url),
    JSON: () => openHttpTransport('Connect with JSON', rig.url),
    'gRPC-Web': () => openHttpTransport('gRPC-Web', rig.url),
    gRPC: () => {
      const { transport, [Symbol.dispose]: close } = openTransport(rig.server.addresses.grpc!);
      onTestFinished(() => close());
      return transport;
    },
  };

  it.each(Object.entries(transports))('over %s', async (_name, transport) => {
    await open(forClients);
    await pushed();
    const client = createClient(ArtifactService, transport());
    const parts = async (request: object) => {
      const answer = client.downloadArtifact(
        message(DownloadArtifactRequestSchema, { artifact: named('a.bin'), ...request }),
      );
      return (await Array.fromAsync(answer)).map(({ part }) => part);
    };
    const [first, second, ...none] = await parts({ allowRedirect: true, offset: 5n });
    expect([first?.case, second?.case, none]).toEqual(['artifact', 'redirect', []]);
    if (second?.case !== 'redirect') return;
    const leftMs = Number(second.value.expireTime!.seconds) * 1_000 - Date.now();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(50_000);
    expect(Buffer.from(await (await fetch(second.value.uri)).arrayBuffer()).equals(bytes)).toBe(true);
    expect((await parts({})).map((part) => part.case)).toEqual(['artifact', 'chunk']);
    expect((await parts({ allowRedirect: true, limit: 0n })).map((part) => part.case)).toEqual(['artifact']);
    expect(await refusal(parts({ allowRedirect: true, offset: 2_001n }))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['offset'],
    });
  });
});
