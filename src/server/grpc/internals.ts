/**
 * Every place where the service uses private fields of grpc-js, whose version is pinned for that reason. Each use fails
 * with a clear error if its field is gone.
 */
import type { Buffer } from 'node:buffer';
import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Server, StatusObject } from '@grpc/grpc-js';
import type { ReceivedBytes } from '../../api/receiving/received-bytes.ts';
import type { OpenCalls } from '../../api/sending/open-calls.ts';
import type { FairStarts } from '../fair-starts.ts';
import { givePlaces } from '../places.ts';
import { countStream } from '../receiving.ts';
import { tooManyOpenCalls } from '../refusals.ts';
import { rememberSockets } from '../sockets/connection-sockets.ts';
import { resetStreams } from '../sockets/stream-resets.ts';
import { paceFrames } from '../sockets/tiny-pieces.ts';
import type { Leftovers } from './leftover.ts';
import { type GrpcStatus, statusOf } from './status.ts';

interface Windows {
  /** The bytes that a client may have under way on one stream, and on one connection. */
  readonly windowBytes: number;
  /** The largest frame that is accepted. */
  readonly frameBytesMax: number;
}

/** Sets the values that every connection gets in its first SETTINGS frame. Call it before the server is bound. */
export function advertise(server: Server, windows: Windows): void {
  const { commonServerOptions } = server as unknown as { commonServerOptions?: ServerOptions };
  if (commonServerOptions === undefined) throw missing('Server.commonServerOptions');
  commonServerOptions.settings = {
    ...commonServerOptions.settings,
    initialWindowSize: windows.windowBytes,
    maxFrameSize: windows.frameBytesMax,
    enablePush: false,
  };
}

/**
 * Opens the window of every later connection, since SETTINGS sets only that of streams, and remembers its socket. Call
 * it once the server is bound, and after {@link lookAtHeads}: its listeners see every stream.
 */
export function openConnectionWindows(server: Server, windowBytes: number): void {
  for (const http2Server of http2ServersOf(server)) {
    rememberSockets(http2Server);
    paceFrames(http2Server);
    resetStreams(http2Server);
    http2Server.prependListener('session', (session: ServerHttp2Session) => {
      session.setLocalWindowSize(windowBytes);
    });
  }
}

/** The refusal of a call before grpc-js sees it. */
export interface RefusedHead {
  readonly status: GrpcStatus;
  /** The headers of HTTP, if they say more than status 200. */
  readonly headers?: OutgoingHttpHeaders;
}

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** The parts that know the calls of all transports. */
interface HeadParts {
  /** The calls that are open. */
  readonly calls: OpenCalls;
  /** The order in which calls begin. */
  readonly starts: FairStarts;
  /** The bytes of them that have arrived. */
  readonly received: ReceivedBytes;
  /** What comes of them after their answers. */
  readonly leftovers: Leftovers;
  /** Takes the calls that grpc-js does not see. */
  readonly take: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
}

/**
 * Looks at the head of every call before grpc-js does. grpc-js does not see the calls that are refused.
 *
 * @param refuse may change the headers; returns why a call must not begin.
 */
export function lookAtHeads(
  server: Server,
  refuse: (headers: IncomingHttpHeaders, rawHeaders: readonly string[]) => RefusedHead | undefined,
  { calls, starts, received, leftovers, take }: HeadParts,
): void {
  const opened = noteStreams(server);
  for (const http2Server of http2ServersOf(server)) {
    const listeners = http2Server.listeners('stream') as OnStream[];
    if (listeners.length === 0) throw missing("listener of 'stream'");
    http2Server.removeAllListeners('stream');
    const onStream: OnStream = (stream, headers, flags, rawHeaders) => {
      const ended = calls.begin(stream.session, rawHeaders);
      if (ended !== undefined) stream.once('close', ended);
      // The code that takes the call listens too, but that may be after the call was reset.
      stream.on('error', () => undefined);
      leftovers.drop(stream);
      countStream(stream, received, (error) => {
        if (stream.destroyed) return;
        if (stream.headersSent) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
        else end(stream, { status: statusOf(error) });
      });
      const begin = () => {
        const refused = ended === undefined ? { status: tooManyOpen() } : refuse(headers, rawHeaders);
        if (refused !== undefined) end(stream, refused);
        else if (take(stream, headers)) opened(stream);
        else for (const listener of listeners) listener.call(http2Server, stream, headers, flags, rawHeaders);
      };
      starts.add(stream.session ?? stream, { begin, isGone: () => stream.destroyed || stream.headersSent });
    };
    http2Server.on('stream', onStream);
  }
}

/** Returns a function that tells grpc-js of a stream that it does not see: a connection with one is not idle. */
function noteStreams(server: Server): (stream: ServerHttp2Stream) => void {
  const { onStreamOpened } = server as unknown as { onStreamOpened?: (stream: ServerHttp2Stream) => void };
  if (onStreamOpened === undefined) throw missing('Server.onStreamOpened');
  return (stream) => onStreamOpened.call(server, stream);
}

function tooManyOpen(): GrpcStatus {
  return statusOf(tooManyOpenCalls());
}

/** Answers with trailers alone, and reads nothing more. */
function end(stream: ServerHttp2Stream, { status, headers }: RefusedHead): void {
  const { code, details, metadata } = status;
  stream.once('finish', () => stream.close());
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': encodeURI(details),
      ...metadata.toHttp2Headers(),
      ...headers,
    },
    { endStream: true },
  );
}

/**
 * Replaces the answers that are sent before a call exists: above all that the method does not exist. The text of
 * grpc-js repeats the path as it was sent.
 */
export function answerWithoutCall(server: Server, status: () => Partial<StatusObject>): void {
  const inner = server as unknown as { _respondWithError?: (...args: unknown[]) => void };
  const respond = inner._respondWithError;
  if (respond === undefined) throw missing('Server._respondWithError');
  inner._respondWithError = (_status, ...rest) => respond.call(server, status(), ...rest);
}

/** Gives this number of places to connections. Call it once the server is bound. */
export function placeConnections(server: Server, connectionsMax: number): void {
  for (const http2Server of http2ServersOf(server)) givePlaces(http2Server, connectionsMax);
}

function http2ServersOf(server: Server): readonly Http2Server[] {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  if (!(http2Servers instanceof Map)) throw missing('Server.http2Servers');
  return [...http2Servers.keys()];
}

/** Lets at most one message wait for its reader; by default 16 do, of any size. */
export function readOneAtATime(call: object): void {
  const state = (call as { _readableState?: { highWaterMark?: number } })._readableState;
  if (state?.highWaterMark === undefined) throw missing('Readable._readableState.highWaterMark');
  state.highWaterMark = 1;
  if ((call as Readable).readableHighWaterMark !== 1) throw missing('Readable._readableState.highWaterMark');
}

interface Decoder {
  /** Takes the next bytes. @returns the messages that are complete with them. Its error ends the call. */
  write(data: Buffer): Buffer[];
  /** The bytes of the message that has begun. */
  readonly readPartialMessage: Buffer[];
}

/** Returns the part that splits the bytes of a call into messages. `call` is as an interceptor sees it. */
export function decoderOf(call: object): Decoder {
  const { decoder } = call as { decoder?: Decoder };
  if (decoder === undefined || !Array.isArray(decoder.readPartialMessage))
    throw missing('ServerCall.decoder');
  return decoder;
}

/** Returns the encoding that a call names for its messages. `call` is as an interceptor sees it. */
export function encodingOf(call: object): string {
  const { incomingEncoding } = call as { incomingEncoding?: string };
  if (incomingEncoding === undefined) throw missing('ServerCall.incomingEncoding');
  return incomingEncoding;
}

/** Passes messages on as they were sent, with their heads, and never inflated. */
export function handOverWhole(call: object): void {
  const inner = call as { decompressMessage?: (message: Buffer) => Promise<Buffer> | Buffer };
  if (inner.decompressMessage === undefined) throw missing('ServerCall.decompressMessage');
  inner.decompressMessage = (message) => message;
}

/** Asks whether the call goes on when the client has sent everything. */
export function onceAllHasCome(call: object, goesOn: () => boolean): void {
  const inner = call as { handleEndEvent?: () => void };
  const handle = inner.handleEndEvent;
  if (handle === undefined) throw missing('ServerCall.handleEndEvent');
  inner.handleEndEvent = () => {
    if (goesOn()) handle.call(call);
  };
}

/** Returns a call as grpc-js has it. `call` is as an interceptor sees it. */
export function baseCallOf(call: object): object {
  const { call: inner } = call as { call?: object };
  if (inner === undefined) throw missing('ServerCall.call');
  return inner;
}

/** Returns the stream of a call, on which the answer is sent. */
export function streamOf(call: object): ServerHttp2Stream {
  return streamBelow(baseCallOf(call));
}

/** Returns the same stream. `call` is as an interceptor sees it. */
export function streamBelow(call: object): ServerHttp2Stream {
  const { stream } = call as { stream?: ServerHttp2Stream };
  if (stream === undefined) throw missing('ServerCall.call.stream');
  return stream;
}

/** Returns the connection of a stream; undefined if it has gone meanwhile. */
export function socketOf({ session }: ServerHttp2Stream): Socket | TLSSocket | undefined {
  return session === undefined || session.destroyed ? undefined : session.socket;
}

function missing(field: string): Error {
  return new Error(`this version of @grpc/grpc-js has no ${field}`);
}
