/** Opens a real store behind one of its listeners, with a clock that the test moves. */
import { type Client, createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import { expect, onTestFinished } from 'vitest';
import { ArtifactService } from '../../gen/artifacta/v1/artifact_service_pb.ts';
import { SessionService } from '../../gen/artifacta/v1/session_service_pb.ts';
import type { RedirectPolicy } from '../../src/api/downloads/redirects.ts';
import type { CallRecord } from '../../src/api/guard.ts';
import { routes } from '../../src/api/routes.ts';
import type { BlobStore } from '../../src/blobs/blob-store.ts';
import { openMemoryBlobs } from '../../src/blobs/memory.ts';
import { limits } from '../../src/domain/limits.ts';
import type { Index } from '../../src/index/door.ts';
import { openMemoryIndex } from '../../src/index/memory/memory.ts';
import type { Store, StoreOptions } from '../../src/store/open.ts';
import { type Allowed, inconsistencies } from './naive.ts';
import { openCheckedStore } from './row-owners.ts';

/** 2026-01-02T03:04:05Z */
export const startOfTime = 1_767_323_045_000;

export interface TestStore extends AsyncDisposable {
  readonly store: Store;
  readonly index: Index;
  readonly blobs: BlobStore;
  /** What `now` is; only the test changes it. */
  readonly clock: { now: number };
}

/** @param openIndex opens an index with this clock. */
export async function openTestStore(
  options: Partial<StoreOptions> = {},
  openIndex: (clock: () => number) => Promise<Index> = (clock) => openMemoryIndex({ clock }),
): Promise<TestStore> {
  const clock = { now: startOfTime };
  const index = options.index ?? (await openIndex(() => clock.now));
  const blobs = options.blobs ?? openMemoryBlobs();
  const store = await openCheckedStore({ ...options, index, blobs });
  return { store, index, blobs, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

export interface Service extends TestStore {
  readonly transport: Transport;
  readonly artifacts: Client<typeof ArtifactService>;
  readonly sessions: Client<typeof SessionService>;
  /** Every call that ended, oldest first. */
  readonly calls: CallRecord[];
}

export type OpenService = (options?: Partial<StoreOptions>) => Promise<Service>;

/** Ends a test: whatever it did, every family must agree with the records, and nothing may be left staged. */
export async function closeChecked(service: Service, allowed: Allowed = {}): Promise<void> {
  const faults = await inconsistencies(service.index, service.blobs, allowed);
  const staged = service.blobs.stagedCount;
  await service[Symbol.asyncDispose]();
  expect(faults).toEqual([]);
  expect(staged).toBe(0);
}

/** Opens listeners that are closed, and checked, when the test that opened them has ended. */
export function checked(open: OpenService, allowed: Allowed = {}): OpenService {
  return async (options) => {
    const service = await open(options);
    onTestFinished(() => closeChecked(service, allowed));
    return service;
  };
}

/** What every transport serves: the routes over a test store. */
export function testRoutes(store: Store, calls: CallRecord[], redirects?: RedirectPolicy) {
  return routes({
    store: () => store,
    onCall: (record) => calls.push(record),
    elapsed: () => performance.now(),
    redirects,
  });
}

export function clientsOf(transport: Transport) {
  return {
    artifacts: createClient(ArtifactService, transport),
    sessions: createClient(SessionService, transport),
  };
}

/** The listener inside the process. */
export const openMemoryService: OpenService = (options) => openServiceOver(options);

/** The same over another index. */
export async function openServiceOver(...parts: Parameters<typeof openTestStore>): Promise<Service> {
  const opened = await openTestStore(...parts);
  const calls: CallRecord[] = [];
  const transport = createRouterTransport(testRoutes(opened.store, calls), {
    router: { readMaxBytes: limits.messageBytesMax },
  });
  return { ...opened, ...clientsOf(transport), transport, calls };
}
