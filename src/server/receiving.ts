/** Counts the bytes of the bodies of requests as they arrive, from their heads on. */
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ConnectError } from '@connectrpc/connect';
import { ReceivedBytes } from '../api/receiving/received-bytes.ts';
import type { Bringer, ReceivedRequest } from '../api/receiving/received-request.ts';
import { afterRealTime } from '../api/timer.ts';
import { placeOf } from './places.ts';
import { type Connection, socketBelow } from './sockets/connection-sockets.ts';
import { goOnReading, stopReading } from './sockets/reading-stops.ts';
import { noteMessage } from './young-collector.ts';

const requests = new WeakMap<ServerHttp2Stream, ReceivedRequest>();

/**
 * Counts the bytes that are pushed to `body`, until its request is closed.
 *
 * @param refuse tells the client that its request has lost its room.
 * @returns undefined if the connection has gone.
 */
export function countBody(
  body: Readable,
  connection: Connection | undefined,
  received: ReceivedBytes,
  refuse: (error: ConnectError) => void,
): ReceivedRequest | undefined {
  if (connection === undefined || connection.destroyed) return undefined;
  const bringer = () => {
    (connection as Socket).once('close', () => received.forget(connection));
    return bringerOf(connection);
  };
  const request = received.open(connection, bringer, refuse);
  const push = body.push.bind(body);
  body.push = (chunk: Uint8Array | null, encoding?: BufferEncoding) => {
    if (chunk !== null) request.take(chunk.length);
    return push(chunk, encoding);
  };
  return request;
}

/** Does the same for a stream of HTTP/2. {@link receivedBy} then finds the request by the stream. */
export function countStream(
  stream: ServerHttp2Stream,
  received: ReceivedBytes,
  refuse: (error: ConnectError) => void,
): void {
  const request = countBody(stream, stream.session, received, refuse);
  if (request === undefined) return;
  requests.set(stream, request);
  stream.once('close', () => request.close());
}

/** Returns a count with the usual limits, in real time. */
export function usualReceived(): ReceivedBytes {
  return new ReceivedBytes({ after: afterRealTime, later: setImmediate, onDropped: noteMessage });
}

/** Returns the count of a stream; undefined if its connection had gone. */
export function receivedBy(stream: ServerHttp2Stream): ReceivedRequest | undefined {
  return requests.get(stream);
}

function bringerOf(connection: Connection): Bringer {
  const socket = 'settings' in connection ? socketBelow(connection) : connection;
  const reason = {};
  return {
    address: socket?.remoteAddress,
    payer: () => placeOf(connection)?.payer,
    stop: () => socket !== undefined && stopReading(socket, reason),
    goOn: () => socket !== undefined && goOnReading(socket, reason),
  };
}
