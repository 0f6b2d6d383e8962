/** A peer that refuses uploads over HTTP/1.1 (Connect) before it was sent all, and reads no more of them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

/** A listening peer. */
interface Http1Hoarder extends AsyncDisposable {
  readonly server: Server;
  /** Connections that are open. */
  readonly open: number;
}

const end = JSON.stringify({ error: { code: 'failed_precondition', message: 'sealed' } });

/** On a free port of loopback. */
export async function startHttp1Hoarder(): Promise<Http1Hoarder> {
  let open = 0;
  const server = createServer((request, response) => {
    if (request.headers['content-type'] !== 'application/connect+proto') {
      request.resume().on('end', () => response.setHeader('content-type', 'application/proto').end());
      return;
    }
    request.once('readable', () => {
      const head = Buffer.from([2, 0, 0, 0, end.length]);
      response
        .setHeader('content-type', 'application/connect+proto')
        .end(Buffer.concat([head, Buffer.from(end)]));
    });
  });
  server.on('connection', (socket) => {
    open++;
    socket.on('error', () => undefined).on('close', () => open--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    get open() {
      return open;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
