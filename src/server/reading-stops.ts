/**
 * Sockets that are not read from for a while, for one reason or several. Node reads those of HTTP/2 past the socket.
 */
import type { Socket } from 'node:net';

/** The part that stops the reading of a socket: Node's own handle. */
interface Handle {
  readStop(): void;
  readStart(): void;
}

const reasons = new WeakMap<Socket, Set<object>>();

/** Stops the reading until no reason is left. @param reason the same object when it is over. */
export function stopReading(socket: Socket, reason: object): void {
  const all = reasons.get(socket) ?? new Set();
  reasons.set(socket, all);
  all.add(reason);
  handleOf(socket)?.readStop();
}

/** Removes a reason that is over. */
export function goOnReading(socket: Socket, reason: object): void {
  const all = reasons.get(socket);
  if (all?.delete(reason) === true && all.size === 0) handleOf(socket)?.readStart();
}

function handleOf(socket: Socket): Handle | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle ?? undefined;
}
