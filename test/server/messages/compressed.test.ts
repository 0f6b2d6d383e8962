/** Messages that clients compress, on every transport: what is counted of them is what they hold. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ByteRoom } from '../../../src/api/byte-room.ts';
import type { CallRecord } from '../../../src/api/guard.ts';
import { afterRealTime } from '../../../src/api/timer.ts';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import { limits } from '../../../src/domain/limits.ts';
import { Tls } from '../../../src/server/tls.ts';
import { withBlobs } from '../../support/blobs.ts';
import { byName, download, refusal, sha256, someBytes, uploadMessages } from '../../support/calls.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { removeDirectory } from '../../support/directories.ts';
import { clientsOf, openTestStore, type Service, type TestStore, testRoutes } from '../../support/service.ts';
import { startTestServer, type TestServer } from '../grpc/listeners.ts';
import { eventually } from '../grpc/raw-call.ts';
import { compressing } from './listeners.ts';

const hasTls = hasOpenssl();
const artifactBytesMax = 5_000_000;
const calls: CallRecord[] = [];
let directory: string;
let opened: TestStore;
let clear: TestServer;
let secure: TestServer | undefined;
let ca: Buffer | undefined;
let room: ByteRoom;
let sessions = 0;
/** What was handed to the disk, by whoever did. */
const written: Uint8Array[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'artifacta-compressed-'));
  const blobs = openMemoryBlobs();
  const seeing = withBlobs(blobs, {
    stage: async (name) => {
      const staged = await blobs.stage(name);
      const write = staged.write.bind(staged);
      staged.write = (bytes) => {
        written.push(bytes);
        return write(bytes);
      };
      return staged;
    },
  });
  opened = await openTestStore({ artifactBytesMax, blobs: seeing });
  const http = { host: '127.0.0.1', port: 0 };
  room = newRoom();
  const options = { http, inflatedRoom: room };
  const all = testRoutes(opened.store, calls);
  clear = await startTestServer(all, { ...options, socket: join(directory, 'run', 'sock') });
  if (!hasTls) return;
  const authority = new Authority(directory);
  ca = authority.pem;
  const tls = await Tls.open(authority.issue('served'), { warn: () => undefined, after: () => () => {} });
  secure = await startTestServer(all, { ...options, tls });
});

afterAll(async () => {
  await clear[Symbol.asyncDispose]();
  await secure?.[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
  removeDirectory(directory);
});

beforeEach(() => {
  calls.length = 0;
  written.length = 0;
});

function newRoom(): ByteRoom {
  return new ByteRoom({
    after: afterRealTime,
    bytesMax: limits.inflatedBytesMax,
    groupBytesMax: limits.groupInflatedBytesMax,
    why: 'no room',
  });
}

/** Nothing was unforeseen, nothing is an error in the log, and all room is given back. */
async function expectCalm(...outcomes: string[]): Promise<void> {
  await eventually(() => calls.length === outcomes.length || outcomes.length === 0);
  expect(calls.map(({ outcome }) => outcome)).toEqual(outcomes);
  expect(calls.map(({ error }) => error)).toEqual(outcomes.map(() => undefined));
  expect([...clear.unexpected, ...(secure?.unexpected ?? [])]).toEqual([]);
  await eventually(() => room.bytes === 0);
}

const ways = Object.keys(compressing).filter((way) => hasTls || !way.includes('TLS'));

describe.each(ways)('compressed messages over %s', (way) => {
  const isJson = way.endsWith('JSON');
  const open = () => {
    const transport = compressing[way]!({ clear, secure, ca });
    const session = `s${sessions++}`;
    const service: Service = { ...opened, ...clientsOf(transport), transport, calls };
    const upload = (bytes: Uint8Array, chunkBytes?: number) =>
      service.artifacts.uploadArtifact(uploadMessages({ session, name: 'a' }, bytes, chunkBytes));
    const create = (bytes: Uint8Array) =>
      service.artifacts.createArtifact({
        spec: { session, name: 'a' },
        content: { case: 'data', value: bytes },
      });
    return { ...service, session, upload, create };
  };

  it('of a stream are freed when they are written, whoever still refers to them', async () => {
    const { upload, session, ...service } = open();
    const bytes = someBytes(600_000);
    await upload(bytes, 200_000);
    // What outgrows the index is written from there at first.
    expect(written.map(({ length }) => length).filter((length) => length > 0)).toEqual([]);
    expect(written.length).toBeGreaterThanOrEqual(3);
    expect((await download(service, { artifact: byName(session, 'a') })).bytes).toEqual(bytes);
  });

  it('are taken, one alone and in a stream, and answers come as they are', async () => {
    const service = open();
    const small = new Uint8Array(300_000).fill(7);
    expect((await service.create(small)).artifact?.sha256).toBe(sha256(small));
    const bytes = Buffer.concat([someBytes(1_100_000), Buffer.alloc(3_000_000)]);
    expect((await service.upload(bytes, 1_000_000)).artifact?.sha256).toBe(sha256(bytes));
    const { bytes: content } = await download(service, { artifact: byName(service.session, 'a') });
    expect(Buffer.compare(content, bytes)).toBe(0);
    await expectCalm('OK', 'OK', 'OK');
  });

  it('may hold as much as any message, though they are then a little larger than that', async () => {
    const bytes = someBytes(isJson ? 1_500_000 : limits.messageBytesMax - 8);
    const service = open();
    expect((await service.upload(bytes, bytes.length)).artifact?.sizeBytes).toBe(BigInt(bytes.length));
    await expectCalm('OK');
  });

  it('that hold more than a message may are refused at no more than its cost', async () => {
    const service = open();
    const before = room.bytesPeak;
    const bomb = new Uint8Array(artifactBytesMax);
    expect(await refusal(service.create(bomb))).toMatchObject({
      code: 'ResourceExhausted',
      reason: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining(String(limits.messageBytesMax)),
    });
    expect(await refusal(service.upload(bomb, bomb.length))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
    await expectCalm('MESSAGE_TOO_LARGE');
    expect(room.bytesPeak).toBeLessThanOrEqual(Math.max(before, limits.messageBytesMax));
  });

  it('are many if what they hold pays for them, and else too small', async () => {
    const service = open();
    const bytes = new Uint8Array(1_100 * limits.streamMessageBytesMin);
    expect((await service.upload(bytes, limits.streamMessageBytesMin)).artifact?.sizeBytes).toBe(
      BigInt(bytes.length),
    );
    expect(await refusal(service.upload(new Uint8Array(1_100), 1))).toMatchObject({
      code: 'ResourceExhausted',
      reason: 'MESSAGES_TOO_SMALL',
    });
    await eventually(() => calls.length === 2);
    await expectCalm('OK', 'MESSAGES_TOO_SMALL');
  });

  it('count for the limit of an artifact as what they hold', async () => {
    const service = open();
    const bytes = new Uint8Array(artifactBytesMax + 1);
    expect(await refusal(service.upload(bytes, 1_000_000))).toMatchObject({ reason: 'ARTIFACT_TOO_LARGE' });
    await expectCalm('ARTIFACT_TOO_LARGE');
  });
});
