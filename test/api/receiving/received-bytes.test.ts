/** What has come of requests: who is read from while it is much, who loses room, and that all of it comes back. */
import { expect, it } from 'vitest';
import { ReceivedBytes } from '../../../src/api/receiving/received-bytes.ts';
import type { ReceivedRequest } from '../../../src/api/receiving/received-request.ts';
import type { Payer } from '../../../src/domain/principal.ts';

/** Free are 1,000 bytes, 9 of each connection, and there are at most 2,000. */
function opened() {
  const looks: (() => void)[] = [];
  const after = (_ms: number, task: () => void) => {
    looks.push(task);
    return () => undefined;
  };
  let droppedBytes = 0;
  const received = new ReceivedBytes({
    after,
    bytesFree: 1_000,
    bytesMax: 2_000,
    connectionBytesFree: 9,
    onDropped: (bytes) => {
      droppedBytes += bytes;
    },
  });
  /** A connection of somebody. */
  const connection = (name: string, group = 'ns') => {
    const key = {};
    const payer: Payer = { group, name };
    const state = { isRead: true, refused: [] as number[], reasons: [] as string[], count: 0 };
    const bringer = () => ({
      address: undefined,
      payer: () => payer,
      stop: () => {
        state.isRead = false;
      },
      goOn: () => {
        state.isRead = true;
      },
    });
    const open = (bytes = 0): ReceivedRequest => {
      const at = state.count++;
      const request = received.open(key, bringer, (error) => {
        state.refused.push(at);
        state.reasons.push(error.rawMessage);
      });
      request.take(bytes);
      return request;
    };
    return { open, state, close: () => received.forget(key) };
  };
  return {
    received,
    connection,
    look: (times = 1) => {
      for (let count = 0; count < times; count++) looks.shift()?.();
    },
    looks,
    dropped: () => droppedBytes,
  };
}

it('all are read from while there is room', () => {
  const { received, connection, looks } = opened();
  const all = [connection('a'), connection('b'), connection('a')];
  for (const one of all) one.open(300);
  expect(all.map(({ state }) => state.isRead)).toEqual([true, true, true]);
  expect([received.bytes, looks.length]).toEqual([900, 0]);
});

it('of whoever has more than a share one connection goes on, and another when that is dealt with', () => {
  const { received, connection } = opened();
  const [first, second, third] = [connection('a'), connection('a'), connection('a')];
  const requests = [first.open(500), second.open(400), third.open(300)];
  // Whoever brought the byte that was too many goes on.
  expect([first, second, third].map(({ state }) => state.isRead)).toEqual([true, true, true]);
  requests[0]!.take(10);
  requests[1]!.take(10);
  expect([first, second, third].map(({ state }) => state.isRead)).toEqual([false, false, true]);
  requests[2]!.take(100);
  expect(third.state.isRead).toBe(true);
  // The third has its message.
  requests[2]!.give(50);
  expect([first, second].map(({ state }) => state.isRead)).toEqual([true, false]);
  requests[0]!.give(510);
  expect([first, second].map(({ state }) => state.isRead)).toEqual([true, true]);
  expect(received.stoppedCount).toBe(0);
});

it('whoever has less than a share is always read from', () => {
  const { connection } = opened();
  const greedy = Array.from({ length: 10 }, () => connection('a'));
  for (const one of greedy) one.open(150);
  expect(greedy.filter(({ state }) => !state.isRead).length).toBe(3);
  const modest = connection('b');
  const request = modest.open(400);
  expect(modest.state.isRead).toBe(true);
  request.take(100);
  expect(modest.state.isRead).toBe(true);
  request.take(1);
  // More than half, and the only one of its payer: it goes on, but others of it would not.
  const another = connection('b');
  another.open(10);
  expect([modest.state.isRead, another.state.isRead]).toEqual([true, false]);
});

it('whoever brings little is always read from', () => {
  const { connection } = opened();
  connection('a').open(1_001);
  const [little, more] = [connection('a'), connection('a')];
  little.open(9);
  more.open(10);
  expect([little.state.isRead, more.state.isRead]).toEqual([true, false]);
});

it('what others wait for is ended when it gets no further, one at a time', () => {
  const { received, connection, look, dropped } = opened();
  const [first, second, third] = [connection('a'), connection('a'), connection('a')];
  const one = first.open(1_001);
  second.open(200);
  third.open(100);
  expect([second.state.isRead, third.state.isRead]).toEqual([false, false]);
  look(7);
  one.take(1);
  look(8);
  expect(first.state.refused).toEqual([]);
  look();
  expect(first.state.refused).toEqual([0]);
  expect(first.state.reasons).toEqual([
    'this request was ended to free memory for other callers; try again in a moment',
  ]);
  expect([second.state.isRead, third.state.isRead]).toEqual([true, true]);
  expect([received.bytes, received.endedCount, dropped()]).toEqual([300, 1, 1_002]);
  // What still comes of it is nobody's.
  one.take(500);
  expect(received.bytes).toBe(300);
});

it('one that brings a little is not waited for for ever', () => {
  const { connection, look } = opened();
  const [slow, other] = [connection('a'), connection('a')];
  const request = slow.open(1_001);
  other.open(10);
  for (let count = 0; count < 39; count++) {
    request.take(1);
    look();
  }
  expect(slow.state.refused).toEqual([]);
  request.take(1);
  look();
  expect(slow.state.refused).toEqual([0]);
  expect(other.state.isRead).toBe(true);
});

it('where nobody waits nothing is ended, however slow', () => {
  const { connection, look } = opened();
  const only = connection('a');
  only.open(1_200);
  look(100);
  expect(only.state).toMatchObject({ refused: [], isRead: true });
});

it('one connection with many requests is stopped before it is full, and goes on when something is dealt with', () => {
  const { connection, look } = opened();
  const only = connection('a');
  const requests = Array.from({ length: 16 }, () => only.open(100));
  expect(only.state).toMatchObject({ refused: [], isRead: false });
  look(7);
  expect(only.state.refused).toEqual([]);
  requests[3]!.give(50);
  expect(only.state.isRead).toBe(true);
  requests[3]!.take(50);
  expect(only.state.isRead).toBe(false);
  look(8);
  expect(only.state.refused).toEqual([]);
  look();
  // Nothing was dealt with: one is ended, and the connection is read again.
  expect(only.state.refused.length).toBe(1);
});

it('with too much, whoever has most loses most, by groups first', () => {
  const { received, connection } = opened();
  const large = connection('a', 'one');
  const [left, right] = [connection('b', 'two'), connection('c', 'two')];
  large.open(900);
  left.open(400);
  left.open(100);
  right.open(450);
  const asking = connection('d', 'three');
  asking.open(200);
  expect([large, left, right, asking].map(({ state }) => state.refused)).toEqual([[], [0], [], []]);
  expect(received.bytes).toBe(1_650);
});

it('a request alone may be ended for its own size, and its connection goes on', () => {
  const { received, connection } = opened();
  const only = connection('a');
  only.open(2_001);
  expect([only.state.refused, received.bytes]).toEqual([[0], 0]);
  only.open(10);
  expect([only.state.isRead, received.bytes]).toEqual([true, 10]);
});

it('all comes back by the end of requests and of connections, once', () => {
  const { received, connection } = opened();
  const [first, second] = [connection('a'), connection('a')];
  const requests = [first.open(600), first.open(300), second.open(200), second.open(100)];
  second.close();
  second.close();
  for (const request of requests) {
    request.close();
    request.close();
    request.give(10);
    request.take(10);
  }
  expect([received.bytes, received.stoppedCount, received.bytesPeak]).toEqual([0, 0, 1_200]);
  expect(first.state.isRead).toBe(true);
});

it('tells a request whether its connection was read from all the time', () => {
  const { connection } = opened();
  const slow = connection('a');
  const before = slow.open(900);
  expect(before.isExcused(1_000)).toBe(false);
  const other = connection('a').open(300);
  const last = slow.open(200);
  expect(slow.state.isRead).toBe(false);
  expect(before.isExcused(1_000)).toBe(true);
  other.close();
  before.give(900);
  expect(slow.state.isRead).toBe(true);
  // It was stopped after the last question, and not after this one.
  expect(before.isExcused(1_000)).toBe(true);
  expect(before.isExcused(1_000)).toBe(false);
  expect(last.isExcused(1_000)).toBe(true);
});

it('excuses a request while its connection brings what all of its requests must bring', () => {
  const { connection } = opened();
  const { open } = connection('a');
  const silent = open(10);
  const busy = open();
  silent.isExcused(0);
  const bring = (bytes: number) => {
    busy.take(bytes);
    busy.give(bytes);
  };
  // 16 KiB a second for each of the two, in ten seconds.
  for (let kibibytes = 0; kibibytes < 2 * 16 * 10 - 1; kibibytes++) for (let at = 0; at < 2; at++) bring(512);
  expect(silent.isExcused(10_000)).toBe(false);
  for (let kibibytes = 0; kibibytes < 2 * 16 * 10; kibibytes++) for (let at = 0; at < 2; at++) bring(512);
  expect(silent.isExcused(10_000)).toBe(true);
  expect(silent.isExcused(10_000)).toBe(false);
});

it('is pressed while connections may be stopped', () => {
  const { connection } = opened();
  const request = connection('a').open(1_000);
  expect(request.isPressed).toBe(false);
  request.take(1);
  expect(request.isPressed).toBe(true);
  request.give(1);
  expect(request.isPressed).toBe(false);
});

it('ends a request only after the bytes that are being received are handed over', () => {
  const tasks: (() => void)[] = [];
  const received = new ReceivedBytes({
    after: () => () => undefined,
    later: (task) => void tasks.push(task),
    bytesFree: 10,
    bytesMax: 20,
  });
  const reasons: string[] = [];
  const bringer = () => ({ address: undefined, payer: () => undefined, stop: () => {}, goOn: () => {} });
  const request = received.open({}, bringer, (error) => void reasons.push(error.rawMessage));
  request.take(21);
  expect(received).toMatchObject({ bytes: 0, endedCount: 1 });
  // More of it that comes meanwhile does not count.
  request.take(5);
  expect(received.bytes).toBe(0);
  expect(reasons).toEqual([]);
  for (const task of tasks) task();
  expect(reasons).toEqual([expect.stringContaining('this request was ended to free memory')]);
});
