import type { Command } from 'commander';
import type { ArtifactaClient } from '../client/client.ts';
import type { Invocation, Way } from './invocation.ts';

/** A client that connects when it is needed first: a host waits for the answer to its first message. */
export class LateConnection {
  way: Way | undefined;
  private readonly connect: () => Promise<ArtifactaClient>;
  private readonly closing = Promise.withResolvers<void>();
  private working: Promise<void> | undefined;
  private connected: Promise<ArtifactaClient> | undefined;

  constructor(invocation: Invocation, command: Command) {
    this.connect = () => {
      const opened = Promise.withResolvers<ArtifactaClient>();
      this.working = invocation.withClient(command, async (client, way) => {
        this.way = way;
        opened.resolve(client);
        await this.closing.promise;
      });
      this.working.catch((error) => opened.reject(error));
      return opened.promise;
    };
  }

  /** @throws errors of the connection. The next call tries again. */
  async client(): Promise<ArtifactaClient> {
    this.connected ??= this.connect();
    try {
      return await this.connected;
    } catch (error) {
      this.connected = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closing.resolve();
    // A connection that could not be opened has been reported to who needed it.
    if (this.connected !== undefined) await this.working;
  }
}
