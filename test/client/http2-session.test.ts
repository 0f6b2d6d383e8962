import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { type ArtifactaClient, connect } from '../../src/client/client.ts';
import { listeners } from './listeners.ts';

const mebibyte = 1024 * 1024;

const bytes = { session: 'run', name: 'a' };

it.each<[string, (client: ArtifactaClient) => Promise<unknown>, number, number]>([
  // What a service may have under way towards a client that pushes fits into any socket.
  ['the protocol’s own windows for calls', (client) => client.sessions.get('run'), 65_535, 65_535],
  ['and for pushes', (client) => client.push(Buffer.from('a'), bytes), 65_535, 65_535],
  ['wide ones for downloads', (client) => client.open(bytes), 4 * mebibyte, 16 * mebibyte],
])('opens %s, and sends its credentials', async (_what, call, streamBytes, connectionBytes) => {
  const sessions: ServerHttp2Session[] = [];
  let sent: IncomingHttpHeaders = {};
  const server = createServer();
  server.on('session', (session) => sessions.push(session));
  const widths = new Promise<[number | undefined, number | undefined]>((resolve) => {
    server.on('stream', (stream, headers) => {
      sent = headers;
      // By the time a stream has been answered the window's update has come, too.
      stream.respond({ ':status': 503 });
      stream.end();
      stream.on('close', () =>
        resolve([sessions[0]!.remoteSettings.initialWindowSize, sessions[0]!.state.remoteWindowSize]),
      );
      stream.resume();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await connect(url, { retry: { attemptsMax: 1 }, token: 'secret', namespace: 'team' });
  await expect(call(client)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const [stream, connection] = await widths;
  expect(stream).toBe(streamBytes);
  expect(connection).toBeGreaterThanOrEqual(connectionBytes);
  expect(connection).toBeLessThan(2 * connectionBytes);
  expect(sent).toMatchObject({ authorization: 'Bearer secret', 'artifacta-namespace': 'team' });
  await client.close();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
});

it('leaves no stream half open when the service refuses early', { timeout: 30_000 }, async () => {
  await using service = await listeners['gRPC over TCP']!();
  await using client = await service.client({ retry: { attemptsMax: 1 } });
  await client.sessions.open('run');
  await client.sessions.seal('run', 'succeeded');
  const piece = randomBytes(mebibyte);
  const still = Promise.withResolvers<void>();
  async function* source() {
    yield piece;
    await still.promise;
  }
  // More than one connection may have open at once.
  for (let at = 0; at < 120; at++) {
    const pushed = client.push(source(), { session: 'run', name: 'a' });
    await expect(pushed).rejects.toMatchObject({ reason: 'SESSION_SEALED' });
  }
  expect((await client.sessions.get('run')).outcome).toBe('succeeded');
  still.resolve();
});

it.each(['gRPC over TCP', 'gRPC over a Unix socket'])(
  'pushes and pulls at once what no socket has room for: %s',
  { timeout: 60_000 },
  async (name) => {
    await using service = await listeners[name]!();
    await using client = await service.client({ retry: { attemptsMax: 1 } });
    const content = randomBytes(8 * mebibyte);
    await client.push(content, { session: 'run', name: 'before' });
    const pushes = [1, 2, 3, 4].map((at) =>
      client.push(Buffer.concat([content, Buffer.from([at])]), { session: 'run', name: `now-${at}` }),
    );
    const pulls = pushes.map(async () => (await client.open({ session: 'run', name: 'before' })).bytes());
    for (const pulled of await Promise.all(pulls)) expect(Buffer.compare(pulled, content)).toBe(0);
    await Promise.all(pushes);
  },
);
