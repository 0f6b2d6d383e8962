/** A peer that does with HTTP/2 what no library does: it answers before it was sent all, and grants no more window. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { frame, headerBlock, types } from '../server/http/raw-http2.ts';

const prefaceBytes = 24;
const headBytes = 9;
const endStream = 0x1;
const endHeaders = 0x4;
const acknowledges = 0x1;
const ping = 6;
/** A stream on which more has come is an upload. */
const callBytesMax = 16 * 1024;
const refusal = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-status', '9'],
  ['grpc-message', 'sealed'],
] as const;

/** What the peer does with uploads. */
export interface Habits {
  /** Refuses, or answers that all is well, or says nothing. */
  readonly answers: 'refused' | 'well' | 'never';
  /** Resets a stream that it has answered with NO_ERROR, as nginx does. */
  readonly resets: boolean;
  /** Grants 2 GiB for each connection at once; otherwise its 64 KiB, and those again after each call that is small. */
  readonly isWide: boolean;
}

/** A listening peer. */
export interface Hoarder extends AsyncDisposable {
  readonly server: Server;
  /** Connections that were opened, and that are still. */
  readonly opened: number;
  readonly open: number;
  /** Uploads of which more than a call's bytes came. */
  readonly uploads: number;
  /** Resolves with the next one. */
  nextUpload(): Promise<void>;
  /** Streams that the client has reset. */
  readonly resets: number;
}

/** @param where a path, or none: a free port of loopback. */
export async function startHoarder(habits: Habits, where?: string, tls?: TlsOptions): Promise<Hoarder> {
  const sockets = new Set<Socket>();
  const seen = { opened: 0, uploads: 0, resets: 0, next: Promise.withResolvers<void>() };
  const onSocket = (socket: Socket) => {
    seen.opened++;
    sockets.add(socket);
    socket
      .setNoDelay()
      .on('error', () => undefined)
      .on('close', () => sockets.delete(socket));
    const onUpload = () => {
      seen.uploads++;
      seen.next.resolve();
      seen.next = Promise.withResolvers();
    };
    serve(socket, habits, onUpload, () => seen.resets++);
  };
  const server =
    tls === undefined ? createServer(onSocket) : createTlsServer({ ...tls, ALPNProtocols: ['h2'] }, onSocket);
  server.listen(where === undefined ? { host: '127.0.0.1', port: 0 } : { path: where });
  await once(server, 'listening');
  return {
    server,
    get opened() {
      return seen.opened;
    },
    get open() {
      return sockets.size;
    },
    get uploads() {
      return seen.uploads;
    },
    get resets() {
      return seen.resets;
    },
    nextUpload: () => seen.next.promise,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function serve(socket: Socket, habits: Habits, onUpload: () => void, onReset: () => void): void {
  const received = new Map<number, number>();
  const grant = (bytes: number) => socket.write(frame(types.windowUpdate, 0, 0, uint32(bytes)));
  const answer = (id: number, isWell: boolean) => {
    if (!isWell) return socket.write(frame(types.headers, endHeaders | endStream, id, headerBlock(refusal)));
    const [status, type] = refusal;
    socket.write(frame(types.headers, endHeaders, id, headerBlock([status!, type!])));
    socket.write(frame(types.data, 0, id, Buffer.alloc(5)));
    return socket.write(
      frame(types.headers, endHeaders | endStream, id, headerBlock([['grpc-status', '0']])),
    );
  };
  const onData = (id: number, bytes: number, isLast: boolean) => {
    const before = received.get(id) ?? 0;
    received.set(id, before + bytes);
    if (isLast && before + bytes <= callBytesMax) {
      grant(Math.max(1, before + bytes));
      answer(id, true);
    } else if (before <= callBytesMax && before + bytes > callBytesMax) {
      if (habits.answers !== 'never') {
        answer(id, habits.answers === 'well');
        if (habits.resets) socket.write(frame(types.reset, 0, id, uint32(0)));
      }
      onUpload();
    }
  };
  socket.write(frame(types.settings, 0, 0, Buffer.alloc(0)));
  if (habits.isWide) grant(2 ** 31 - 1 - 65_535);
  readFrames(socket, (type, flags, id, payload) => {
    if (type === types.settings && (flags & acknowledges) === 0)
      socket.write(frame(types.settings, acknowledges, 0, Buffer.alloc(0)));
    if (type === ping && (flags & acknowledges) === 0) socket.write(frame(ping, acknowledges, 0, payload));
    if (type === types.data) onData(id, payload.length, (flags & endStream) !== 0);
    if (type === types.reset) onReset();
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function readFrames(
  socket: Socket,
  onFrame: (type: number, flags: number, id: number, payload: Buffer) => void,
): void {
  let rest = Buffer.alloc(0);
  let skip = prefaceBytes;
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      if (skip > 0 && rest.length < skip) return;
      rest = rest.subarray(skip);
      skip = 0;
      if (rest.length < headBytes) return;
      const end = headBytes + rest.readUIntBE(0, 3);
      if (rest.length < end) return;
      const id = rest.readUInt32BE(5) & 0x7fffffff;
      onFrame(rest.readUInt8(3), rest.readUInt8(4), id, rest.subarray(headBytes, end));
      rest = rest.subarray(end);
    }
  });
}
