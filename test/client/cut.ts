/** A TCP proxy that counts bytes, and may break its first connections, so that clients meet what networks do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

interface CutOptions {
  /** How many connections are broken, from the first on. */
  readonly connections: number;
  /** In which direction the bytes are counted. */
  readonly direction: 'up' | 'down';
  readonly afterBytes: number;
  /** FIN, or RST. */
  readonly how: 'end' | 'reset';
}

interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Connections so far. */
  readonly accepted: number;
  /** Bytes that came so far, from clients and to them, whatever protocol they are of. */
  readonly passed: { readonly up: number; readonly down: number };
}

export async function cuttingProxy(
  target: { readonly host: string; readonly port: number },
  options: CutOptions,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const total = { up: 0, down: 0 };
  const server = createServer((client) => {
    const cuts = ++accepted <= options.connections;
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let passed = 0;
    const pass = (from: Socket, to: Socket, direction: 'up' | 'down') =>
      from.on('data', (bytes) => {
        total[direction] += bytes.byteLength;
        if (options.direction === direction) passed += bytes.byteLength;
        if (!cuts || passed < options.afterBytes) {
          if (!to.write(bytes)) {
            from.pause();
            to.once('drain', () => from.resume());
          }
        } else if (options.how === 'reset') client.resetAndDestroy();
        else client.destroy();
      });
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get passed() {
      return { ...total };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A proxy that lets everything pass and counts it. */
export function countingProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  return cuttingProxy(target, { connections: 0, direction: 'up', afterBytes: 0, how: 'end' });
}
