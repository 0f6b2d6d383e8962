/** What may answer where a service is looked for. */
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

interface Odd {
  /** `127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

const answering =
  (status: number, type: string, body: string | Uint8Array): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': type }).end(body);
  };

const garbage = Buffer.alloc(300, 0xfe);

/** By what they do. @param pair for the one over TLS; there is none without. */
export function odd(pair: { key: string; cert: string } | undefined): Record<string, () => Server> {
  const secured = (given: { key: string; cert: string }) => () =>
    createHttps(given, answering(200, 'text/html', 'x'));
  return pair === undefined ? inClear : { ...inClear, 'a web server over TLS': secured(pair) };
}

const inClear: Readonly<Record<string, () => Server>> = {
  'a web page': () => createHttp(answering(200, 'text/html', '<html></html>')),
  'a web server without the page': () => createHttp(answering(404, 'text/html', '<html></html>')),
  'a web server that fails': () => createHttp(answering(500, 'text/html', '<html></html>')),
  'a redirection': () =>
    createHttp((_request, response) => response.writeHead(302, { location: '/login' }).end()),
  'a proxy that asks for a password': () => createHttp(answering(401, 'text/html', '')),
  'a proxy that takes no such size': () => createHttp(answering(413, 'text/html', '')),
  'other JSON': () => createHttp(answering(200, 'application/json', '{"a":')),
  'a message that ends early': () =>
    createHttp(answering(200, 'application/proto', Buffer.from('ffffff', 'hex'))),
  'bytes that mean nothing': () => createServer((socket) => void socket.end(garbage)),
  'a line of text': () => createServer((socket) => void socket.end('SSH-2.0-x\r\n')),
  'a web page over HTTP/2': () =>
    createHttp2((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('x'),
    ) as Server,
  'garbled answers over HTTP/2': () =>
    createHttp2((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/grpc+proto' }).end(garbage),
    ) as Server,
  'empty answers over HTTP/2': () =>
    createHttp2((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/grpc+proto' }).end(),
    ) as Server,
  'somebody who hangs up': () => createServer((socket) => void socket.destroy()),
  'somebody who hangs up on the first bytes': () =>
    createServer((socket) => void socket.once('data', () => socket.destroy())),
};

/** Answers nothing. */
export function silent(): Server {
  return createServer((socket) => void socket.resume());
}

export async function listenOdd(server: Server): Promise<Odd> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  for (const event of ['sessionError', 'tlsClientError', 'clientError'])
    server.on(event, (_error: Error, socket?: Socket) => void socket?.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
