/**
 * The number of open calls on all connections. Each call keeps its headers and its data while it is handled, waits for
 * its turn or waits to be sent. 100 calls on each of a thousand connections would fill the memory.
 */

import { limits } from '../../domain/limits.ts';

/** A connection of any kind. */
interface Connection {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** One connection, with the bytes that its open calls keep. */
interface Kept {
  bytes: number;
  isGone: boolean;
}

/** Counts the open calls on all transports. While they are too many, each connection has an equal share. */
export class OpenCalls {
  private readonly bytesMax: number;
  private readonly onConnection = new Map<Connection, Kept>();
  private bytes = 0;

  constructor(bytesMax: number = limits.openCallsBytesMax) {
    this.bytesMax = bytesMax;
  }

  /**
   * Begins a call.
   *
   * @param connection emits `close` when it is gone, and its calls with it; undefined if it has gone.
   * @param rawHeaders names and values in turn, as they were sent.
   * @returns a function that ends the call, or undefined if no room exists and the call must not begin.
   */
  begin(connection: Connection | undefined, rawHeaders: readonly string[]): (() => void) | undefined {
    if (connection === undefined || connection.destroyed) return () => undefined;
    let bytes = limits.openCallBytes;
    for (const text of rawHeaders) bytes += text.length;
    const before = this.onConnection.get(connection);
    const here = (before?.bytes ?? 0) + bytes;
    const share = this.bytesMax / (this.onConnection.size + (before === undefined ? 1 : 0));
    if (this.bytes + bytes > this.bytesMax && here > share) return undefined;
    const kept = before ?? this.meet(connection);
    kept.bytes += bytes;
    this.bytes += bytes;
    let isEnded = false;
    return () => {
      if (isEnded || kept.isGone) return;
      isEnded = true;
      kept.bytes -= bytes;
      this.bytes -= bytes;
    };
  }

  private meet(connection: Connection): Kept {
    const kept = { bytes: 0, isGone: false };
    this.onConnection.set(connection, kept);
    connection.once('close', () => {
      this.onConnection.delete(connection);
      this.bytes -= kept.bytes;
      kept.isGone = true;
    });
    return kept;
  }
}
