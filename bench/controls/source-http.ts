/** The raw source of GET in P3: sends as many ready-made pieces of 1 MiB as the path asks for (`/COUNT`), over HTTP/1.1. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Content, chunkBytes, GiB } from '../harness/content.ts';
import { send } from '../harness/raw-client.ts';
import { sayReady } from './serve-control.ts';

/** Made ahead; as long as anybody asks for. */
const content = new Content(64 * GiB);

const server = createServer((request, response) => {
  const count = Number(request.url?.slice(1));
  response.writeHead(200, { 'content-length': count * chunkBytes });
  void send(response, content.pieces(0).take(count));
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { address, port } = server.address() as AddressInfo;
sayReady(`${address}:${port}`);
