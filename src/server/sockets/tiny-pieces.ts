/**
 * Connections whose bytes arrive in tiny pieces: frames or chunks of a few bytes. Each piece is a call from the parser,
 * so the bytes of one read of a socket take tens of milliseconds, and Node reads up to 32 times before it serves
 * another socket. After a number of such pieces a connection waits in line with all others of its kind. One connection
 * at a time is read again, with a rest in between. So these connections take no more than a part of the processor,
 * however many they are.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2SecureServer, Http2Server, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { afterRealTime } from '../../api/timer.ts';
import { breakOff, socketBelow } from './connection-sockets.ts';
import { goOnReading, stopReading } from './reading-stops.ts';

/** Pieces of fewer bytes are tiny. */
const tinyBytes = 64;
/** The number of tiny pieces that are taken before the connection waits. */
const piecesPerTurn = 1_024;
/** The rest between two reads of such connections, in milliseconds. A read of 64 KiB in single bytes takes some 15. */
const restMs = 40;
/** A connection of HTTP/2 with more unread tiny pieces is closed: each piece takes more than a hundred bytes. */
const unreadMax = 8_192;

/** Slows the connections of HTTP/2 of a server. `rememberSockets` must have remembered them. */
export function paceFrames(server: Http2Server | Http2SecureServer): void {
  server.prependListener('stream', (stream: ServerHttp2Stream) => {
    const push = stream.push.bind(stream);
    let unread = 0;
    stream.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
      if (chunk === null || chunk.length >= tinyBytes) return push(chunk, encoding);
      unread = stream.readableLength === 0 ? 0 : unread + 1;
      const { session } = stream;
      if (session === undefined) return push(chunk, encoding);
      if (unread > unreadMax) breakOff(session);
      else {
        const socket = socketBelow(session);
        if (socket !== undefined) paceOf(socket).take();
      }
      return push(chunk, encoding);
    };
  });
}

/** Slows a request of HTTP/1.1: the parser stops when the push of a piece returns that it was one too many. */
export function pacePieces(request: IncomingMessage): void {
  const push = request.push.bind(request);
  const pace = paceOf(request.socket);
  request.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    if (chunk !== null && chunk.length < tinyBytes) pace.take();
    return push(chunk, encoding);
  };
}

class Pace {
  private readonly socket: Socket;
  private pieces = 0;
  private isWaiting = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  take(): void {
    this.pieces++;
    if (this.pieces < piecesPerTurn) return;
    stopReading(this.socket, this);
    if (this.isWaiting) return;
    this.isWaiting = true;
    line.push(this);
    if (line.length === 1) afterRealTime(restMs, goOn);
  }

  goOn(): void {
    this.pieces = 0;
    this.isWaiting = false;
    goOnReading(this.socket, this);
  }
}

const line: Pace[] = [];

/** Reads the next connection in line. */
function goOn(): void {
  const next = line.shift();
  if (line.length > 0) afterRealTime(restMs, goOn);
  next?.goOn();
}

const paces = new WeakMap<Socket, Pace>();

function paceOf(socket: Socket): Pace {
  const pace = paces.get(socket) ?? new Pace(socket);
  paces.set(socket, pace);
  return pace;
}
