/** Pieces of a body that are joined: the bytes stay the same, none waits for long, and their memory is freed. */
import { expect, it } from 'vitest';
import { gathered, gatheredBytes } from '../../../src/server/messages/gathering.ts';
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

async function* bodyOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
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

async function copies(body: AsyncIterable<Uint8Array>, received = counter()): Promise<Buffer[]> {
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
  const reading = gathered(body(), { received: undefined, after });
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
  const reading = gathered(body(), { received: undefined, after });
  const first = reading.next();
  await new Promise(setImmediate);
  late();
  expect((await first).value).toHaveLength(10);
  fail.reject(new Error('the client has gone'));
  await new Promise(setImmediate);
  await expect(reading.next()).rejects.toThrow('the client has gone');
});

it('ends the reading of the body when its reader stops', async () => {
  let isEnded = false;
  async function* body() {
    try {
      for (;;) yield owned(someBytes(100 * KiB));
    } finally {
      isEnded = true;
    }
  }
  for await (const bytes of gathered(body(), { received: undefined })) {
    expect(bytes).toHaveLength(gatheredBytes);
    break;
  }
  await new Promise(setImmediate);
  expect(isEnded).toBe(true);
});
