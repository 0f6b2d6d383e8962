/** Watches over a store in memory, with the clock and the timers in the test's hands. */
import { onTestFinished } from 'vitest';
import { parseSessionId } from '../../../src/domain/names.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import type { StoreOptions } from '../../../src/store/open.ts';
import type { WatchEvent, WatchRequest } from '../../../src/store/watch/watches.ts';
import { openTestStore, type TestStore } from '../../support/service.ts';
import { specOf, tester } from '../../support/specs.ts';
import { TestTimers } from '../../support/timers.ts';

export interface Opened extends TestStore {
  readonly timers: TestTimers;
}

export async function opened(options: Partial<StoreOptions> = {}): Promise<Opened> {
  const timers = new TestTimers();
  const store = { ...(await openTestStore({ ...options, after: timers.after })), timers };
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

export const session = parseSessionId('session', 's');

export function push({ store }: TestStore, name: string, content = name, ttlMs?: number) {
  return store.uploads.create(tester, specOf({ session: 's', name, ttlMs }), Buffer.from(content));
}

interface By {
  readonly by?: Principal;
  readonly signal?: AbortSignal;
}

/** A watch, without the heartbeat that it begins with where it has nothing to tell. */
export function watch(
  store: TestStore,
  request: Partial<WatchRequest> = {},
  by: By = {},
): AsyncIterator<WatchEvent> {
  const events = wholeWatch(store, request, by);
  let isFirst = true;
  return {
    next: async () => {
      const next = await events.next();
      const isGreeting = isFirst && next.done !== true && next.value.what.kind === 'heartbeat';
      isFirst = false;
      return isGreeting ? await events.next() : next;
    },
    return: async () => (await events.return?.()) ?? { done: true, value: undefined },
  };
}

/** A watch as callers see it. */
export function wholeWatch(
  { store }: TestStore,
  request: Partial<WatchRequest> = {},
  { by = tester, signal = new AbortController().signal }: By = {},
): AsyncIterator<WatchEvent> {
  const wanted = { session, after: 0, sealOnly: false, waitForOpen: false, ...request };
  return store.watch(by, wanted, signal)[Symbol.asyncIterator]();
}

export function told({ sequence, what }: WatchEvent): string {
  return what.kind === 'committed' ? `${sequence} ${what.artifact.name}` : `${sequence} ${what.kind}`;
}

export async function take(events: AsyncIterator<WatchEvent>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await events.next();
    if (next.done) return [...taken, 'end'];
    taken.push(told(next.value));
  }
  return taken;
}
