/**
 * Checks the messages in the bytes of a body before they are decoded. gRPC, gRPC-Web and Connect wrap each message in
 * the same way: a byte of flags, four of its length, and the message.
 */

import { messagesTooSmall, messageTooLarge, toConnectError } from '../../api/errors.ts';
import { MessageCount } from '../../api/receiving/client-stream.ts';
import { flaggedWithoutEncoding, malformedMessages } from '../refusals.ts';
import { type Encoding, mostInflated, wireBytesMax } from './encodings.ts';

/** The length of flags and length. */
export const headBytes = 5;
/** The flag of a message that is compressed. */
export const compressedFlag = 0x01;

/** The rules for a body. */
interface EnvelopeRules {
  /** The limit of one message, before it is compressed. */
  readonly messageBytesMax: number;
  /** The encoding of the messages that are marked as compressed. */
  readonly encoding: Encoding;
  /** The flags that the protocol knows, as bits. */
  readonly flags: number;
}

/** Follows one body. */
export class Envelopes {
  readonly rules: EnvelopeRules;
  private readonly count = new MessageCount();
  /** The number of bytes of the head of the message that has begun. */
  private headSeen = 0;
  private flags = 0;
  private length = 0;
  /** The number of bytes of the message that has begun that are still to come. */
  private left = 0;
  /** The length of the message that has begun, without its head. */
  private whole = 0;
  /** The bytes of it that were passed on before it was complete. */
  private passed = 0;

  constructor(rules: EnvelopeRules) {
    this.rules = rules;
  }

  /** Whether a message has begun that is not complete. */
  get isWithin(): boolean {
    return this.headSeen > 0 || this.left > 0;
  }

  /** The number of bytes of the message that has begun that have arrived and were not passed on. */
  get keptBytes(): number {
    return this.left > 0 ? headBytes + this.whole - this.left - this.passed : this.headSeen;
  }

  /** Records that this number of bytes of the message that has begun was passed on. */
  passOn(bytes: number): void {
    this.passed += bytes;
  }

  /**
   * Takes the next bytes, in pieces of any size. A compressed message pays for messages with the most that it may
   * contain, until {@link inflated} tells how much it contained.
   *
   * @throws ConnectError MESSAGES_TOO_SMALL, MESSAGE_TOO_LARGE, INVALID_ARGUMENT
   */
  take(bytes: Uint8Array): void {
    let messages = 0;
    let paid = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.left > 0) {
        const part = Math.min(this.left, bytes.length - at);
        this.left -= part;
        at += part;
        if (!this.isCompressed) paid += part;
        if (this.left === 0) messages++;
        continue;
      }
      if (this.headSeen === 0) this.flags = bytes[at]!;
      else this.length = this.length * 256 + bytes[at]!;
      this.headSeen++;
      at++;
      paid++;
      if (this.headSeen < headBytes) continue;
      paid += this.begin();
      if (this.left === 0) messages++;
    }
    this.pay(messages, paid);
  }

  /**
   * Records the true size of a message that was compressed to this number of bytes. @throws ConnectError
   * MESSAGES_TOO_SMALL
   */
  inflated(compressedBytes: number, bytes: number): void {
    this.pay(0, bytes - mostInflated(compressedBytes, this.rules.messageBytesMax));
  }

  private get isCompressed(): boolean {
    return (this.flags & compressedFlag) !== 0;
  }

  /** Begins the message whose head is complete. Returns what the message pays in advance. */
  private begin(): number {
    const { length, flags, isCompressed } = this;
    const { messageBytesMax, encoding, flags: known } = this.rules;
    if ((flags & ~known) !== 0)
      throw malformedMessages('must have only flags that the protocol knows; a message has others');
    if (isCompressed && encoding === 'identity') throw flaggedWithoutEncoding();
    if (length > wireBytesMax(isCompressed, messageBytesMax)) throw toConnectError(messageTooLarge());
    this.left = length;
    this.whole = length;
    this.passed = 0;
    this.headSeen = 0;
    this.length = 0;
    return isCompressed ? mostInflated(length, messageBytesMax) : 0;
  }

  private pay(messages: number, bytes: number): void {
    if (this.count.isExceededBy(messages, bytes)) throw toConnectError(messagesTooSmall());
  }
}
