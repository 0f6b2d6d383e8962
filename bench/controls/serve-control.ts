/** What the raw HTTP/2 controls have in common: windows as wide as ours, and the line that says they are ready. */
import { once } from 'node:events';
import type { Http2Server, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { MiB } from '../harness/content.ts';

/** As the service's own default. */
const windowBytes = 4 * MiB;

/** Listens on a free port of the loopback interface and says so; ends at SIGTERM. */
export async function serveControl(server: Http2Server): Promise<void> {
  server.updateSettings({ initialWindowSize: windowBytes, maxFrameSize: MiB });
  server.on('session', (session) => session.setLocalWindowSize(windowBytes));
  process.once('SIGTERM', () => process.exit(0));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  sayReady(`${address}:${port}`);
}

export function sayReady(grpc: string): void {
  process.stdout.write(`${JSON.stringify({ msg: 'ready', grpc, pid: process.pid })}\n`);
}

/** Answers a call with no message and the status OK. */
export function respondEmpty(stream: ServerHttp2Stream): void {
  beginResponse(stream);
  stream.end();
}

/** Sends headers; the status OK follows when the stream is ended. */
export function beginResponse(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
}
