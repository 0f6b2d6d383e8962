/** Short forms for tests of how things end. */
import type { Artifact } from '../../src/domain/artifact.ts';
import { Failure } from '../../src/domain/errors.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Retention } from '../../src/domain/retention.ts';
import type { Session } from '../../src/domain/session.ts';
import type { ReapResult } from '../../src/store/upkeep/reaper.ts';
import type { TestStore } from '../support/service.ts';
import { queryOf, sessionNamed, specOf, target, tester } from '../support/specs.ts';

export const second = 1_000;
export const hour = 3_600 * second;
export const day = 24 * hour;

/** Enough for whatever a test has. */
export const everything = { limit: 100_000 };

/** What a call is refused with, or `OK`. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    if (error instanceof Failure) return error.reason;
    throw error;
  }
}

export interface Rig extends TestStore {
  push(session: string, name: string, options?: PushOptions): Promise<Artifact>;
  open(session: string, options?: OpenOptions): Promise<Session>;
  seal(session: string, outcome?: Outcome): Promise<Session>;
  session(id: string): Promise<Session>;
  get(session: string, name: string): Promise<Artifact>;
  /** Names of what the session lists. */
  names(session: string): Promise<string[]>;
  remove(session: string): Promise<boolean>;
  reap(): Promise<ReapResult>;
  /** Moves the clock. */
  pass(ms: number): void;
}

interface PushOptions {
  readonly bytes?: string;
  readonly ttlMs?: number | undefined;
  readonly requestId?: string;
}

interface OpenOptions {
  readonly metadata?: Record<string, string>;
  readonly retention?: Retention;
  readonly leaseMs?: number;
}

/** Over a store that the caller looks after. */
export function rigOver(opened: TestStore): Rig {
  const { store, clock } = opened;
  const idOf = (session: string) => sessionNamed(session).id;
  return {
    ...opened,
    push: async (session, name, { bytes = `${session}/${name}`, ...rest } = {}) => {
      const spec = specOf({ session, name, ...rest });
      return (await store.uploads.create(tester, spec, Buffer.from(bytes))).artifact;
    },
    open: async (session, { metadata, retention, leaseMs } = {}) => {
      const spec = { ...sessionNamed(session, metadata), retention, leaseMs };
      return (await store.sessions.open(tester, spec)).session;
    },
    seal: async (session, outcome = 'succeeded') =>
      (await store.seals.seal(tester, idOf(session), outcome)).session,
    session: (id) => store.sessions.get(tester, idOf(id)),
    get: (session, name) => store.artifacts.get(tester, target(session, name)),
    names: async (session) => {
      const page = await store.listing.artifacts(tester, queryOf(session));
      return page.items.map(({ name }) => name).sort();
    },
    remove: (session) => store.sessions.delete(tester, idOf(session)),
    reap: () => store.reaper.reap(everything),
    pass: (ms) => {
      clock.now += ms;
    },
  };
}
