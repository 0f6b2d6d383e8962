/** Gives the connections of Node's servers their places. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectError } from '@connectrpc/connect';
import { type Place, Places } from '../api/places.ts';
import { afterRealTime } from '../api/timer.ts';
import { type Connection, socketBelow } from './sockets/connection-sockets.ts';

/** The events of Node's servers for their connections. */
interface Listening {
  prependListener(event: 'connection', listener: (socket: Socket) => void): unknown;
  prependListener(event: 'secureConnection', listener: (socket: TLSSocket) => void): unknown;
}

const places = new WeakMap<Socket, Place>();

/** Returns the place of a connection; undefined if its listener has no such limit. */
export function placeOf(connection: Connection | undefined): Place | undefined {
  if (connection === undefined) return undefined;
  const socket = 'settings' in connection ? socketBelow(connection) : connection;
  return socket === undefined ? undefined : places.get(socket);
}

/**
 * Gives places to the connections of a server. Call it before it listens, or when it is just bound.
 *
 * @param farewell tells a client that is not being answered why its connection ends. Default: clients get no reason.
 */
export function givePlaces(
  server: Listening,
  connectionsMax: number,
  farewell: (socket: Socket, error: ConnectError) => void = () => undefined,
): Places {
  const owner = new Places({ connectionsMax, elapsed: () => performance.now(), after: afterRealTime });
  const isSecure = 'setSecureContext' in server;
  // The connections whose TLS is not known yet, by address and port.
  const unsecured = new Map<string, Entry>();
  server.prependListener('connection', (socket) => {
    const entry: Entry = { socket, secured: undefined, place: undefined };
    entry.place = owner.enter({
      address: socket.remoteAddress,
      get bytesRead() {
        return socket.bytesRead;
      },
      close: (error) => {
        if (error !== undefined && !isSecure) farewell(socket, error);
        entry.secured?.destroy();
        // A connection that finds no place is still being made: Node's own work with it must come first.
        if (entry.place === undefined) setImmediate(() => socket.destroy());
        else socket.destroy();
      },
    });
    if (entry.place === undefined) return;
    const { place } = entry;
    places.set(socket, place);
    const peer = peerOf(socket);
    if (isSecure) unsecured.set(peer, entry);
    socket.once('close', () => {
      place.leave();
      if (unsecured.get(peer) === entry) unsecured.delete(peer);
    });
  });
  if (isSecure)
    server.prependListener('secureConnection', (socket) => {
      const peer = peerOf(socket);
      const entry = unsecured.get(peer);
      unsecured.delete(peer);
      if (entry?.place === undefined) return;
      entry.secured = socket;
      places.set(socket, entry.place);
    });
  return owner;
}

interface Entry {
  readonly socket: Socket;
  /** The socket above it, over TLS. */
  secured: TLSSocket | undefined;
  place: Place | undefined;
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
