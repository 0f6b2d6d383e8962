/** What a cursor of a reading is bound to, and what one call reads. */
import { Buffer } from 'node:buffer';
import { expect, it, onTestFinished } from 'vitest';
import { openMemoryBlobs } from '../../../src/blobs/memory.ts';
import type { Principal } from '../../../src/domain/principal.ts';
import { openMemoryIndex } from '../../../src/index/memory/memory.ts';
import type { Window } from '../../../src/reading/window.ts';
import { withBlobs } from '../../support/blobs.ts';
import { openCheckedStore } from '../../support/row-owners.ts';
import { principalOf, specOf, target, tester } from '../../support/specs.ts';

const lines: Window = { kind: 'lines', first: 1, count: undefined };
const MiB = 1024 * 1024;

async function opened() {
  const memory = openMemoryBlobs();
  const reads: (readonly [offset: number, length: number])[] = [];
  let open = 0;
  const blobs = withBlobs(memory, {
    read: async function* (name, offset, length, signal) {
      reads.push([offset, length]);
      open++;
      try {
        yield* memory.read(name, offset, length, signal);
      } finally {
        open--;
      }
    },
  });
  const store = await openCheckedStore({ index: await openMemoryIndex(), blobs });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return { store, reads, open: () => open };
}

it('is bound to the caller', async () => {
  const { store } = await opened();
  await store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from('one\ntwo\nthree\n'));
  const read = (by: Principal, cursor: string) =>
    store.readings.read(by, target('s', 'a'), { window: lines, bytesMax: 4, cursor });
  const { nextCursor } = await read(tester, '');
  await expect(read(principalOf({ subject: 'somebody else' }), nextCursor)).rejects.toMatchObject({
    reason: 'PAGE_TOKEN_INVALID',
    violations: [{ field: 'cursor' }],
  });
  expect(await read(tester, nextCursor)).toMatchObject({ content: { text: 'two\n' }, firstLine: 2 });
});

it('goes on at its byte, and lets go of what was opened', async () => {
  const { store, reads, open } = await opened();
  const line = `${'x'.repeat(99)}\n`;
  await store.uploads.create(tester, specOf({ session: 's', name: 'a' }), Buffer.from(line.repeat(50_000)));
  const read = (cursor: string) =>
    store.readings.read(tester, target('s', 'a'), {
      window: { ...lines, first: 40_000 },
      bytesMax: 150,
      cursor,
    });
  const { nextCursor, firstLine } = await read('');
  expect(firstLine).toBe(40_000);
  expect(reads).toEqual([[0, 5_000_000]]);
  expect(await read(nextCursor)).toMatchObject({ content: { text: line }, firstLine: 40_001 });
  // 40,000 lines of 100 bytes lie in the fourth block.
  expect(reads.slice(1)).toEqual([[3 * MiB, 5_000_000 - 3 * MiB]]);
  expect(open()).toBe(0);
});

it('reads the end of a content for its last lines, and of the rest only how it is encoded', async () => {
  const { store, reads, open } = await opened();
  await store.uploads.create(
    tester,
    specOf({ session: 's', name: 'a' }),
    Buffer.concat([Buffer.alloc(65 * MiB, 'a\n'), Buffer.from('last\n')]),
  );
  const { content, firstLine } = await store.readings.read(tester, target('s', 'a'), {
    window: { kind: 'tail', lines: 1 },
    bytesMax: 1024,
    cursor: '',
  });
  expect(content).toEqual({ text: 'last\n' });
  expect(firstLine).toBeUndefined();
  expect(reads.map(([offset]) => offset)).toEqual([0, 64 * MiB]);
  expect(open()).toBe(0);
});

it('answers after 64 MiB with nothing, and goes on', async () => {
  const { store } = await opened();
  await store.uploads.create(
    tester,
    specOf({ session: 's', name: 'a' }),
    Buffer.concat([Buffer.alloc(65 * MiB, 'b'), Buffer.from('\na needle\n')]),
  );
  const window: Window = {
    kind: 'grep',
    pattern: 'needle',
    ignoreCase: false,
    before: 0,
    after: 0,
    matchesMax: 10,
    invert: false,
  };
  const read = (cursor: string) =>
    store.readings.read(tester, target('s', 'a'), { window, bytesMax: 1024, cursor });
  const first = await read('');
  expect(first).toMatchObject({ content: { text: '' }, matches: [], endOffset: 64 * MiB });
  expect(await read(first.nextCursor)).toMatchObject({
    content: { text: 'a needle\n' },
    matches: [{ line: 2, offset: 65 * MiB + 1, textLine: 1 }],
    nextCursor: '',
  });
});
