/** Bodies of HTTP requests whose messages are compressed, as they would be if these were not. */
import { Buffer } from 'node:buffer';
import { messageTooLarge, toConnectError } from '../../api/errors.ts';
import { compressedFlag, type Envelopes, headBytes } from './envelopes.ts';
import type { Inflation } from './inflation.ts';

type Body = AsyncIterable<Uint8Array>;

/** A body that is one message. */
export async function* inflatedWhole(body: Body, inflation: Inflation): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > inflation.wireBytesMax) throw toConnectError(messageTooLarge());
    pieces.push(piece);
  }
  yield await inflation.inflate(Buffer.concat(pieces, bytes));
}

/**
 * A body of wrapped messages, which `envelopes` has looked at: the lengths in it are allowed.
 *
 * @param isStream whether a message is dealt with when the next one is asked for.
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
        yield headOf(message[0]! & ~compressedFlag, inflated.length);
        yield inflated;
        if (isStream) inflation.release();
      }
    }
  }
  // Whatever is left is no message; it is for the protocol to say so.
  yield pieces.rest();
}

function headOf(flags: number, length: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(length, 1);
  return head;
}

/** What has come and is not taken yet. */
class Pieces {
  private pieces: Uint8Array[] = [];
  private bytes = 0;
  /** Of the message that has begun, with its head. */
  private wanted = headBytes;
  private hasHead = false;

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /** The next message with its head, if all of it is here. */
  takeMessage(): Buffer | undefined {
    if (this.bytes < this.wanted) return undefined;
    if (!this.hasHead) {
      const joined = this.rest();
      this.push(joined);
      this.hasHead = true;
      this.wanted = headBytes + joined.readUInt32BE(1);
      if (this.bytes < this.wanted) return undefined;
    }
    const joined = this.rest();
    const { wanted } = this;
    this.wanted = headBytes;
    this.hasHead = false;
    if (joined.length > wanted) this.push(joined.subarray(wanted));
    return joined.subarray(0, wanted);
  }

  /** All of it, in one. */
  rest(): Buffer {
    const { pieces, bytes } = this;
    this.pieces = [];
    this.bytes = 0;
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined)
      return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
    return Buffer.concat(pieces, bytes);
  }
}
