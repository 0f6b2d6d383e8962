/**
 * The short form of `npm run faults -- --tiny`: whoever sends tiny pieces gets a part of the event loop, and others are
 * answered before they have done.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { createRouterTransport } from '@connectrpc/connect';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { answerOf, framed, openRawConnection } from '../../server/grpc/raw-call.ts';
import { type HttpRig, openHttpRig } from '../../server/http/listeners.ts';
import { RawHttp2 } from '../../server/http/raw-http2.ts';
import { sha256 } from '../../support/calls.ts';
import { clientsOf, closeChecked, openTestStore, testRoutes } from '../../support/service.ts';
import { fieldForms } from './fields.ts';

let rig: HttpRig;

beforeAll(async () => {
  rig = await openHttpRig();
  return () => closeChecked(rig);
});

async function openSocket(address: string) {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Counts the single bytes that parsers hand over in one turn of the event loop. @returns the most so far. */
function countPieces(): () => number {
  const { push } = Readable.prototype;
  let [inTurn, most, isOver] = [0, 0, false];
  Readable.prototype.push = function (this: Readable, chunk: unknown, encoding?: BufferEncoding) {
    if (chunk instanceof Uint8Array && chunk.length === 1) most = Math.max(most, ++inTurn);
    return push.call(this, chunk, encoding);
  };
  const turnEnds = () => {
    inTurn = 0;
    if (!isOver) setImmediate(turnEnds);
  };
  setImmediate(turnEnds);
  onTestFinished(() => {
    isOver = true;
    Readable.prototype.push = push;
  });
  return () => most;
}

/** What Node reads of a socket at once. @param wireBytes of a piece of one byte, with what wraps it. */
const inOneRead = (wireBytes: number) => Math.ceil(65_536 / wireBytes);

/** How many calls of somebody else are answered until something has happened. */
async function answeredUntil(done: Promise<unknown>): Promise<number> {
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  let answered = 0;
  for (; !isDone; answered++) await (await fetch(`${rig.url}/v1/artifacts/art_none`)).text();
  return answered;
}

it('a PUT in pieces of one byte is stored, and others are answered meanwhile', async () => {
  const bytes = Buffer.alloc(100_000, 'x');
  const pieces = countPieces();
  const socket = await openSocket(rig.server.addresses.http!);
  const answer = once(socket, 'data');
  socket.write(
    'PUT /v1/sessions/s/artifacts/a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n',
  );
  socket.write('1\r\nx\r\n'.repeat(bytes.length));
  socket.write('0\r\n\r\n');
  expect(await answeredUntil(answer)).toBeGreaterThan(0);
  expect(pieces()).toBeGreaterThan(0);
  expect(pieces()).toBeLessThanOrEqual(inOneRead(6));
  expect(String(await answer)).toMatch(/^HTTP\/1.1 201/);
  const [artifact] = (await rig.artifacts.listArtifacts({ session: 's' })).artifacts;
  expect(artifact).toMatchObject({ sizeBytes: BigInt(bytes.length), sha256: sha256(bytes) });
});

it('a message in frames of one byte comes whole, and others are answered meanwhile', async () => {
  const pieces = countPieces();
  const socket = await openSocket(rig.server.addresses.grpc!);
  const raw = new RawHttp2(socket);
  raw.headers(1, {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/artifacta.v1.ArtifactService/GetArtifact',
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const size = 60_000;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(size, 1);
  raw.data(1, head);
  const frame = Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 1]), Buffer.from([0])]);
  socket.write(Buffer.concat(Array.from({ length: size }, () => frame)));
  raw.end(1);
  let answers = Buffer.alloc(0);
  const answer = new Promise<void>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      answers = Buffer.concat([answers, bytes]);
      if (hasStatus(answers)) resolve();
    });
  });
  expect(await answeredUntil(answer)).toBeGreaterThan(0);
  expect(pieces()).toBeGreaterThan(0);
  expect(pieces()).toBeLessThanOrEqual(inOneRead(10));
});

/** Whether a frame of headers that ends a stream is among them. */
function hasStatus(frames: Buffer): boolean {
  for (let at = 0; at + 9 <= frames.length; at += 9 + frames.readUIntBE(at, 3))
    if (frames[at + 3] === 1 && (frames[at + 4]! & 1) === 1) return true;
  return false;
}

it('small messages are taken a few in each turn of the event loop', async () => {
  const opened = await openTestStore();
  onTestFinished(() => closeChecked(service));
  const transport = createRouterTransport(testRoutes(opened.store, []));
  const service = { ...opened, ...clientsOf(transport), transport, calls: [] };
  let [inTurn, most, isOver] = [0, 0, false];
  const turnEnds = () => {
    inTurn = 0;
    if (!isOver) setImmediate(turnEnds);
  };
  setImmediate(turnEnds);
  const parts = (async function* () {
    yield { part: { case: 'start' as const, value: { spec: { session: 's', name: 'b' } } } };
    for (let count = 0; count < 1_000; count++) {
      most = Math.max(most, ++inTurn);
      yield { part: { case: 'chunk' as const, value: new Uint8Array() } };
    }
    yield { part: { case: 'finish' as const, value: { sizeBytes: 0n } } };
  })();
  const { artifact } = await service.artifacts.uploadArtifact(parts);
  isOver = true;
  expect(artifact!.sizeBytes).toBe(0n);
  expect(most).toBeLessThan(50);
});

it('messages with as much in them as they may have are decoded in turns of their own', async () => {
  const references = Buffer.alloc(8_000, Buffer.from([0x0a, 0]));
  await using raw = await openRawConnection(rig.server.addresses.grpc!);
  let [inTurn, most, isOver] = [0, 0, false];
  const turnEnds = () => {
    inTurn = 0;
    if (!isOver) setImmediate(turnEnds);
  };
  setImmediate(turnEnds);
  const { calls } = rig;
  const { push } = calls;
  // Each is recorded in the turn in which it is decoded, since there are too many references for the handler.
  calls.push = (...records) => {
    most = Math.max(most, ++inTurn);
    return push.apply(calls, records);
  };
  onTestFinished(() => {
    calls.push = push;
  });
  const answers = Array.from({ length: 64 }, () => {
    const stream = raw.call('/artifacta.v1.ArtifactService/BatchGetArtifacts');
    stream.end(framed(references));
    return answerOf(stream);
  });
  const statuses = (await Promise.all(answers)).map(({ message }) => decodeURIComponent(message ?? ''));
  isOver = true;
  expect(new Set(statuses)).toEqual(new Set(['artifacts: must have 1 to 64 entries, not 4000']));
  expect(most).toBeLessThanOrEqual(2);
});

it('beside messages with more in them others are answered, and no handler hears of those', async () => {
  const target = { grpc: rig.server.addresses.grpc!, http: rig.server.addresses.http!, key: '' };
  for (const { name, tiny } of fieldForms.filter((form) => !form.name.includes('allowed'))) {
    const before = rig.calls.length;
    const sender = await tiny(target);
    for (let answered = 0; answered < 2; answered++)
      await (await fetch(`${rig.url}/v1/artifacts/art_none`)).text();
    sender.end();
    const heard = rig.calls.slice(before).filter(({ method }) => !method.endsWith('/GetArtifact'));
    expect([name, heard]).toEqual([name, []]);
    expect(sender.sent()).toBeGreaterThan(500_000);
  }
});
