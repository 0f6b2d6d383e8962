/** How many calls may be open: each connection has a share when they are many, and all of it comes back. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { OpenCalls } from '../../../src/api/sending/open-calls.ts';
import { limits } from '../../../src/domain/limits.ts';

const connection = () => Object.assign(new EventEmitter(), { destroyed: false }) as unknown as Socket;
const head = (bytes: number) => ['x', 'v'.repeat(bytes - 1)];

/** Room for ten with short headers. */
function opened() {
  const calls = new OpenCalls(10 * (limits.openCallBytes + 100));
  const begin = (on: Socket, headBytes = 100) => calls.begin(on, head(headBytes));
  return { begin };
}

it('one connection may have all, and leaves others their share', () => {
  const { begin } = opened();
  const [first, second] = [connection(), connection()];
  const ends = Array.from({ length: 10 }, () => begin(first));
  expect(ends.every((end) => end !== undefined)).toBe(true);
  expect(begin(first)).toBeUndefined();
  for (let at = 0; at < 5; at++) expect(begin(second)).toBeDefined();
  expect(begin(second)).toBeUndefined();
  ends[0]?.();
  ends[0]?.();
  expect(begin(first)).toBeUndefined();
});

it('what has ended makes room, also with its connection, once', () => {
  const { begin } = opened();
  const [first, second] = [connection(), connection()];
  const ends = Array.from({ length: 9 }, () => begin(first));
  for (const end of ends.slice(0, 4)) end?.();
  first.emit('close');
  for (const end of ends) end?.();
  for (let at = 0; at < 10; at++) expect(begin(second)).toBeDefined();
  expect(begin(second)).toBeUndefined();
});

it('long headers count', () => {
  const { begin } = opened();
  const only = connection();
  let open = 0;
  while (begin(only, 64 * 1024) !== undefined) open++;
  expect(open).toBe(3);
});

it('nobody counts what came by a connection that has gone', () => {
  const { begin } = opened();
  const gone = Object.assign(connection(), { destroyed: true });
  for (let at = 0; at < 20; at++) expect(begin(gone)).toBeDefined();
  const other = connection();
  for (let at = 0; at < 10; at++) expect(begin(other)).toBeDefined();
});
