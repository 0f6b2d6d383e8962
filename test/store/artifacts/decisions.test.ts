/**
 * The decision of a push is begun once, and resumed with the rows that it turns out to need: on an engine whose reads
 * are synchronous as on one where all other transactions wait for them.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import type { Index } from '../../../src/index/door.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import { someBytes } from '../../support/calls.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { digestOf, sessionNamed, specOf, target, tester } from '../../support/specs.ts';

/** The same index; each transaction adds to `begun` how often its decision was. */
function counting(index: Index, begun: number[]): Index {
  const transact: Index['transact'] = (transaction) => {
    const at = begun.push(0) - 1;
    return index.transact({
      ...transaction,
      decide: (tx) => {
        begun[at]!++;
        return transaction.decide(tx);
      },
    });
  };
  return new Proxy(index, {
    get: (inner, name) => {
      if (name === 'transact') return transact;
      const value = Reflect.get(inner, name, inner);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

/** By one random byte the index in memory decides whether it runs a decision twice: by this one it never does. */
const neverTwice = (length: number) => (length === 1 ? Uint8Array.of(0) : randomBytes(length));

/** A session `s` with two versions of `a` and an artifact `b`, a session `opened` without any, and a request id. */
async function filled(readsWait: boolean) {
  const begun: number[] = [];
  const index = counting(await openMemoryIndex({ random: neverTwice, readsWait }), begun);
  const store = await openCheckedStore({ index, blobs: openMemoryBlobs(), inlineBytesMax: 64 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const push = (name: string, bytes: string | Uint8Array, more: Partial<Parameters<typeof specOf>[0]> = {}) =>
    store.uploads.create(tester, specOf({ session: 's', name, ...more }), Buffer.from(bytes));
  await push('a', 'first');
  await push('a', 'second', { requestId: 'known' });
  await push('b', someBytes(1_000));
  await push('in another session', 'x', { session: 't' });
  await store.sessions.open(tester, sessionNamed('opened', { agent: 'x' }));
  const inputs = await Promise.all(
    [target('s', 'b'), target('t', 'in another session')].map((one) => store.artifacts.get(tester, one)),
  );
  const pushDigest = (name: string) =>
    store.uploads.createByDigest(tester, specOf({ session: 's', name }), digestOf(someBytes(1_000)));
  /** How often the decision of the last transaction was begun, which is the commit. */
  const counted = async (work: Promise<unknown>) => {
    await work;
    return begun.at(-1)!;
  };
  return { push, pushDigest, counted, inputs: inputs.map(({ id }) => id) };
}

type Filled = Awaited<ReturnType<typeof filled>>;

const pushes: [what: string, push: (filled: Filled) => Promise<unknown>][] = [
  ['into a new session', ({ push }) => push('a', 'x', { session: 'new' })],
  ['into a session that was opened', ({ push }) => push('a', 'x', { session: 'opened' })],
  ['of a new name', ({ push }) => push('c', 'x')],
  ['of a new version', ({ push }) => push('a', 'third')],
  ['of the same bytes', ({ push }) => push('a', 'second')],
  ['of bytes that another name has', ({ push }) => push('c', 'second')],
  ['of a file', ({ push }) => push('c', someBytes(2_000, 2))],
  ['of a file that another name has', ({ push }) => push('c', someBytes(1_000))],
  ['by a digest', ({ pushDigest }) => pushDigest('c')],
  ['with inputs', ({ push, inputs }) => push('c', 'x', { inputs })],
  ['of a new version, with inputs', ({ push, inputs }) => push('a', 'x', { inputs })],
  ['again, with its request id', ({ push }) => push('a', 'second', { requestId: 'known' })],
];

describe.each([
  ['an engine whose reads are synchronous', false],
  ['an engine whose reads wait', true],
])('by %s', (_engine, readsWait) => {
  it.each(pushes)('the decision of a push %s is begun once', async (_what, work) => {
    const there = await filled(readsWait);
    expect(await there.counted(work(there))).toBe(1);
  });
});
