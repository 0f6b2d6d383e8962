/** The end of a server that others pass calls on to. */
import { createClient } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { InfoService } from '../../gen/artifacta/v1/info_service_pb.ts';
import { freePort } from '../../scripts/free-port.ts';
import { openTestStore, testRoutes } from '../support/service.ts';
import { openTransport, startTestServer } from './grpc/listeners.ts';

const host = '127.0.0.1';

async function infoAt(address: string): Promise<string> {
  using opened = openTransport(address);
  try {
    await createClient(InfoService, opened.transport).getServerInfo({}, { timeoutMs: 5_000 });
    return 'answered';
  } catch {
    return 'refused';
  }
}

it('gives up what it decides when it takes no calls of clients any more, and others can still ask it', async () => {
  const { store } = await openTestStore();
  onTestFinished(() => store[Symbol.asyncDispose]());
  const address = { host, port: await freePort() };
  const own = testRoutes(store, []);
  const seen: string[] = [];
  const server = await startTestServer(own, {
    replicas: { address, routes: own },
    beforeReplicas: async () => {
      seen.push(await infoAt(server.addresses.grpc), await infoAt(`${host}:${address.port}`));
    },
  });
  expect(await infoAt(server.addresses.grpc)).toBe('answered');
  await server.drain();
  expect(seen).toEqual(['refused', 'answered']);
  expect(await infoAt(`${host}:${address.port}`)).toBe('refused');
});

it('ends when it is forced, whatever it still gives up', async () => {
  const { store } = await openTestStore();
  onTestFinished(() => store[Symbol.asyncDispose]());
  const given = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const own = testRoutes(store, []);
  const server = await startTestServer(own, {
    replicas: { address: { host, port: await freePort() }, routes: own },
    beforeReplicas: () => {
      begun.resolve();
      return given.promise;
    },
  });
  const draining = server.drain();
  await begun.promise;
  expect(await server.force()).toEqual({ brokenOff: 0 });
  given.resolve();
  await draining;
});
