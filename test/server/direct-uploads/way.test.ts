/** Uploads straight to the bucket, over each protocol, from the begin to the readable artifact. */
import { createClient } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { Scope } from '../../../gen/artifacta/v1/api_key_pb.ts';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { InfoService } from '../../../gen/artifacta/v1/info_service_pb.ts';
import { withCredentials } from '../../../src/client/wire/headers.ts';
import { byName, refusal, sha256, someBytes } from '../../support/calls.ts';
import { digestOf, specOf as specInStore, tester } from '../../support/specs.ts';
import { openTransport } from '../grpc/listeners.ts';
import { openHttpTransport } from '../http/listeners.ts';
import { begun, bytes, bytesMin, type DirectRig, finish, openDirectRig, send, sent, specOf } from './rig.ts';

const MiB = 1024 * 1024;

const ways = {
  gRPC: ({ grpc }: DirectRig) => {
    const opened = openTransport(grpc);
    onTestFinished(() => opened[Symbol.dispose]());
    return opened.transport;
  },
  Connect: ({ url }: DirectRig) => openHttpTransport('Connect', url),
  'Connect with JSON': ({ url }: DirectRig) => openHttpTransport('Connect with JSON', url),
  'gRPC-Web': ({ url }: DirectRig) => openHttpTransport('gRPC-Web', url),
} as const;

it.each(Object.keys(ways) as (keyof typeof ways)[])(
  'an artifact is made of the bytes in the bucket: %s',
  async (way) => {
    const rig = await openDirectRig();
    const transport = withCredentials(ways[way](rig), { token: rig.owner.secret });
    const artifacts = createClient(ArtifactService, transport);
    const { serverInfo } = await createClient(InfoService, transport).getServerInfo({});
    expect(serverInfo!.features).toContain('direct-uploads');
    expect(serverInfo!.limits!.minDirectUploadBytes).toBe(BigInt(bytesMin));
    const metadata = { agent: 'x' };
    const upload = await begun(artifacts, specOf(bytes, { metadata, contentType: 'text/x-made' }));
    expect(Number(upload.expireTime!.seconds) * 1_000 - rig.clock.now).toBe(6 * 3_600_000);
    expect((await refusal(artifacts.getArtifact({ artifact: byName('s', 'a.bin') }))).reason).toBe(
      'SESSION_NOT_FOUND',
    );
    expect(await send(upload.uri, bytes)).toBe(200);
    const made = await finish(artifacts, upload.uploadToken);
    expect(made.checked).toEqual([0]);
    expect(made.artifact).toMatchObject({ name: 'a.bin', contentType: 'text/x-made', version: 1n, metadata });
    expect(made.artifact!.sha256).toBe(sha256(bytes));
    const parts: Uint8Array[] = [];
    for await (const { part } of artifacts.downloadArtifact({ artifact: byName('s', 'a.bin') }))
      if (part.case === 'chunk') parts.push(part.value);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(rig.contents().length).toBe(1);
  },
);

it('the URL is the only credential that the bucket needs', async () => {
  const rig = await openDirectRig();
  const upload = await begun(rig.owner.artifacts);
  rig.fake.token = 'of the service';
  expect(await send(upload.uri, bytes)).toBe(200);
  rig.fake.token = undefined;
  expect((await finish(rig.owner.artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
});

it('the bytes may come in pieces, and go on after a break where the bucket says', async () => {
  const rig = await openDirectRig();
  const { artifacts } = rig.owner;
  const upload = await begun(artifacts);
  const piece = 256 * 1024;
  const put = (from: number, to: number) =>
    fetch(upload.uri, {
      method: 'PUT',
      headers: { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` },
      body: bytes.subarray(from, to),
    });
  expect((await put(0, piece)).status).toBe(308);
  rig.fake.fail('put', 'lost answer');
  await expect(put(piece, 2 * piece)).rejects.toThrow();
  const asked = await fetch(upload.uri, {
    method: 'PUT',
    headers: { 'content-range': `bytes */${bytes.length}` },
  });
  expect([asked.status, asked.headers.get('range')]).toEqual([308, `bytes=0-${2 * piece - 1}`]);
  expect((await put(2 * piece, bytes.length)).status).toBe(200);
  expect((await finish(artifacts, upload.uploadToken)).artifact!.version).toBe(1n);
});

it('no bytes are needed if the caller can read them already', async () => {
  const rig = await openDirectRig();
  const { artifacts } = rig.owner;
  await finish(artifacts, (await sent(artifacts)).uploadToken);
  const { result } = await artifacts.beginDirectUpload({ spec: specOf(bytes, { name: 'b.bin' }) });
  expect(result).toMatchObject({ case: 'existing', value: { receipt: { bytesSaved: 700_000n } } });
  const again = await artifacts.beginDirectUpload({ spec: specOf(bytes) });
  expect(again.result).toMatchObject({ case: 'existing', value: { receipt: { deduplicated: true } } });
  expect(rig.fake.count('begin')).toBe(1);
});

it('a caller that cannot read them has to send them, and does not learn that they exist', async () => {
  const rig = await openDirectRig();
  await finish(rig.owner.artifacts, (await sent(rig.owner.artifacts)).uploadToken);
  const writer = await rig.key(['write']);
  const { token } = await (await rig.key()).admin.mintToken({
    scopes: [Scope.READ, Scope.WRITE],
    sessions: ['mine'],
  });
  for (const [artifacts, session] of [
    [writer.artifacts, 's2'],
    [rig.clients(token).artifacts, 'mine'],
  ] as const) {
    const upload = await sent(artifacts, bytes, specOf(bytes, { session }));
    const { receipt } = await finish(artifacts, upload.uploadToken);
    expect(receipt).toMatchObject({ bytesSaved: 0n, deduplicated: false });
  }
});

it('the request id of the description counts, also for uploads that pass through the service', async () => {
  const rig = await openDirectRig();
  const { artifacts } = rig.owner;
  const spec = specOf(bytes, { requestId: 'once' });
  const first = await sent(artifacts, bytes, spec);
  const second = await sent(artifacts, bytes, spec);
  const made = await finish(artifacts, first.uploadToken);
  const replayed = await finish(artifacts, second.uploadToken);
  expect(replayed.receipt!.replayed).toBe(true);
  expect(replayed.artifact!.id).toBe(made.artifact!.id);
  const { result } = await artifacts.beginDirectUpload({ spec });
  expect(result).toMatchObject({ case: 'existing', value: { receipt: { replayed: true } } });
  const spent = specOf(someBytes(200_000, 3), { requestId: 'once' });
  expect((await refusal(artifacts.beginDirectUpload({ spec: spent }))).reason).toBe('REQUEST_ID_REUSED');
});

it('a large content is read back piece by piece, as fast as the caller asks', {
  timeout: 60_000,
}, async () => {
  const rig = await openDirectRig({ most: 100_000_000 });
  const { directUploads } = rig.store;
  const large = Buffer.alloc(70 * MiB, someBytes(MiB + 1));
  const spec = { ...specInStore({ session: 's', name: 'a' }), ...digestOf(large) };
  const begun = await directUploads.begin(tester, spec);
  if ('artifact' in begun) throw new Error('no bytes are needed');
  expect(await send(begun.url, large)).toBe(200);
  const before = rig.receivedBytes();
  const reading = directUploads.finish(tester, spec, begun);
  expect(await reading.next()).toEqual({ done: false, value: 0 });
  expect(rig.receivedBytes()).toBe(before);
  expect(await reading.next()).toEqual({ done: false, value: 8 * MiB });
  // One more chunk of the connection, at most, has come.
  expect(rig.receivedBytes() - before).toBeLessThan(9 * MiB);
  let last = await reading.next();
  while (last.done !== true) last = await reading.next();
  expect(last.value).toMatchObject({ artifact: { version: 1 } });
  expect(rig.receivedBytes() - before).toBe(large.length);
});

it('an end that is given up can be repeated', { timeout: 60_000 }, async () => {
  const rig = await openDirectRig({ most: 100_000_000 });
  const { artifacts } = rig.owner;
  const large = Buffer.alloc(70 * MiB, someBytes(MiB + 1));
  const { uploadToken } = await sent(artifacts, large);
  for await (const { part } of artifacts.finishDirectUpload({ uploadToken })) {
    expect(part).toEqual({ case: 'checkedBytes', value: 0n });
    break;
  }
  const { checked, artifact } = await finish(artifacts, uploadToken);
  expect(checked).toEqual([0, 64 * MiB]);
  expect(artifact!.sizeBytes).toBe(BigInt(large.length));
});
