/** Several servers over one store in memory, whose namespaces are assigned to them by the test. */
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { freeAddress } from '../../scripts/free-port.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { replicaRoutes } from '../../src/api/passing/replica-routes.ts';
import { routes } from '../../src/api/routes.ts';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { parseAddress } from '../../src/domain/address.ts';
import type { Authenticate } from '../../src/identity/authentication.ts';
import type { Index } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import { here, notOwner, type Owners } from '../../src/index/owners.ts';
import { openReplicas } from '../../src/programs/serving/replicas.ts';
import type { Tls } from '../../src/server/tls.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/open.ts';
import {
  openTransport,
  startTestServer,
  type TestServer,
  type TestTransport,
} from '../server/grpc/listeners.ts';
import { clientsOf, type Service, startOfTime } from './service.ts';

/** Who owns which namespace. What is assigned to nobody belongs to everybody. */
class Assignments {
  private readonly owners = new Map<string, string>();
  /** What processes believe, which may be outdated. */
  private readonly believed = new Map<string, string>();

  /** Gives a namespace to the process at an address. */
  assign(ns: string, address: string): void {
    this.owners.set(ns, address);
  }

  /** Makes the process at `address` believe that another one owns a namespace, until it is told to forget that. */
  mislead(address: string, ns: string, owner: string): void {
    this.believed.set(`${address} ${ns}`, owner);
  }

  ownerOf(ns: string): string | undefined {
    return this.owners.get(ns);
  }

  /** The owners as the process at an address knows them. @param forgotten gets the names that it was told to forget. */
  asSeenAt(address: string, forgotten: string[]): Owners {
    return {
      ownerOf: async (ns) => {
        const owner = this.believed.get(`${address} ${ns}`) ?? this.owners.get(ns) ?? address;
        return owner === address ? here : { isHere: false, address: owner };
      },
      forget: (ns) => {
        forgotten.push(ns);
        this.believed.delete(`${address} ${ns}`);
      },
      onTaken: () => undefined,
      serve: async () => undefined,
      leave: async () => undefined,
    };
  }
}

/** One of the processes: its store, behind its listeners. */
export interface Replica extends Service {
  readonly address: string;
  readonly server: TestServer;
  /** The namespaces that it was told to forget. */
  readonly forgotten: string[];
  /** The calls that other replicas passed on to it, oldest first. */
  readonly passed: CallRecord[];
  /** The headers of these calls. */
  readonly begun: Headers[];
  /** Closes its listeners at once, as its death does. */
  die(): Promise<void>;
}

interface ReplicaSet extends AsyncDisposable {
  readonly assignments: Assignments;
  readonly index: Index;
  readonly blobs: BlobStore;
  readonly clock: { now: number };
  /** Adds a process. */
  add(options?: ReplicaOptions): Promise<Replica>;
}

export interface ReplicaOptions {
  /** Default: that of the others. */
  readonly secret?: Uint8Array;
  readonly store?: Partial<StoreOptions>;
  /** The wall clock. Default: the real one. */
  readonly now?: () => number;
  /** Default: callers are guests. */
  readonly authenticate?: Authenticate;
  /** The certificate of all its listeners. Its own client then speaks TLS without comparing it. Default: in clear. */
  readonly tls?: Tls;
  /** Returns the trace of what this process does at the moment. Default: none. */
  readonly traceparent?: () => string | undefined;
  /** Called before each transaction of this process, and waited for. */
  readonly beforeTransaction?: (ns: string) => Promise<unknown> | undefined;
}

export const testSecret = new TextEncoder().encode('a secret of the replicas in tests, 1234');

/** The index as one process has it: transactions about the namespaces of others are refused. */
function sharedIndex(
  { index, assignments }: Pick<Shared, 'index' | 'assignments'>,
  owners: Owners,
  address: string,
  beforeTransaction: ReplicaOptions['beforeTransaction'],
): Index {
  return new Proxy(index, {
    get(real, property) {
      if (property === 'owners') return owners;
      if (property === 'close' || property === Symbol.asyncDispose) return async () => undefined;
      const value = Reflect.get(real, property, real);
      if (property === 'transact')
        return async (transaction: Parameters<Index['transact']>[0]) => {
          await beforeTransaction?.(transaction.ns);
          const owner = assignments.ownerOf(transaction.ns);
          if (owner !== undefined && owner !== address) throw notOwner(transaction.ns, owner);
          return await real.transact(transaction);
        };
      return typeof value === 'function' ? value.bind(real) : value;
    },
  });
}

/** Opens a store for several processes; they are closed with it. */
export async function openReplicaSet(): Promise<ReplicaSet> {
  const clock = { now: startOfTime };
  const index = await openMemoryIndex({ clock: () => clock.now });
  const blobs = openMemoryBlobs();
  const assignments = new Assignments();
  const opened: AsyncDisposable[] = [];
  return {
    assignments,
    index,
    blobs,
    clock,
    add: async (options = {}) => {
      const replica = await openReplica({ index, blobs, clock, assignments }, options);
      opened.push(replica);
      return replica;
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of opened) await one[Symbol.asyncDispose]();
      await index.close();
    },
  };
}

type Shared = Pick<ReplicaSet, 'index' | 'blobs' | 'clock' | 'assignments'>;

async function openReplica(shared: Shared, options: ReplicaOptions): Promise<Replica> {
  const address = await freeAddress();
  const { assignments, blobs, clock } = shared;
  const forgotten: string[] = [];
  const owners = assignments.asSeenAt(address, forgotten);
  const index = sharedIndex(shared, owners, address, options.beforeTransaction);
  const { secret = testSecret, now, tls, traceparent } = options;
  const isSecured = tls !== undefined;
  const replicas = openReplicas({ secret, address, isSecured, traceparent, ...(now && { now }) });
  const stored = { index, blobs, remoteCommits: replicas.remoteCommits, removesStale: false };
  const store: Store = await openStore({ ...stored, ...options.store });
  const [calls, passed, begun]: [CallRecord[], CallRecord[], Headers[]] = [[], [], []];
  const { authenticate } = options;
  const common = { store: () => store, elapsed: () => performance.now(), authenticate };
  const passedOn = replicaRoutes({
    ...common,
    deciding: replicas.entrance(() => store),
    onCall: (record) => passed.push(record),
    onStart: ({ headers }) => {
      begun.push(headers);
      return undefined;
    },
  });
  const all = routes({
    ...common,
    deciding: replicas.passing(() => store),
    onCall: (record) => calls.push(record),
  });
  const server = await startTestServer(all, {
    http: { host: '127.0.0.1', port: 0 },
    tls,
    replicas: { address: parseAddress(address)!, routes: passedOn },
  });
  const opening = isSecured ? openSecured(server.addresses.grpc) : openTransport(server.addresses.grpc);
  const die = async () => {
    await server.force();
  };
  return {
    ...clientsOf(opening.transport),
    transport: opening.transport,
    store,
    index,
    blobs,
    clock,
    calls,
    address,
    server,
    forgotten,
    passed,
    begun,
    die,
    [Symbol.asyncDispose]: async () => {
      opening[Symbol.dispose]();
      replicas[Symbol.dispose]();
      await die();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Over TLS, without a look at the certificate. */
function openSecured(address: string): TestTransport {
  const baseUrl = `https://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl, {}, { rejectUnauthorized: false });
  const transport = createGrpcTransport({ baseUrl, sessionManager, acceptCompression: [] });
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
}
