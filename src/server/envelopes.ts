/**
 * Counts the messages in the bytes of a stream before they are decoded. gRPC, gRPC-Web and Connect wrap each in the same
 * way: a byte of flags, four of its length, and itself.
 */
import { MessageCount } from '../api/client-stream.ts';
import { messagesTooSmall, toConnectError } from '../api/errors.ts';

const headBytes = 5;

/** What a call of grpc-js is ended with, which passes no more than a text on. */
export const messagesTooSmallText = 'messages are too small';

/** Follows one stream. */
export class Envelopes {
  private readonly count = new MessageCount();
  /** Of the head of the message that has begun. */
  private headSeen = 0;
  private length = 0;
  /** Of the message that has begun, still to come. */
  private left = 0;

  /** Takes the next bytes, in pieces of any size. @throws ConnectError MESSAGES_TOO_SMALL */
  take(bytes: Uint8Array): void {
    let messages = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.left > 0) {
        const part = Math.min(this.left, bytes.length - at);
        this.left -= part;
        at += part;
        if (this.left === 0) messages++;
        continue;
      }
      if (this.headSeen > 0) this.length = this.length * 256 + bytes[at]!;
      this.headSeen++;
      at++;
      if (this.headSeen < headBytes) continue;
      this.left = this.length;
      if (this.left === 0) messages++;
      this.headSeen = 0;
      this.length = 0;
    }
    if (this.count.isExceededBy(messages, bytes.length)) throw toConnectError(messagesTooSmall());
  }
}
