/** P8: what a push sends when the store has the bytes already. */
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect } from '../src/client/client.ts';
import { fileContent } from '../src/client/files/file.ts';
import { Content, GiB, MiB } from './harness/content.ts';
import { startArtifacta } from './harness/servers.ts';
import type { Figure, Target } from './harness/target.ts';

export const p8: Target = {
  name: 'p8',
  what: 'push again of a stored file of 1 GiB: bytes on the wire ÷ size',
  async measure(context) {
    const content = new Content(context.quick ? 32 * MiB : GiB);
    const path = join(context.directory, 'pushed.bin');
    writeFile(path, content);
    await using server = await startArtifacta(context);
    await using wire = await Wire.to(server.address);
    const push = async (name: string) => {
      // A client of its own, so that its connection and its first calls count.
      await using client = await connect(`grpc://${wire.address}`);
      const [bytesBefore, cpuBefore] = [wire.bytes, server.cpuSeconds()];
      const { effect, bytesSaved } = await client.push(await fileContent(path), { session: 'bench', name });
      return { effect, bytesSaved, bytes: wire.bytes - bytesBefore, cpu: server.cpuSeconds() - cpuBefore };
    };
    context.say('first push');
    const first = await push('first.bin');
    const again: Awaited<ReturnType<typeof push>>[] = [];
    for (let run = 1; run <= context.runs; run++) {
      context.say(`run ${run} of ${context.runs}`);
      const pushed = await push(`again-${run}.bin`);
      if (pushed.effect !== 'new' || pushed.bytesSaved !== content.sizeBytes)
        throw new Error(`the push was ${pushed.effect} and saved ${pushed.bytesSaved} bytes`);
      again.push(pushed);
    }
    const figure: Figure = {
      id: 'P8',
      what: this.what,
      result: {
        label: 'bytes ÷ size',
        unit: '',
        values: again.map(({ bytes }) => bytes / content.sizeBytes),
      },
      requirement: { bound: 'at most', value: 2e-4 },
      ours: { label: 'on the wire', unit: 'bytes', values: again.map(({ bytes }) => bytes) },
      control: { label: 'first push', unit: 'bytes', values: [first.bytes] },
      serverCpu: { label: 'ours', unit: 'CPU-ms/push', values: again.map(({ cpu }) => cpu * 1_000) },
      controlCpu: { label: 'first push', unit: 'CPU-ms/push', values: [first.cpu * 1_000] },
      others: [],
      notes: [
        `${content.sizeBytes / MiB} MiB under a new name by the client for Node, on a connection of its own; both directions, as a proxy between them counts, without the headers of TCP`,
        'durable: the new artifact, before the answer; hashed: the file, by the client, which reads it once for that',
      ],
    };
    return [figure];
  },
};

function writeFile(path: string, content: Content): void {
  const file = openSync(path, 'w');
  for (const piece of content.pieces(1)) writeSync(file, piece);
  closeSync(file);
}

/** A proxy that counts what goes through it. */
class Wire implements AsyncDisposable {
  bytes = 0;
  readonly address: string;
  private readonly server: ReturnType<typeof createServer>;
  private readonly sockets: Set<Socket>;

  private constructor(server: ReturnType<typeof createServer>, address: string, sockets: Set<Socket>) {
    this.server = server;
    this.address = address;
    this.sockets = sockets;
  }

  /** @param address HOST:PORT of the server behind it. */
  static async to(address: string): Promise<Wire> {
    const [host, port] = address.split(':');
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = connectTo({ host: host!, port: Number(port) });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('data', (bytes) => {
          wire.bytes += bytes.length;
        });
        from.on('error', () => to.destroy());
        from.on('close', () => sockets.delete(from));
        from.pipe(to);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const own = server.address();
    if (own === null || typeof own === 'string') throw new Error('the proxy has no port');
    const wire = new Wire(server, `127.0.0.1:${own.port}`, sockets);
    return wire;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
