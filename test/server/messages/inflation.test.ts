/** Room for what is compressed: taken before it is inflated, for the most that it may contain. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ByteRoom } from '../../../src/api/byte-room.ts';
import { UnsentBytes } from '../../../src/api/sending/unsent-bytes.ts';
import { limits } from '../../../src/domain/limits.ts';
import { mostInflated } from '../../../src/server/messages/encodings.ts';
import { Inflation } from '../../../src/server/messages/inflation.ts';
import { cancelled } from '../../../src/server/refusals.ts';
import { refusal, someBytes } from '../../support/calls.ts';
import { TestTimers } from '../../support/timers.ts';

const MiB = 1024 * 1024;
const messageBytesMax = 2 * MiB;

function opened(bytesMax = 4 * MiB) {
  const timers = new TestTimers();
  const room = new ByteRoom({ after: timers.after, bytesMax, groupBytesMax: bytesMax, why: 'no room' });
  const unsent = new UnsentBytes(timers);
  const begin = (address = '10.0.0.1', signal = new AbortController().signal) => {
    const ends = { end: () => {}, charged: () => {}, hasLostPeer: () => false, disconnect: () => {} };
    const answer = unsent.open(address, 1, ends);
    return { answer, inflation: new Inflation({ room, messageBytesMax, answer, signal }) };
  };
  return { timers, room, begin };
}

/** What was settled when all that can go on has. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const zeros = (bytes: number) => gzipSync(new Uint8Array(bytes));

/** Gzip with another byte so far from its end. */
function altered(fromEnd: number): Buffer {
  const packed = gzipSync(someBytes(10));
  packed[packed.length - fromEnd]! ^= 1;
  return packed;
}

describe('inflation', () => {
  it('takes room for the most that a message may contain, keeps what it contains, and gives it back', async () => {
    const { room, begin } = opened();
    const { inflation, answer } = begin();
    const packed = zeros(100_000);
    expect((await inflation.inflate(packed)).length).toBe(100_000);
    expect(room.bytesPeak).toBe(mostInflated(packed.length, messageBytesMax));
    expect(room.bytes).toBe(100_000);
    // What its call keeps counts where it waits for room for its answer.
    expect(answer.requestBytes).toBe(100_000 - packed.length);
    expect(answer.receivedBytes).toBe(0);
    inflation.release();
    inflation.release();
    expect(room.bytes).toBe(0);
  });

  it.each([
    ['too much', zeros(messageBytesMax + 1), 'MESSAGE_TOO_LARGE'],
    ['far too much', zeros(64 * MiB), 'MESSAGE_TOO_LARGE'],
    ['too much in two members', Buffer.concat([zeros(messageBytesMax), zeros(1)]), 'MESSAGE_TOO_LARGE'],
    ['what is cut', gzipSync(someBytes(1_000)).subarray(0, 500), 'INVALID_ARGUMENT'],
    ['another checksum', altered(8), 'INVALID_ARGUMENT'],
    ['another length', altered(4), 'INVALID_ARGUMENT'],
    ['what follows', Buffer.concat([zeros(10), Buffer.from('more')]), 'INVALID_ARGUMENT'],
  ])('refuses %s, and keeps nothing', async (_what, packed, reason) => {
    const { room, begin } = opened();
    expect(await refusal(begin().inflation.inflate(packed))).toMatchObject({ reason });
    expect(room.bytes).toBe(0);
    expect(room.bytesPeak).toBeLessThanOrEqual(messageBytesMax);
  });

  it('takes what is as large as a message may be, in one or in several members, and nothing at all', async () => {
    const { begin } = opened(8 * MiB);
    const { inflation } = begin();
    const halves = Buffer.concat([zeros(MiB), zeros(MiB)]);
    for (const packed of [zeros(messageBytesMax), halves])
      expect((await inflation.inflate(packed)).length).toBe(messageBytesMax);
    expect(await inflation.inflate(new Uint8Array(0))).toHaveLength(0);
    expect(await inflation.inflate(gzipSync(''))).toHaveLength(0);
  });

  it('waits until others have dealt with theirs; whoever has least goes first; too long is told', async () => {
    const { timers, room, begin } = opened();
    const [first, second] = [begin(), begin()];
    for (const { inflation } of [first, second]) await inflation.inflate(zeros(messageBytesMax));
    expect(room.bytes).toBe(4 * MiB);
    const order: string[] = [];
    const wait = (name: string, { inflation }: ReturnType<typeof begin>) =>
      inflation.inflate(zeros(messageBytesMax)).then(() => void order.push(name));
    const again = wait('who has some', begin('10.0.0.1'));
    const other = begin('10.0.0.2');
    const fresh = wait('who has none', other);
    await turns();
    expect(order).toEqual([]);
    first.inflation.release();
    await fresh;
    expect(order).toEqual(['who has none']);
    expect(room.bytesPeak).toBe(4 * MiB);
    const refused = refusal(again.catch((error) => Promise.reject(error)));
    timers.advance(limits.admissionSecondsMax * 1000);
    expect(await refused).toMatchObject({ code: 'ResourceExhausted', reason: 'OVERLOADED' });
    second.inflation.release();
    other.inflation.release();
    expect([room.bytes, timers.count]).toEqual([0, 0]);
  });

  it('waits no longer than its call lasts', async () => {
    const { timers, room, begin } = opened();
    const keeping = begin();
    for (const _ of [1, 2]) await keeping.inflation.inflate(zeros(messageBytesMax));
    const call = new AbortController();
    const waiting = refusal(begin('10.0.0.2', call.signal).inflation.inflate(zeros(MiB)));
    await turns();
    call.abort(cancelled());
    expect(await waiting).toMatchObject({ reason: 'CANCELLED' });
    keeping.inflation.release();
    expect([room.bytes, timers.count]).toEqual([0, 0]);
  });

  it('never takes more than there is room for, however many bombs come at once', async () => {
    const { room, begin } = opened(6 * MiB);
    const bomb = zeros(64 * MiB);
    const ends = await Promise.all(
      Array.from({ length: 100 }, (_, at) => refusal(begin(`10.0.0.${at % 7}`).inflation.inflate(bomb))),
    );
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(['MESSAGE_TOO_LARGE']));
    expect(room.bytesPeak).toBe(6 * MiB);
    expect(room.bytes).toBe(0);
  });
});

it('no gzip contains more than is reserved for it', () => {
  for (const bytes of [0, 1, 100, 10_000, 1_000_000, messageBytesMax])
    for (const level of [1, 6, 9]) {
      const packed = gzipSync(new Uint8Array(bytes), { level });
      expect(mostInflated(packed.length, messageBytesMax)).toBeGreaterThanOrEqual(bytes);
    }
  expect(mostInflated(18, messageBytesMax)).toBe(0);
});
