/**
 * The server under test of the Connect conformance suite: our listeners, with the suite's service behind them. The suite
 * starts it, tells by standard input what is asked of it, and reads from standard output where it listens.
 *
 * Its one argument is the suite's protocol as `buf build` compiles it. Nothing is generated of it.
 */
import { readFileSync } from 'node:fs';
import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { limits } from '../../src/domain/limits.ts';
import { startServer } from '../../src/server/server.ts';
import { Tls } from '../../src/server/tls.ts';
import { openProtocol, serviceRoutes } from './service.ts';

/** Of the suite's enum `Protocol`. */
const grpc = 2;

/** What of `ServerCompatRequest` counts here. */
type Asked = Message & {
  readonly protocol: number;
  readonly useTls: boolean;
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
};

const protocol = openProtocol(readFileSync(process.argv[2]!));
const asked = (await read(protocol.message('ServerCompatRequest'))) as Asked;
const tls = asked.useTls ? await openTls(asked) : undefined;
const address = { host: '127.0.0.1', port: 0 };
const server = await startServer({
  routes: serviceRoutes(protocol),
  ...(asked.protocol === grpc ? { grpc: address } : { http: address }),
  tls,
  messageBytesMax: asked.messageReceiveLimit || limits.messageBytesMax,
  concurrentStreamsMax: limits.concurrentStreamsMax,
  drainMs: 0,
  onUnexpectedError: (error, method) => console.error(method, error),
});
const listening = (server.addresses.grpc ?? server.addresses.http)!;
write(
  protocol.create('ServerCompatResponse', {
    host: '127.0.0.1',
    port: Number(listening.slice(listening.lastIndexOf(':') + 1)),
    ...(tls === undefined ? {} : { pemCert: asked.serverCreds!.cert }),
  }),
  protocol.message('ServerCompatResponse'),
);
process.once('SIGTERM', async () => {
  await server.force();
  tls?.[Symbol.dispose]();
  process.exit(0);
});

/** The pair that the suite made, without files. */
async function openTls({ serverCreds, clientTlsCert }: Asked): Promise<Tls> {
  const contents: Readonly<Record<string, Uint8Array>> = {
    cert: serverCreds!.cert,
    key: serverCreds!.key,
    clientCa: clientTlsCert,
  };
  return await Tls.open(
    { cert: 'cert', key: 'key', ...(clientTlsCert.length === 0 ? {} : { clientCa: 'clientCa' }) },
    { warn: console.error, readFile: async (path) => Buffer.from(contents[path]!) },
  );
}

/** One message after its length of four bytes. */
async function read(desc: DescMessage): Promise<Message> {
  let received = Buffer.alloc(0);
  for await (const piece of process.stdin) {
    received = Buffer.concat([received, piece]);
    if (received.length >= 4 && received.length >= 4 + received.readUInt32BE()) break;
  }
  return fromBinary(desc, received.subarray(4, 4 + received.readUInt32BE()));
}

function write(message: Message, desc: DescMessage): void {
  const bytes = toBinary(desc, message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  process.stdout.write(Buffer.concat([length, bytes]));
}
