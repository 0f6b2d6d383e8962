/** The raw source of P3: sends as many ready-made 1 MiB chunks as the path asks for (`/COUNT`), over HTTP/2. */
import { createServer } from 'node:http2';
import { Content, GiB } from '../harness/content.ts';
import { send } from '../harness/raw-client.ts';
import { beginResponse, serveControl } from './serve-control.ts';

/** Made ahead; as long as anybody asks for. */
const content = new Content(64 * GiB);

const server = createServer();
server.on('stream', (stream, headers) => {
  stream.resume();
  stream.on('error', () => {});
  beginResponse(stream);
  void send(stream, content.chunks(0).take(Number(headers[':path']?.slice(1))));
});
await serveControl(server);
