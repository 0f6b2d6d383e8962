import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { turn } from '../../src/domain/timer.ts';

it('gives each of those who wait a turn of their own, in their order', async () => {
  const seen: string[] = [];
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const work = async (name: string) => {
    for (let step = 0; step < 3; step++) {
      await turn();
      seen.push(`${name}${step}@${turns}`);
    }
  };
  await Promise.all(['a', 'b', 'c'].map(work));
  isOver = true;
  expect(seen.map((text) => text.slice(0, 2))).toEqual([
    'a0',
    'b0',
    'c0',
    'a1',
    'b1',
    'c1',
    'a2',
    'b2',
    'c2',
  ]);
  expect(new Set(seen.map((text) => text.slice(3))).size).toBe(9);
});

it('lets sockets be served in between', async () => {
  const server = createServer((socket) => socket.end('x'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let isAnswered = false;
  socket.once('data', () => {
    isAnswered = true;
  });
  for (let steps = 0; !isAnswered && steps < 1_000_000; steps++) await turn();
  expect(isAnswered).toBe(true);
  socket.destroy();
  await once(server.close(), 'close');
});
