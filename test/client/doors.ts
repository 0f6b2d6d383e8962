/** The same real store behind every way that a client can take. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRouterTransport } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { type ArtifactaClient, type ClientOptions, connect } from '../../src/client/client.ts';
import { openMemoryIndex } from '../../src/index/memory.ts';
import { startServer } from '../../src/server/server.ts';
import { openStore, type Store } from '../../src/store/open.ts';

/** A door that is open, and what leads through it. */
export interface Door extends AsyncDisposable {
  readonly store: Store;
  client(options?: ClientOptions): Promise<ArtifactaClient>;
  /** `host:port`, where there is one. */
  readonly address?: { readonly host: string; readonly port: number };
}

const mebibyte = 1024 * 1024;

export async function openTestStore(): Promise<Store> {
  return openStore({ index: await openMemoryIndex(), blobs: openMemoryBlobs() });
}

function routesOf(store: Store) {
  return routes({ store, onCall: () => {}, elapsed: () => performance.now() });
}

async function openMemory(): Promise<Door> {
  const store = await openTestStore();
  const transport = createRouterTransport(routesOf(store));
  return {
    store,
    client: (options) => connect(transport, options),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

/** gRPC over TCP and over a Unix socket. */
async function openGrpc(way: 'tcp' | 'unix'): Promise<Door> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-client-'));
  const store = await openTestStore();
  const server = await startServer({
    routes: routesOf(store),
    grpc: { host: '127.0.0.1', port: 0 },
    socket: join(directory, 'run', 'sock'),
    messageBytesMax: 2 * mebibyte,
    concurrentStreamsMax: 100,
    drainMs: 1_000,
    onUnexpectedError: (error) => {
      throw error;
    },
  });
  const port = Number(server.addresses.grpc.split(':').at(-1));
  const url = way === 'tcp' ? `grpc://127.0.0.1:${port}` : `unix:${server.addresses.socket}`;
  return {
    store,
    address: { host: '127.0.0.1', port },
    client: (options) => connect(url, options),
    async [Symbol.asyncDispose]() {
      await server.force();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** Connect over HTTP/1.1. */
async function openHttp(): Promise<Door> {
  const store = await openTestStore();
  const server = createServer(connectNodeAdapter({ routes: routesOf(store), readMaxBytes: 2 * mebibyte }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    store,
    address: { host: '127.0.0.1', port },
    client: (options) => connect(`http://127.0.0.1:${port}`, options),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store[Symbol.asyncDispose]();
    },
  };
}

export const doors: Readonly<Record<string, () => Promise<Door>>> = {
  memory: openMemory,
  'gRPC over TCP': () => openGrpc('tcp'),
  'gRPC over a Unix socket': () => openGrpc('unix'),
  'Connect over HTTP/1.1': openHttp,
};
