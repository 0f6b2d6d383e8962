/** What the gRPC listener reads of a call after its answer, over real connections; only the time is the test's. */
import { once } from 'node:events';
import { connect as connectHttp2, constants, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Leftovers } from '../../../src/server/grpc/leftover.ts';
import { TestTimers } from '../../support/timers.ts';
import { eventually } from './raw-call.ts';

const MiB = 1024 * 1024;

/** A call that is answered at once, whose client goes on. */
async function answered() {
  const timers = new TestTimers();
  const leftovers = new Leftovers(timers.after);
  const server = createServer();
  const streams: ServerHttp2Stream[] = [];
  server.on('stream', (stream) => {
    streams.push(stream);
    leftovers.drop(stream);
    stream.respond({ ':status': 200, 'grpc-status': 3 }, { endStream: true });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => undefined);
  onTestFinished(() => {
    session.destroy();
    server.close();
  });
  const call = session.request({ ':method': 'POST', ':path': '/s/m', 'content-type': 'application/grpc' });
  const closed = once(
    call.on('error', () => undefined),
    'close',
  );
  await once(call.resume(), 'end');
  await eventually(() => timers.count === 1, 15_000);
  return { timers, leftovers, session, call, closed, stream: streams[0]! };
}

it('reads all that comes, and does not reset the call', async () => {
  const { timers, call, closed } = await answered();
  const bytes = Buffer.alloc(MiB);
  // More than the windows of the stream and of the connection let through unread.
  for (let at = 0; at < 20; at++) await new Promise((sent) => call.write(bytes, sent));
  call.end();
  await closed;
  expect(call.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  await eventually(() => timers.count === 0, 15_000);
});

it('resets the call of a client that sends nothing for ten seconds', async () => {
  const { timers, closed, stream } = await answered();
  timers.advance(9_000);
  expect(stream.closed).toBe(false);
  timers.advance(1_000);
  expect(stream.closed).toBe(true);
  expect(timers.count).toBe(0);
  await closed;
});

it('waits no longer than a tenth of a second for bytes when the listener ends', async () => {
  const { timers, leftovers, closed, stream } = await answered();
  leftovers.hurry();
  timers.advance(100);
  expect(stream.closed).toBe(true);
  await closed;
});

it('ends with the connection', async () => {
  const { timers, session } = await answered();
  session.destroy();
  await eventually(() => timers.count === 0, 15_000);
});
