/**
 * Sockets that are not read from for a while, for one reason or several. Node reads those of HTTP/2 past the socket, and
 * stops by itself while it waits for a write to them. What is read all the same is kept uncounted until the write ends,
 * so reading starts again only where Node has not stopped it.
 */
import type { Socket } from 'node:net';
import { afterRealTime } from '../../api/timer.ts';

/** The part that stops the reading of a socket: Node's own handle. */
interface Handle {
  readStop(): void;
  readStart(): void;
  /** False: Node has stopped to read a connection of HTTP/1.1, and starts again by itself. */
  readonly reading?: boolean;
  /** The bytes that wait to be written. */
  readonly writeQueueSize?: number;
}

/** The pause between two looks at a socket that Node writes to, in milliseconds. */
const lookMs = 100;

const reasons = new WeakMap<Socket, Set<object>>();
const waiting = new WeakSet<Socket>();

/**
 * Stops the reading until no reason is left. Call it again if bytes arrive meanwhile: Node starts to read after a write.
 *
 * @param reason the same object when it is over.
 */
export function stopReading(socket: Socket, reason: object): void {
  const all = reasons.get(socket) ?? new Set();
  reasons.set(socket, all);
  all.add(reason);
  handleOf(socket)?.readStop();
}

/** Removes a reason that is over. */
export function goOnReading(socket: Socket, reason: object): void {
  if (reasons.get(socket)?.delete(reason) === true) start(socket);
}

function start(socket: Socket): void {
  const handle = handleOf(socket);
  if (handle === undefined || (reasons.get(socket)?.size ?? 0) > 0 || handle.reading === false) return;
  if ((handle.writeQueueSize ?? 0) === 0) {
    handle.readStart();
    return;
  }
  // Node starts to read after its own writes, but not after those of TLS.
  if (waiting.has(socket)) return;
  waiting.add(socket);
  afterRealTime(lookMs, () => {
    waiting.delete(socket);
    start(socket);
  });
}

function handleOf(socket: Socket): Handle | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle ?? undefined;
}
