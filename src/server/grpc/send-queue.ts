/** Back-pressure of a server stream. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { type Encoded, sizeOf } from './codec.ts';

/** While fewer bytes than this wait to be sent, the handler is asked for more. One large message may always wait. */
const unsentBytesMax = 1024 * 1024;

/** Sends the messages of one stream, no faster than they are taken. */
export class SendQueue {
  private readonly call: ServerWritableStream<unknown, Encoded>;
  private readonly signal: AbortSignal;
  private unsentBytes = 0;
  private wake: (() => void) | undefined;

  constructor(call: ServerWritableStream<unknown, Encoded>, signal: AbortSignal) {
    this.call = call;
    this.signal = signal;
    signal.addEventListener('abort', () => this.wake?.(), { once: true });
  }

  /** Resolves when room for the next message exists. Rejects with the signal's reason once the signal is aborted. */
  async send(message: Encoded): Promise<void> {
    const size = sizeOf(message);
    this.unsentBytes += size;
    this.call.write(message, () => {
      this.unsentBytes -= size;
      this.wake?.();
    });
    while (this.unsentBytes >= unsentBytesMax && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.signal.throwIfAborted();
  }
}
