/** S: takes uploads over HTTP/2 and does nothing with them. The most that Node's HTTP/2 can receive on this machine. */
import { createServer } from 'node:http2';
import { respondEmpty, serveControl } from './serve-control.ts';

const server = createServer();
server.on('stream', (stream) => {
  stream.on('data', () => {});
  stream.on('end', () => respondEmpty(stream));
  stream.on('error', () => {});
});
await serveControl(server);
