/** The same real store behind every way that a client can take. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRouterTransport } from '@connectrpc/connect';
import { routes } from '../../src/api/routes.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { type ArtifactaClient, type ClientOptions, connect } from '../../src/client/client.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { startServer } from '../../src/server/server.ts';
import type { Store } from '../../src/store/open.ts';
import { openCheckedStore } from '../support/row-owners.ts';

/** A listener that is open, and what leads through it. */
export interface Service extends AsyncDisposable {
  readonly store: Store;
  client(options?: ClientOptions): Promise<ArtifactaClient>;
  /** `host:port`, where there is one. */
  readonly address?: { readonly host: string; readonly port: number };
}

const mebibyte = 1024 * 1024;

async function openTestStore(): Promise<Store> {
  return openCheckedStore({ index: await openMemoryIndex(), blobs: openMemoryBlobs() });
}

function routesOf(store: Store) {
  return routes({ store: () => store, onCall: () => {}, elapsed: () => performance.now() });
}

async function openMemory(): Promise<Service> {
  const store = await openTestStore();
  const transport = createRouterTransport(routesOf(store));
  return {
    store,
    client: (options) => connect(transport, options),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

type Way = 'tcp' | 'unix' | 'http';

/** gRPC over TCP and over a Unix socket, Connect over HTTP/1.1. */
async function openServer(way: Way): Promise<Service> {
  const directory = await mkdtemp(join(tmpdir(), 'artifacta-client-'));
  const store = await openTestStore();
  const anyPort = { host: '127.0.0.1', port: 0 };
  const server = await startServer({
    routes: routesOf(store),
    grpc: anyPort,
    http: anyPort,
    socket: join(directory, 'run', 'sock'),
    messageBytesMax: 2 * mebibyte,
    concurrentStreamsMax: 100,
    drainMs: 1_000,
    onUnexpectedError: (error) => {
      throw error;
    },
  });
  const { grpc, http, socket } = server.addresses;
  const urls: Record<Way, string> = { tcp: `grpc://${grpc}`, unix: `unix:${socket}`, http: `http://${http}` };
  return {
    store,
    address: { host: '127.0.0.1', port: Number((way === 'http' ? http : grpc)?.split(':').at(-1)) },
    client: (options) => connect(urls[way], options),
    async [Symbol.asyncDispose]() {
      await server.force();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

export const listeners: Readonly<Record<string, () => Promise<Service>>> = {
  memory: openMemory,
  'gRPC over TCP': () => openServer('tcp'),
  'gRPC over a Unix socket': () => openServer('unix'),
  'Connect over HTTP/1.1': () => openServer('http'),
};
