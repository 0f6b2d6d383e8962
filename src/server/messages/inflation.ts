/**
 * The compressed messages of one call, inflated one at a time. Each is inflated when room exists for the most that it
 * may contain.
 */
import type { Buffer } from 'node:buffer';
import type { ByteRoom, RoomTaker } from '../../api/byte-room.ts';
import { toConnectError } from '../../api/errors.ts';
import type { UnsentAnswer } from '../../api/sending/unsent-answer.ts';
import { markReceived } from '../../domain/blocks.ts';
import { noteMessage } from '../young-collector.ts';
import { mostInflated, wireBytesMax } from './encodings.ts';
import { inflate } from './inflate.ts';

/** The options for inflating a call's messages. */
export interface InflationOptions {
  /** The room of all calls. */
  readonly room: ByteRoom;
  readonly messageBytesMax: number;
  /** Knows who calls, if that is known, and what of the request is kept. */
  readonly answer: UnsentAnswer;
  /** Aborted when the call has ended. */
  readonly signal: AbortSignal;
}

/** Inflates the messages of a call. The messages that it keeps must be released. */
export class Inflation implements Disposable {
  private readonly options: InflationOptions;
  private keptMessages: { readonly by: RoomTaker; readonly bytes: number }[] = [];

  constructor(options: InflationOptions) {
    this.options = options;
  }

  /** The most bytes that one message may arrive in. */
  get wireBytesMax(): number {
    return wireBytesMax(true, this.options.messageBytesMax);
  }

  /** Inflates a message. @throws ConnectError OVERLOADED, MESSAGE_TOO_LARGE, INVALID_ARGUMENT; the signal's reason. */
  async inflate(bytes: Uint8Array): Promise<Buffer> {
    const { room, messageBytesMax, answer, signal } = this.options;
    const { of: payer } = answer.payer;
    const by = { group: payer.group, payer };
    const most = mostInflated(bytes.length, messageBytesMax);
    await room.take(by, most, { signal }).catch((error) => {
      throw signal.aborted ? signal.reason : toConnectError(error);
    });
    let kept = 0;
    try {
      const inflated = await inflate(bytes, messageBytesMax);
      signal.throwIfAborted();
      kept = inflated.length;
      this.keptMessages.push({ by, bytes: kept });
      markReceived(inflated);
      answer.keep(kept - bytes.length);
      return inflated;
    } finally {
      // A message that contains too much has taken all that it may.
      noteMessage(kept === 0 ? most : kept);
      room.give(by, most - kept);
    }
  }

  /** Releases the inflated messages: they are processed. */
  release(): void {
    const { keptMessages } = this;
    this.keptMessages = [];
    for (const { by, bytes } of keptMessages) this.options.room.give(by, bytes);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
