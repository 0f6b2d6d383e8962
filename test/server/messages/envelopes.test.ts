import { expect, it } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { Envelopes } from '../../../src/server/messages/envelopes.ts';
import { framed } from '../grpc/raw-call.ts';

const pieces = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );

/** How many of the messages are taken, if they come in pieces of a size. */
function taken(messages: readonly Buffer[], size: number): number {
  const envelopes = new Envelopes({
    messageBytesMax: limits.messageBytesMax,
    encoding: 'identity',
    flags: 1,
  });
  for (const [at, message] of messages.entries())
    for (const piece of pieces(message, size))
      try {
        envelopes.take(piece);
      } catch (error) {
        expect(String(error)).toMatch(
          /too many small messages: 1024 are allowed, and one more for every 4096 bytes sent/,
        );
        return at;
      }
  return messages.length;
}

const of = (count: number, bytes: number) => Array.from({ length: count }, () => framed(Buffer.alloc(bytes)));

it.each([1, 2, 5, 6, 7, 64, 10_000])('counts messages in pieces of %i bytes', (size) => {
  // What wraps them counts as bytes, too: 5 a message.
  expect(taken(of(2_000, 0), size)).toBe(1_025);
  expect(taken(of(2_000, 1), size)).toBe(1_025);
  expect(taken(of(20_000, 2_043), size)).toBe(2_048);
});

it('takes any number of messages whose bytes pay for them', () => {
  expect(taken(of(6_000, 4_096), 16_384)).toBe(6_000);
  expect(taken([...of(1_000, 0), ...of(50, 1_048_576), ...of(10_000, 0)], 16_384)).toBe(1_050 + 10_000);
});
