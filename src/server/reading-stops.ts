/** Sockets that are not read from for a while, by whoever has a reason. Those of HTTP/2 are read past the socket. */
import type { Socket } from 'node:net';

/** What stops the reading of a socket: Node's own handle. */
interface Handle {
  readStop(): void;
  readStart(): void;
}

const reasons = new WeakMap<Socket, Set<object>>();

/** Reads no more, until nobody has a reason any more. @param reason the same object when it is over. */
export function stopReading(socket: Socket, reason: object): void {
  const all = reasons.get(socket) ?? new Set();
  reasons.set(socket, all);
  all.add(reason);
  handleOf(socket)?.readStop();
}

/** The reason is over. */
export function goOnReading(socket: Socket, reason: object): void {
  const all = reasons.get(socket);
  if (all?.delete(reason) === true && all.size === 0) handleOf(socket)?.readStart();
}

function handleOf(socket: Socket): Handle | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle ?? undefined;
}
