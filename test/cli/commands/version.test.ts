/** `artifacta version`, and what commands tell of a service that is older than they are. */
import { createRouterTransport } from '@connectrpc/connect';
import { expect, it, onTestFinished } from 'vitest';
import { routes } from '../../../src/api/routes.ts';
import { exitCodes } from '../../../src/cli/exit.ts';
import { clientVersion } from '../../../src/client/version.ts';
import type { Routes } from '../../../src/server/grpc/grpc.ts';
import { startTestServer } from '../../server/grpc/listeners.ts';
import { infoOf, otherRoutes } from '../../support/other-services.ts';
import { commandLine, openTestStore } from '../support.ts';

const own = { onCall: () => undefined, elapsed: () => 0 };

/** A command line over routes in this process. */
async function overRoutes(make: (store: Awaited<ReturnType<typeof openTestStore>>) => Routes) {
  const store = await openTestStore();
  onTestFinished(() => store[Symbol.asyncDispose]());
  return commandLine(createRouterTransport(make(store)));
}

it('shows both versions, and what the service can do', async () => {
  const settings = { artifactBytesMax: 10 * 1024 ** 2, isAuthenticationRequired: true };
  const cli = await overRoutes((store) => routes({ ...own, store: () => store, version: '7.8.9', settings }));
  expect(await cli(['version'], { io: { version: '1.0.0 (from its sources)' } })).toMatchObject({
    code: exitCodes.done,
    stderr: '',
    text: [
      'client:    1.0.0 (from its sources)',
      'service:   7.8.9, at a store in memory',
      'access:    with credentials, on the network',
      'features:  seal-durability, session-prefixes, sessions-by-push',
      'limits:    artifact 10.0 MiB, share link 30 d, request id kept 24 h 0 min',
      '',
    ].join('\n'),
  });
  expect((await cli(['version', '--quiet'])).text).toBe('7.8.9\n');
  const { json } = await cli(['version', '--json']);
  expect(json).toMatchObject([
    {
      client: { version: clientVersion },
      service: {
        place: 'a store in memory',
        embedded: false,
        version: '7.8.9',
        authentication_required: true,
        features: ['seal-durability', 'session-prefixes', 'sessions-by-push'],
        limits: { max_artifact_bytes: 10 * 1024 ** 2, request_id_retention_ms: 24 * 3_600_000 },
      },
    },
  ]);
});

it('of a service that cannot say its version shows that it is older', async () => {
  const store = await openTestStore();
  const server = await startTestServer(otherRoutes(store, {}));
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  const url = `grpc://${server.addresses.grpc}`;
  const { openConnection } = await import('../../../src/programs/connect.ts');
  const cli = commandLine(createRouterTransport(() => undefined));
  const io = { version: clientVersion, connect: () => openConnection({ url }, () => undefined) };
  expect(await cli(['version'], { io })).toMatchObject({
    code: exitCodes.done,
    text: `client:   ${clientVersion}\nservice:  older than ${clientVersion}, at ${url}\n`,
  });
  expect((await cli(['version', '--json'], { io })).json).toEqual([
    {
      client: { version: clientVersion },
      service: {
        place: url,
        embedded: false,
        version: null,
        authentication_required: null,
        features: null,
        methods: null,
        limits: null,
      },
    },
  ]);
});

it('a command that an older service lacks says so, and how it ends stays as it was', async () => {
  const store = await openTestStore();
  const info = await infoOf(store, { version: '0.0.9', without: ['CompareSessions'] });
  const server = await startTestServer(otherRoutes(store, { info, without: ['CompareSessions'] }), {
    http: { host: '127.0.0.1', port: 0 },
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });
  const { openConnection } = await import('../../../src/programs/connect.ts');
  for (const url of [`grpc://${server.addresses.grpc}`, `http://${server.addresses.http}`]) {
    const cli = commandLine(createRouterTransport(() => undefined));
    const io = { connect: () => openConnection({ url }, () => undefined) };
    const message = `the service at ${url} is version 0.0.9, older than this client, ${clientVersion}; it has no SessionService/CompareSessions: upgrade the service`;
    expect(await cli(['diff', 'a', 'b'], { io })).toMatchObject({
      code: exitCodes.failed,
      text: '',
      stderr: `artifacta: ${message} (NOT_IMPLEMENTED)\n`,
    });
    const { stderr } = await cli(['diff', 'a', 'b', '--json'], { io });
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'UNIMPLEMENTED', reason: 'NOT_IMPLEMENTED', message, advice: null },
    });
  }
});
