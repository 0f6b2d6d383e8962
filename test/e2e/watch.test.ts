/** A service that is killed and started anew, under watchers and pushes: nobody misses an event. */
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { newDirectory } from '../support/command.ts';
import { startServe } from './serve-process.ts';

it('every watcher is told of every event once, in order, whatever happens to the service', async () => {
  const dataDir = `${await newDirectory()}/data`;
  let server = startServe(dataDir);
  const { grpc } = await server.ready;
  const address = `grpc://${grpc}`;
  const pusher = await connect(address, { retry: { attemptsMax: 40, delayMsMax: 500 } });
  onTestFinished(() => pusher.close());
  await pusher.push('0', { session: 'run', name: 'n0' });
  const watchers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const client = await connect(address);
      onTestFinished(() => client.close());
      return client;
    }),
  );
  const watching = watchers.map(async (client) => {
    const seen: string[] = [];
    for await (const event of client.sessions.watch('run'))
      seen.push(event.kind === 'committed' ? event.artifact.name : event.kind);
    return seen;
  });
  const names = ['n0'];
  for (let at = 1; at <= 90; at++) {
    await pusher.push(`${at}`, { session: 'run', name: `n${at}` });
    names.push(`n${at}`);
    if (at % 30 !== 0) continue;
    server.child.kill(at === 30 ? 'SIGTERM' : 'SIGKILL');
    await server.ended;
    server = startServe(dataDir, ['--grpc-listen', String(grpc)]);
    await server.ready;
  }
  await pusher.sessions.seal('run', 'succeeded');
  for (const seen of await Promise.all(watching)) expect(seen).toEqual([...names, 'sealed']);
}, 90_000);
