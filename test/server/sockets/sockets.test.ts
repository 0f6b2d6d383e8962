/** What is done to sockets and streams of HTTP/2 below the libraries: over real sockets, with frames made by hand. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { goOnReading, stopReading } from '../../../src/server/sockets/reading-stops.ts';
import { resetStreams } from '../../../src/server/sockets/stream-resets.ts';
import { removeDirectory } from '../../support/directories.ts';
import { eventually } from '../grpc/raw-call.ts';
import { frame, RawHttp2, types } from '../http/raw-http2.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const unknownType = 0xfe;
const headers = { ':method': 'POST', ':scheme': 'http', ':authority': 'x', ':path': '/' };

/** A server on a Unix socket, and a client that sends and reads frames. */
async function opened(onStream: (stream: ServerHttp2Stream) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'artifacta-sockets-'));
  const server = createServer();
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    onStream(stream);
  });
  resetStreams(server);
  const path = join(directory, 'sock');
  await once(server.listen(path), 'listening');
  const socket = connect(path);
  await once(socket, 'connect');
  onTestFinished(async () => {
    socket.destroy();
    for (const one of sockets) one.destroy();
    await new Promise((resolve) => server.close(resolve));
    removeDirectory(directory);
  });
  return { socket, client: new RawHttp2(socket), serverSocket: () => sockets[0]! };
}

/** The codes of the resets of a stream in the bytes that a client has read. */
function resetsOf(bytes: Buffer, streamId: number): number[] {
  const codes: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === types.reset && bytes.readUInt32BE(at + 5) === streamId)
      codes.push(bytes.readUInt32BE(at + 9));
  return codes;
}

describe('a stream', () => {
  async function reset(act: (stream: ServerHttp2Stream, socket: Socket) => void) {
    const streams: ServerHttp2Stream[] = [];
    const { socket, client } = await opened((stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200 });
      stream.write('x');
    });
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    client.openWindows();
    client.headers(1, headers);
    const stream = (await eventually(() => streams[0]))!;
    const closed = new Promise((resolve) => stream.once('close', resolve));
    act(stream, socket);
    await closed;
    // What the server has sent so far comes before the acknowledgement of a ping.
    const seen = () => Buffer.concat(pieces);
    socket.write(frame(6, 0, 0, Buffer.from('pingpong')));
    await eventually(() => seen().includes('pingpong'));
    return resetsOf(seen(), 1);
  }

  it('that is closed here is reset once, with the code', async () => {
    expect(await reset((stream) => stream.close(11))).toEqual([11]);
  });

  it('that the client has reset is not reset back', async () => {
    const cancel = Buffer.from([0, 0, 0, 8]);
    expect(await reset((_, socket) => socket.write(frame(types.reset, 0, 1, cancel)))).toEqual([]);
  });
});

describe('a socket of HTTP/2', () => {
  it('that Node does not read while it writes is not read when the last reason of ours is over', async () => {
    let answer: ServerHttp2Stream | undefined;
    const { socket, client, serverSocket } = await opened((stream) => {
      answer = stream;
      stream.respond({ ':status': 200 });
      stream.write(Buffer.alloc(4 * MiB));
    });
    socket.pause();
    client.openWindows();
    client.headers(1, headers);
    const below = () => serverSocket() as Socket & { _handle: { writeQueueSize: number } };
    await eventually(() => answer !== undefined && below()._handle.writeQueueSize > 0);
    const reason = {};
    stopReading(below(), reason);
    const before = below().bytesRead;
    const filler = frame(unknownType, 0, 0, Buffer.alloc(16 * KiB - 9));
    for (let sent = 0; sent < 8 * MiB; sent += filler.length) socket.write(filler);
    goOnReading(below(), reason);
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(below().bytesRead - before).toBeLessThan(MiB);
    // The client takes the answer: Node writes all of it, and reads again.
    socket.resume();
    await eventually(() => below().bytesRead - before >= 8 * MiB, 10_000);
  });
});
