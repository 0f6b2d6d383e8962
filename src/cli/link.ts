import type { Transport } from '@connectrpc/connect';
import type { ArtifactaError } from '../client/errors.ts';
import type { Connection, ConnectOptions, Io } from './io.ts';

/**
 * The connection of one command. When the process that had the store open leaves, the way to it ends, and the next
 * attempt of a call must look for the store again. {@link renew} does this, and later calls take the new way.
 */
export class Link implements AsyncDisposable {
  readonly transport: Transport;
  private readonly connect: () => Promise<Connection>;
  private readonly opened: Connection[] = [];
  /** The way of the call that threw this error. */
  private readonly wayOf = new WeakMap<object, Promise<Connection>>();
  private renewals = 0;
  private way: Promise<Connection>;

  private constructor(connect: () => Promise<Connection>) {
    this.connect = async () => {
      const connection = await connect();
      this.opened.push(connection);
      return connection;
    };
    this.way = this.connect();
    this.transport = {
      unary: (...call) => this.through(({ transport }) => transport.unary(...call)),
      stream: (...call) =>
        this.through(async ({ transport }, way) => {
          const answer = await transport.stream(...call);
          return { ...answer, message: this.noting(way, answer.message) };
        }),
    };
  }

  /** The way that calls take now. */
  get current(): Promise<Connection> {
    return this.way;
  }

  /** @param warn gets each message once. @throws the errors of `connect`. */
  static async open(io: Io, options: ConnectOptions, warn: (message: string) => void): Promise<Link> {
    const warned = new Set<string>();
    const warnOnce = (message: string) => {
      if (!warned.has(message)) warn(message);
      warned.add(message);
    };
    const link = new Link(() => io.connect(options, warnOnce));
    await link.way;
    return link;
  }

  /**
   * Connects again if the connection caused the failure, and no other call has done so since the call began. If several
   * calls lose one connection, only the first may connect: a second would find the store taken by this process.
   *
   * @returns true if the next attempt goes another way. Where commands open the store one after another, each meets
   * several that leave, so the command goes on. After {@link renewalsMax} of them it gives up.
   * @throws the errors of `connect`.
   */
  async renew(error: ArtifactaError): Promise<boolean> {
    if (error.reason !== undefined && error.reason !== 'SHUTTING_DOWN') return false;
    const way = isObject(error.cause) ? this.wayOf.get(error.cause) : undefined;
    if (way === undefined || way === this.way) this.way = this.connect();
    return (await this.way).passes === true && ++this.renewals < renewalsMax;
  }

  private async through<T>(
    call: (connection: Connection, way: Promise<Connection>) => Promise<T>,
  ): Promise<T> {
    const way = this.way;
    const connection = await way;
    try {
      return await call(connection, way);
    } catch (error) {
      throw this.note(way, error);
    }
  }

  private async *noting<T>(
    way: Promise<Connection>,
    messages: AsyncIterable<T>,
  ): AsyncGenerator<T, void, void> {
    try {
      for await (const message of messages) yield message;
    } catch (error) {
      throw this.note(way, error);
    }
  }

  private note(way: Promise<Connection>, error: unknown): unknown {
    if (isObject(error)) this.wayOf.set(error, way);
    return error;
  }

  /** Closes the opened ways, the newest first: older ways may still carry calls. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.opened.reverse()) await connection.close();
  }
}

/** The limit for one command. */
const renewalsMax = 60;

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
