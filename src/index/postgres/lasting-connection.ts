/** A connection that is made with its first use, and made again with the next use after it was cut. */
import { unavailable } from '../engine/handle.ts';
import type { Connection } from './connection.ts';

/** See the head of this file. */
export class LastingConnection {
  private readonly open: () => Promise<Connection>;
  private connection: Promise<Connection> | undefined;
  private isClosed = false;

  /** @param open makes a connection. */
  constructor(open: () => Promise<Connection>) {
    this.open = open;
  }

  /** Returns the connection. @throws Failure STORE_UNAVAILABLE after {@link close}, and what `open` throws. */
  async get(): Promise<Connection> {
    if (this.isClosed) throw unavailable('the index could not be read: it is closed');
    this.connection ??= this.opened();
    const found = await this.connection;
    if (!found.isBroken) return found;
    this.connection = undefined;
    return await this.get();
  }

  private opened(): Promise<Connection> {
    const opened = this.open();
    opened.catch(() => {
      if (this.connection === opened) this.connection = undefined;
    });
    return opened;
  }

  /** Never rejects. Idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    await (await this.connection?.catch(() => undefined))?.close();
  }
}
