/** A proxy between two processes, whose connections can be cut, stop passing anything on, or lose all answers. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `cut`: connections end, and no other can be made. `hang`: nothing passes until it is mended, and then everything does.
 * `mute`: requests pass, and their answers are lost.
 */
export type Break = 'cut' | 'hang' | 'mute';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export class Breakable implements AsyncDisposable {
  private readonly server: Server;
  private readonly pairs = new Set<Pair>();
  private readonly target: { readonly host: string; readonly port: number };
  private broken: Break | undefined;

  private constructor(target: string) {
    const [host, port] = target.split(':');
    this.target = { host: host!, port: Number(port) };
    this.server = createServer((client) => this.accept(client));
  }

  /** @param target `host:port`. */
  static async before(target: string): Promise<Breakable> {
    const proxy = new Breakable(target);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** `host:port`. */
  get address(): string {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return `127.0.0.1:${address.port}`;
  }

  /** From now on nothing passes as it should. */
  break(how: Break): void {
    this.broken = how;
    for (const pair of this.pairs) this.apply(pair);
  }

  /** What hung goes on; a connection that has lost answers ends. */
  mend(): void {
    const before = this.broken;
    this.broken = undefined;
    for (const pair of this.pairs)
      if (before === 'mute') end(pair);
      else resume(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.pairs) end(pair);
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    const server = connect(this.target);
    const pair = { client, server };
    this.pairs.add(pair);
    const isOver = () => client.destroyed && server.destroyed;
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.setNoDelay(true);
      one.on('data', (bytes) => {
        if (this.broken !== 'mute' || one === client) other.write(bytes);
      });
      // Also of what has died meanwhile, all that it had sent arrives.
      one.on('end', () => other.end());
      one.on('error', () => other.end());
      one.on('close', () => {
        if (this.broken !== 'hang') other.end();
        if (isOver()) this.pairs.delete(pair);
      });
    }
    this.apply(pair);
  }

  private apply(pair: Pair): void {
    if (this.broken === 'cut') end(pair);
    if (this.broken !== 'hang') return;
    pair.client.pause();
    pair.server.pause();
  }
}

function end({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}

function resume({ client, server }: Pair): void {
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const)
    if (one.destroyed) other.end();
    else one.resume();
}
