/** How long, and how much, is read of a body that nobody wants. */
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { Leftover } from '../../../src/server/messages/leftover.ts';
import { TestTimers } from '../../support/timers.ts';

const KiB = 1024;
const GiB = 1024 ** 3;

/** A body whose bytes are counted and never made, and its client. */
class Body extends EventEmitter {
  bytes = 1_000;
  isGone = false;
  isWhole = false;
  isRead = false;

  readonly sender = {
    isWhole: () => this.isWhole,
    bytesRead: () => {
      if (this.isGone) throw new Error('the session was destroyed');
      return this.bytes;
    },
  };

  resume(): void {
    this.isRead = true;
  }
}

function opened() {
  const timers = new TestTimers();
  const body = new Body();
  const ends: boolean[] = [];
  const leftover = new Leftover(body, body.sender, (isWhole) => ends.push(isWhole), timers.after);
  /** So many bytes come in each second, for so many seconds. */
  const come = (bytes: number, seconds: number) => {
    for (let at = 0; at < seconds; at++) {
      body.bytes += bytes;
      timers.advance(1_000);
    }
  };
  return { timers, body, ends, leftover, come };
}

it('all of it, however slowly it comes', () => {
  const { timers, body, ends, come } = opened();
  expect(body.isRead).toBe(true);
  come(KiB, 240);
  expect(ends).toEqual([]);
  body.isWhole = true;
  body.emit('end');
  body.emit('close');
  expect(ends).toEqual([true]);
  expect(timers.count).toBe(0);
  expect(body.eventNames()).toEqual([]);
});

it('with pauses of less than ten seconds', () => {
  const { ends, come } = opened();
  for (let at = 0; at < 10; at++) {
    come(0, 9);
    come(1, 1);
  }
  expect(ends).toEqual([]);
  come(0, 10);
  expect(ends).toEqual([false]);
});

it('for five minutes', () => {
  const { timers, ends, come } = opened();
  come(KiB, 299);
  expect(ends).toEqual([]);
  come(KiB, 1);
  expect(ends).toEqual([false]);
  expect(timers.count).toBe(0);
});

it('5 GiB', () => {
  const { ends, come } = opened();
  come(GiB, 5);
  expect(ends).toEqual([]);
  come(1, 1);
  expect(ends).toEqual([false]);
});

it('until the client has gone', () => {
  const { timers, body, ends } = opened();
  body.emit('close');
  expect(ends).toEqual([false]);
  expect(timers.count).toBe(0);
});

it('until the connection of HTTP/2 has gone, also if the stream is not told', () => {
  const { timers, body, ends } = opened();
  body.isGone = true;
  timers.advance(1_000);
  expect(ends).toEqual([false]);
  expect(timers.count).toBe(0);
});

it('for two seconds when the service stops, with no pause of 100 ms', () => {
  for (const pauseAt of [undefined, 3]) {
    const { timers, body, ends, leftover, come } = opened();
    come(KiB, 60);
    leftover.hurry();
    for (let at = 0; at < 19 && at !== pauseAt; at++) {
      body.bytes += KiB;
      timers.advance(100);
    }
    expect(ends).toEqual([]);
    if (pauseAt === undefined) body.bytes += KiB;
    timers.advance(100);
    expect(ends).toEqual([false]);
    expect(timers.count).toBe(0);
  }
});
