/** Back-pressure of a server stream. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Encoded } from './codec.ts';

/** The handler is asked for more while fewer bytes than this wait to be sent. One large message always may. */
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

  /** Resolves when there is room for the next message. Rejects with the signal's reason once that is aborted. */
  async send(message: Encoded): Promise<void> {
    const size = message.byteLength;
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
