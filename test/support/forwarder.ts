/** Stands between a client and a server: at an address that stays, whatever server it leads to. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** See the head of this file. */
export class Forwarder {
  private readonly server: Server;
  private readonly pairs = new Set<readonly [client: Socket, server: Socket]>();
  /** HOST:PORT of the server for connections that come from now on; undefined: they are ended at once. */
  target: string | undefined;
  /** Answers of the server come in pieces of this many bytes. */
  pieceBytes = Number.POSITIVE_INFINITY;
  /** Answers of the server are lost from now on; connections stay. */
  isMute = false;

  private constructor(target: string) {
    this.target = target;
    this.server = createServer((client) => this.connect(client));
  }

  private connect(client: Socket): void {
    const [host, port] = this.target?.split(':') ?? [];
    if (host === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect({ host, port: Number(port) });
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    client.on('data', (bytes) => upstream.write(bytes));
    client.setNoDelay();
    upstream.on('data', (bytes) => this.answer(client, bytes));
    for (const [one, other] of [pair, [upstream, client]] as const) {
      one.on('error', () => undefined);
      one.on('close', () => {
        if (!this.isMute) other.destroy();
      });
    }
  }

  private answer(client: Socket, bytes: Buffer): void {
    if (this.isMute) return;
    for (let at = 0; at < bytes.length; at += this.pieceBytes)
      client.write(bytes.subarray(at, at + this.pieceBytes));
  }

  /** Ends when the test does. */
  static async before(target: string): Promise<Forwarder> {
    const forwarder = new Forwarder(target);
    forwarder.server.listen(0, '127.0.0.1');
    await once(forwarder.server, 'listening');
    onTestFinished(() => forwarder.close());
    return forwarder;
  }

  /** HOST:PORT. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the forwarder does not listen');
    return `127.0.0.1:${address.port}`;
  }

  /** Cuts the client's side; what the server has received already, it does. */
  cut({ isHalf = false } = {}): void {
    for (const [client, server] of this.pairs) {
      if (!isHalf) server.end();
      client.destroy();
    }
  }

  private close(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
    this.server.close();
  }
}
