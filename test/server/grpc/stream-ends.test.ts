/**
 * However an upload over gRPC ends, an artifact is there if and only if the client has said that it sent everything,
 * and nothing else stays behind.
 */
import { mkdtemp, readdir } from 'node:fs/promises';
import type { ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import { UploadArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import type { CallRecord } from '../../../src/api/guard.ts';
import type { BlobStore } from '../../../src/blobs/blob-store.ts';
import { openDiskBlobs } from '../../../src/blobs/disk.ts';
import { refusal, someBytes } from '../../support/calls.ts';
import { removeDirectory } from '../../support/directories.ts';
import { openTestStore, testRoutes } from '../../support/service.ts';
import { pathOf } from '../fake-service.ts';
import { openTransport, startTestServer, type TestServer } from './listeners.ts';
import {
  answerOf,
  eventually,
  framed,
  openRawConnection,
  type RawConnection,
  resetStream,
} from './raw-call.ts';

type Part = MessageInitShape<typeof UploadArtifactRequestSchema>['part'];

const content = someBytes(512 * 1024);
const spec = { session: 'run', name: 'a.bin' };
const beginning: Part[] = [
  { case: 'start', value: { spec } },
  { case: 'chunk', value: content.subarray(0, content.length / 2) },
];
const rest: Part[] = [
  { case: 'chunk', value: content.subarray(content.length / 2) },
  { case: 'finish', value: { sizeBytes: BigInt(content.length) } },
];

const encoded = (part: Part) =>
  Buffer.from(toBinary(UploadArtifactRequestSchema, create(UploadArtifactRequestSchema, { part } as object)));

interface Rig extends AsyncDisposable {
  readonly server: TestServer;
  readonly blobs: BlobStore;
  readonly calls: CallRecord[];
  readonly client: ReturnType<typeof createClient<typeof ArtifactService>>;
  staging(): Promise<string[]>;
}

/** A store that keeps nothing inline, on a real disk. */
async function openRig(): Promise<Rig> {
  const root = await mkdtemp(join(tmpdir(), 'artifacta-ends-'));
  onTestFinished(() => removeDirectory(root));
  const blobs = await openDiskBlobs({ root });
  const opened = await openTestStore({ blobs, inlineBytesMax: 0 });
  const calls: CallRecord[] = [];
  const server = await startTestServer(testRoutes(opened.store, calls));
  const opening = openTransport(server.addresses.grpc);
  return {
    server,
    blobs,
    calls,
    client: createClient(ArtifactService, opening.transport),
    staging: () => readdir(join(root, 'tmp')),
    [Symbol.asyncDispose]: async () => {
      opening[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** The upload is half way: some of its bytes are in a staging file. */
async function halfWay(rig: Rig): Promise<void> {
  await eventually(async () => (await rig.staging()).length === 1 && rig.blobs.stagedCount === 1);
}

async function expectNothingLeft(rig: Rig): Promise<void> {
  await eventually(() => rig.blobs.stagedCount === 0);
  expect(await rig.staging()).toEqual([]);
  await eventually(() => rig.calls.length === 1);
  const told = await refusal(rig.client.listArtifacts({ session: 'run' }));
  expect(told.reason).toBe('SESSION_NOT_FOUND');
  expect(rig.server.unexpected).toEqual([]);
}

describe('an upload spoken by hand', () => {
  type Way = (raw: RawConnection, stream: ClientHttp2Stream) => void;

  it.each<[string, Way, string[]]>([
    ['the end without finish', (_, stream) => void stream.end(), ['UPLOAD_INCOMPLETE']],
    // node:http2 ends a stream before it resets it, so that the reset may come too late to be seen.
    ['close with NO_ERROR', (_, stream) => stream.close(0), ['UPLOAD_INCOMPLETE', 'CANCELLED']],
    ['close with CANCEL', (_, stream) => stream.close(8), ['UPLOAD_INCOMPLETE', 'CANCELLED']],
    ['RST_STREAM with NO_ERROR', (raw, stream) => resetStream(raw, stream, 0), ['CANCELLED']],
    ['RST_STREAM with CANCEL', (raw, stream) => resetStream(raw, stream, 8), ['CANCELLED']],
    ['the end of the session', ({ session }) => session.destroy(), ['CANCELLED']],
    ['a socket that is destroyed', ({ socket }) => void socket.destroy(), ['CANCELLED']],
    ['a connection that is reset', ({ socket }) => void socket.resetAndDestroy(), ['CANCELLED']],
    ['a FIN', ({ socket }) => void socket.end(), ['CANCELLED']],
  ])('leaves nothing after %s', async (_, end, outcomes) => {
    await using rig = await openRig();
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    for (const part of beginning) stream.write(framed(encoded(part)));
    await halfWay(rig);
    end(raw, stream);
    await expectNothingLeft(rig);
    expect(outcomes).toContain(rig.calls[0]?.outcome);
  });

  it('leaves nothing after a deadline', async () => {
    await using rig = await openRig();
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'), { 'grpc-timeout': '300m' });
    const answer = answerOf(stream);
    for (const part of beginning) stream.write(framed(encoded(part)));
    await halfWay(rig);
    expect((await answer).status).toBe('4');
    await expectNothingLeft(rig);
    expect(rig.calls[0]?.outcome).toBe('DEADLINE_EXCEEDED');
  });

  it('leaves nothing when the server is forced to stop', async () => {
    await using rig = await openRig();
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    const answer = answerOf(stream);
    for (const part of beginning) stream.write(framed(encoded(part)));
    await halfWay(rig);
    // It resolves when the handler has ended, so that the store can be closed then.
    expect(await rig.server.force()).toEqual({ brokenOff: 1 });
    expect(rig.blobs.stagedCount).toBe(0);
    expect(await rig.staging()).toEqual([]);
    expect(Number((await answer).status)).toBeGreaterThan(0);
  });

  it('that is complete is there', async () => {
    await using rig = await openRig();
    await using raw = await openRawConnection(rig.server.addresses.grpc);
    const stream = raw.call(pathOf('UploadArtifact'));
    for (const part of [...beginning, ...rest]) stream.write(framed(encoded(part)));
    stream.end();
    expect((await answerOf(stream)).status).toBe('0');
    const { artifacts } = await rig.client.listArtifacts({ session: 'run' });
    expect(artifacts).toMatchObject([{ name: 'a.bin', sizeBytes: BigInt(content.length) }]);
    await eventually(() => rig.blobs.stagedCount === 0);
    expect(await rig.staging()).toEqual([]);
  });
});

describe('an upload by a client of', () => {
  it.each(['cancel', 'deadline'])('grpc-js leaves nothing after a %s', async (way) => {
    await using rig = await openRig();
    const client = new Client(rig.server.addresses.grpc, credentials.createInsecure());
    onTestFinished(() => client.close());
    const failed = Promise.withResolvers<unknown>();
    const call = client.makeClientStreamRequest(
      pathOf('UploadArtifact'),
      (message: Buffer) => message,
      (message: Buffer) => message,
      new Metadata(),
      way === 'deadline' ? { deadline: Date.now() + 300 } : {},
      (error) => failed.resolve(error?.code),
    );
    for (const part of beginning) call.write(encoded(part));
    await halfWay(rig);
    if (way === 'cancel') call.cancel();
    expect(await failed.promise).toBe(way === 'cancel' ? 1 : 4);
    await expectNothingLeft(rig);
  });

  it.each(['abort', 'deadline', 'failing producer'])(
    'connect-node leaves nothing after a %s',
    async (way) => {
      await using rig = await openRig();
      const abort = new AbortController();
      const goOn = Promise.withResolvers<void>();
      const parts = async function* () {
        for (const part of beginning) yield { part } as object;
        await goOn.promise;
        throw new Error('the producer failed');
      };
      const options = way === 'deadline' ? { timeoutMs: 300 } : { signal: abort.signal };
      const failed = rig.client.uploadArtifact(parts(), options).catch((error: unknown) => error);
      await halfWay(rig);
      if (way === 'abort') abort.abort();
      if (way === 'failing producer') goOn.resolve();
      expect(await failed).toBeInstanceOf(Error);
      await expectNothingLeft(rig);
      goOn.resolve();
    },
  );
});
