/** S1: takes bodies over HTTP/1.1 and does nothing with them. The most that Node's HTTP server can receive here. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sayReady } from './serve-control.ts';

const server = createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => response.writeHead(201).end());
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { address, port } = server.address() as AddressInfo;
sayReady(`${address}:${port}`);
