/** The last answer on a connection of HTTP/1.1, after which nothing more of it is read as a request. */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { afterRealTime } from '../api/timer.ts';

/**
 * How long the other side may take to close, in milliseconds: a connection that is closed earlier takes the answer
 * back.
 */
const lingerMs = 500;

/** An answer that is written without Node's server. It closes its connection. */
export interface LastAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Returns the answer as bytes. */
export function bytesOf({ status, headers, body }: LastAnswer): Buffer {
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), body]);
}

/** Sends the answer and closes. No answer may be under way on the connection. */
export function sayLast(socket: Socket, answer: LastAnswer): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.removeAllListeners('data');
  // Bytes that still arrive are dropped.
  socket.on('data', () => undefined);
  socket.write(bytesOf(answer));
  closeSoon(socket);
}

/** Closes when the written bytes have left and the other side has closed, or has had the time for it. */
export function closeSoon(socket: Socket): void {
  const cancel = afterRealTime(lingerMs, () => socket.destroy());
  socket.on('error', () => undefined).once('close', cancel);
  socket.end();
}
