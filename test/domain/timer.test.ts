import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { later, sleep } from '../../src/client/wire/timer.ts';
import { afterAwaitedTime, afterRealTime, pause, turn } from '../../src/domain/timer.ts';

// What runs after every test checks that Node does not warn.
describe.each(Object.entries({ afterRealTime, afterAwaitedTime, later }))('%s', (_name, after) => {
  const run = (delayMs: number) => new Promise<void>((resolve) => after(delayMs, resolve));
  /** A timer of Node that was set now has run: one that Node has cut to a millisecond has run before. */
  const timers = () => new Promise((resolve) => setTimeout(resolve, 1));

  it.each([0, -0, -3, -(2 ** 40), Number.NEGATIVE_INFINITY, Number.NaN])(
    'runs at once what was due %d ms ahead',
    async (delayMs) => {
      const kept = setTimeout(() => undefined, 60_000);
      await run(delayMs);
      clearTimeout(kept);
    },
  );

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 3652500 * 86_400_000, Number.POSITIVE_INFINITY])(
    'does not run at once what is due in %d ms',
    async (delayMs) => {
      let hasRun = false;
      const cancel = after(delayMs, () => {
        hasRun = true;
      });
      await timers();
      cancel();
      expect(hasRun).toBe(false);
    },
  );

  it('waits to the millisecond for what Node cannot wait for at once, and can be told not to', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const ran: string[] = [];
    after(2 ** 32 + 5, () => ran.push('one'));
    const cancel = after(2 ** 32 + 5, () => ran.push('other'));
    vi.advanceTimersByTime(2 ** 32 + 4);
    expect(ran).toEqual([]);
    cancel();
    vi.advanceTimersByTime(1);
    expect(ran).toEqual(['one']);
    vi.advanceTimersByTime(2 ** 33);
    expect([ran, vi.getTimerCount()]).toEqual([['one'], 0]);
  });
});

it('a pause ends when it is told to', async () => {
  const stop = new AbortController();
  const pausing = [
    pause(2 ** 40, stop.signal),
    sleep(2 ** 40, stop.signal).catch((reason: unknown) => reason),
  ];
  stop.abort('stop');
  expect(await Promise.all(pausing)).toEqual([undefined, 'stop']);
  expect(await pause(2 ** 40, stop.signal)).toBeUndefined();
  await expect(sleep(2 ** 40, stop.signal)).rejects.toBe('stop');
  expect([await pause(-1), await sleep(Number.NaN, undefined)]).toEqual([undefined, undefined]);
});

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
