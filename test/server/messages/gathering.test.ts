/** Pieces of a body that are joined: the bytes stay the same, none waits for long, and their memory is freed. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { gathered, gatheredBytes } from '../../../src/server/messages/gathering.ts';
import { RequestBody } from '../../../src/server/messages/request-body.ts';
import { someBytes } from '../../support/calls.ts';

const KiB = 1024;

/** Memory that nothing else uses, as that of a piece of HTTP/1.1. */
function owned(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

function cut(bytes: Uint8Array, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, at) => owned(bytes.subarray(at * size, (at + 1) * size)));
}

/** A body that consists of these pieces. */
function bodyOf(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): RequestBody {
  const request = Readable.from(pieces) as IncomingMessage;
  return new RequestBody(
    request,
    () => undefined,
    () => undefined,
  );
}

/** Counts the bytes that are handed on. */
function counter() {
  return {
    given: 0,
    isPressed: false,
    give(bytes: number) {
      this.given += bytes;
    },
  };
}

async function copies(body: RequestBody, received = counter()): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  for await (const bytes of gathered(body, { received })) taken.push(Buffer.from(bytes));
  expect(received.given).toBe(Buffer.concat(taken).length);
  return taken;
}

it.each([
  { size: 0, piece: 1 },
  { size: 10, piece: 3 },
  { size: 256 * KiB, piece: 64 * KiB },
  { size: 1024 * KiB + 5, piece: 60 * KiB + 1 },
  { size: 600 * KiB, piece: 255 * KiB },
])('$size bytes in pieces of $piece bytes are the same bytes', async ({ size, piece }) => {
  const bytes = someBytes(size);
  const taken = await copies(bodyOf(cut(bytes, piece)));
  expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  expect(taken).toHaveLength(Math.ceil(size / gatheredBytes));
  for (const whole of taken.slice(0, -1)) expect(whole.length).toBe(gatheredBytes);
});

it('cuts a piece that is larger than a message may be', async () => {
  const bytes = someBytes(4096 * KiB + 1);
  const taken = await copies(bodyOf([owned(bytes)]));
  expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  expect(taken.map(({ length }) => length)).toEqual([...Array(4).fill(1024 * KiB), 1]);
});

it('does not copy a piece that comes alone, and frees every piece but those that share their memory', async () => {
  const [alone] = cut(someBytes(100), 100);
  for await (const bytes of gathered(bodyOf([alone!]), { received: undefined }))
    expect(bytes.buffer).toBe(alone!.buffer);
  expect(alone).toHaveLength(0);
  const pieces = cut(someBytes(300 * KiB), 60 * KiB);
  const shared = Buffer.alloc(200).subarray(0, 100);
  await copies(bodyOf([...pieces, shared]));
  expect(pieces.map(({ length }) => length)).toEqual([0, 0, 0, 0, 0]);
  expect(shared).toHaveLength(100);
});

it('hands on at once while memory is short', async () => {
  const received = { ...counter(), isPressed: true };
  const taken = await copies(bodyOf(cut(someBytes(200 * KiB), 64 * KiB)), received);
  expect(taken.map(({ length }) => length / KiB)).toEqual([64, 64, 64, 8]);
});

it('hands on what has waited for too long, and takes the rest all the same', async () => {
  const more = Promise.withResolvers<void>();
  const pieces = cut(someBytes(30 * KiB), 10 * KiB);
  async function* body() {
    yield* pieces.slice(0, 2);
    await more.promise;
    yield* pieces.slice(2);
  }
  const timers: (() => void)[] = [];
  let cancelled = 0;
  const after = (_: number, task: () => void) => {
    timers.push(task);
    return () => void cancelled++;
  };
  const reading = gathered(bodyOf(body()), { received: undefined, after });
  const first = reading.next();
  while (timers.length === 0) await new Promise(setImmediate);
  // Both have come when the turns of their promises are over.
  await new Promise(setImmediate);
  timers[0]!();
  expect((await first).value).toHaveLength(20 * KiB);
  const second = reading.next();
  more.resolve();
  expect((await second).value).toHaveLength(10 * KiB);
  expect((await reading.next()).done).toBe(true);
  expect(timers).toHaveLength(2);
  expect(cancelled).toBeGreaterThanOrEqual(2);
});

it('throws the error of the body, also if it comes while other bytes are processed', async () => {
  const fail = Promise.withResolvers<never>();
  async function* body() {
    yield owned(someBytes(10));
    await fail.promise;
  }
  let late = () => {};
  const after = (_: number, task: () => void) => {
    late = task;
    return () => {};
  };
  const reading = gathered(bodyOf(body()), { received: undefined, after });
  const first = reading.next();
  await new Promise(setImmediate);
  late();
  expect((await first).value).toHaveLength(10);
  fail.reject(new Error('the client has gone'));
  await new Promise(setImmediate);
  await expect(reading.next()).rejects.toThrow('the client has gone');
});

it('reads on while a piece is processed, until the next is full', async () => {
  let asked = 0;
  function* body() {
    for (;;) {
      asked++;
      yield owned(someBytes(64 * KiB));
    }
  }
  const received = counter();
  const reading = gathered(bodyOf(body()), { received });
  await reading.next();
  const atFirst = asked;
  for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
  // Those that fill the next piece, and the one that a stream reads ahead.
  expect(asked - atFirst).toBeLessThanOrEqual(5);
  expect(asked * 64 * KiB).toBeGreaterThanOrEqual(2 * gatheredBytes);
  expect(received.given).toBe(gatheredBytes);
  await reading.return(undefined);
});

it('hands on what is left of a piece when memory becomes short meanwhile', async () => {
  const received = counter();
  const pieces = cut(someBytes(600 * KiB), 60 * KiB);
  const after = () => () => undefined; // nothing is late
  const sizes: number[] = [];
  for await (const bytes of gathered(bodyOf(pieces), { received, after })) {
    sizes.push(bytes.length / KiB);
    // Four pieces and a part of the fifth are the first: the rest of it waits.
    await new Promise(setImmediate);
    received.isPressed = true;
  }
  expect(sizes.slice(0, 2)).toEqual([256, 256]);
  expect(sizes.slice(2)).toEqual([28, 60]);
});

it('keeps a piece whose parts are handed on one by one until the last is processed', async () => {
  const bytes = someBytes(2200 * KiB);
  const [first, second] = [owned(bytes.subarray(0, 1100 * KiB)), owned(bytes.subarray(1100 * KiB))];
  const taken: Buffer[] = [];
  for await (const part of gathered(bodyOf([first, second]), { received: undefined })) {
    // Whatever has come meanwhile has not freed the memory of this part.
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    taken.push(Buffer.from(part));
  }
  expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  expect([first, second].map(({ length }) => length)).toEqual([0, 0]);
});

it('leaves the rest of the body to another reader when its own stops', async () => {
  const request = Readable.from(cut(someBytes(2048 * KiB), 64 * KiB)) as IncomingMessage;
  const body = new RequestBody(
    request,
    () => undefined,
    () => undefined,
  );
  for await (const bytes of gathered(body, { received: undefined })) {
    expect(bytes).toHaveLength(gatheredBytes);
    break;
  }
  expect(request.listenerCount('data')).toBe(0);
  expect(request.isPaused()).toBe(true);
  body.letGo();
  request.resume();
  await new Promise((resolve) => request.once('end', resolve));
});
