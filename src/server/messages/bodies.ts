/** Bodies of HTTP requests whose messages are compressed, as they would be without compression. */
import { Buffer } from 'node:buffer';
import { messageTooLarge, toConnectError } from '../../api/errors.ts';
import { freeReceived, markReceived } from '../../domain/blocks.ts';
import { compressedFlag, type Envelopes, headBytes } from './envelopes.ts';
import type { Inflation } from './inflation.ts';
import { Pieces } from './pieces.ts';

type Body = AsyncIterable<Uint8Array>;

/** Yields a body that is one message. */
export async function* inflatedWhole(body: Body, inflation: Inflation): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const piece of body) {
    pieces.push(piece);
    if (pieces.bytes > inflation.wireBytesMax) throw toConnectError(messageTooLarge());
  }
  yield await inflation.inflate(pieces.takeAll());
}

/**
 * Yields a body of wrapped messages, which `envelopes` has checked: the lengths in it are allowed.
 *
 * @param isStream whether a message is processed when the next one is requested.
 */
export async function* inflatedMessages(
  body: Body,
  inflation: Inflation,
  envelopes: Envelopes,
  isStream: boolean,
): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces();
  for await (const piece of body) {
    pieces.push(piece);
    for (;;) {
      const message = pieces.takeMessage();
      if (message === undefined) break;
      if ((message[0]! & compressedFlag) === 0) yield message;
      else {
        const compressed = message.subarray(headBytes);
        const inflated = await inflation.inflate(compressed);
        envelopes.inflated(compressed.length, inflated.length);
        // In one piece, the message is not copied again.
        const whole = Buffer.concat([headOf(message[0]! & ~compressedFlag, inflated.length), inflated]);
        freeReceived(inflated);
        markReceived(whole);
        yield whole;
        if (!isStream) continue;
        inflation.release();
        // The library has copied it.
        freeReceived(whole);
      }
    }
  }
  // The rest is not a message; the reader of the body reports it.
  yield pieces.takeAll();
}

function headOf(flags: number, length: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return head;
}
