/**
 * The connection of the owner of a store, which alone writes. While no batch is under way, it is watched: when it is
 * cut, it is made again at once, and the server is asked every few seconds whether it still answers. So a server that is
 * lost shows although nothing is written.
 */
import { Failure } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { refuseSharedSessions } from './pooler.ts';
import { DatabaseTrouble, refusal, troubleWith } from './troubles.ts';
import type { WriteOwner } from './write-owner.ts';

/** The time between two questions to a server that is asked nothing else. */
const askMs = 4_000;
/** A server that does not answer such a question in this time counts as lost. */
const answerMsMax = 5_000;

interface OwnerConnectionOptions {
  readonly connections: Connections;
  readonly ownership: WriteOwner;
  readonly after: After;
}

/** A connection whose batches are written. */
interface Owned {
  readonly connection: Connection;
  /** See {@link WriteOwner.take}. */
  readonly taken: number;
}

/** See the head of this file. */
export class OwnerConnection {
  /** Resolves with the error when the store cannot be written any more, and no batch has shown it. */
  readonly failed: Promise<unknown>;
  private readonly options: OwnerConnectionOptions;
  private readonly fail: (error: unknown) => void;
  private owned: Owned;
  /** The next connection, while it is being made. */
  private making: Promise<Owned> | undefined;
  private isInUse = false;
  private wasUsed = false;
  /** The reason for which nothing is written on it any more. */
  private end: unknown;
  private cancel: () => void = () => undefined;

  private constructor(options: OwnerConnectionOptions, owned: Owned) {
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.failed = promise;
    this.fail = (error) => {
      if (this.end !== undefined) return;
      this.end = error;
      resolve(error);
    };
    this.owned = owned;
    this.watch(owned);
    this.askLater();
  }

  /** @throws Failure STORE_UNAVAILABLE, LockLost */
  static async open(options: OwnerConnectionOptions): Promise<OwnerConnection> {
    return new OwnerConnection(options, await own(options));
  }

  /** Writes a batch. If the connection was cut while nothing was under way, its end changes nothing. */
  async use<T>(write: (owned: Owned) => Promise<T>): Promise<T> {
    if (this.end !== undefined) throw this.end;
    this.isInUse = true;
    try {
      return await write(await this.current());
    } catch (error) {
      // The engine hears of it from the batch.
      this.end ??= error;
      throw error;
    } finally {
      this.isInUse = false;
      this.wasUsed = true;
      this.renewIfBroken();
    }
  }

  private current(): Promise<Owned> | Owned {
    return this.making ?? (this.owned.connection.isBroken ? this.make() : this.owned);
  }

  private make(): Promise<Owned> {
    this.making ??= own(this.options)
      .then((owned) => {
        this.owned = owned;
        this.watch(owned);
        return owned;
      })
      .finally(() => {
        this.making = undefined;
      });
    return this.making;
  }

  private watch({ connection }: Owned): void {
    void connection.ended.then(() => this.renewIfBroken());
  }

  private renewIfBroken(): void {
    if (this.isInUse || this.end !== undefined || !this.owned.connection.isBroken) return;
    this.make().catch((error) => {
      if (!this.isInUse) this.fail(error);
    });
  }

  private askLater(): void {
    this.cancel = this.options.after(askMs, () => {
      void this.ask().then(() => {
        if (this.end === undefined) this.askLater();
      });
    });
  }

  /** Never rejects. A batch that was sent behind the question fails with it, and tells of it. */
  private async ask(): Promise<void> {
    const isNeeded = !this.isInUse && !this.wasUsed && this.making === undefined;
    this.wasUsed = false;
    if (!isNeeded) return;
    const { connection } = this.owned;
    const trouble = new DatabaseTrouble('the database does not answer');
    const cancel = this.options.after(answerMsMax, () => {
      if (!this.isInUse) this.fail(trouble);
      this.options.connections.leave(trouble);
    });
    await connection.run('SELECT 1').catch(() => undefined);
    cancel();
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.end ??= new DatabaseTrouble('the index is closed');
    this.cancel();
    await this.owned.connection.close();
    await this.making?.then(
      ({ connection }) => connection.close(),
      () => undefined,
    );
  }
}

async function own({ connections, ownership }: OwnerConnectionOptions): Promise<Owned> {
  let connection: Connection | undefined;
  try {
    connection = await connections.connect();
    await refuseSharedSessions(connection, () => connections.connect());
    return { connection, taken: await ownership.take(connection) };
  } catch (error) {
    await connection?.close();
    throw error instanceof Failure ? error : refusal(troubleWith(error));
  }
}
