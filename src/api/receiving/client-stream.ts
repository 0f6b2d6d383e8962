/** The messages of a stream from a client: their greatest number, and the longest time for each. */
import { createContextKey } from '@connectrpc/connect';
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { type After, unlessAborted } from '../timer.ts';

/** Counts the messages of one stream as they arrive: each costs something in addition to its bytes. */
export class MessageCount {
  private messages = 0;
  private bytes = 0;

  /** @returns true if the number of messages is now above what the limits allow for their bytes. */
  isExceededBy(messages: number, bytes: number): boolean {
    this.messages += messages;
    this.bytes += bytes;
    return this.messages > limits.streamMessagesFree + this.bytes / limits.streamMessageBytesMin;
  }
}

/**
 * Tells a handler whether its caller could not be expected to send in this time, in milliseconds since the last such
 * question: see `ReceivedRequest.isExcused`. Default: it could.
 */
export const excuseKey = createContextKey<(ms: number) => boolean>(() => false, {
  description: 'whether the caller could not send',
});

/**
 * Yields the messages of a stream. Each must arrive in time and before the signal is aborted: not every transport wakes
 * a waiting reader.
 *
 * @param idleMs returns how long to wait for the next message, after the last.
 * @param isExcused returns true if the caller could not be expected to send meanwhile: then the wait begins again.
 */
export function inTime<T>(
  messages: AsyncIterator<T>,
  {
    signal,
    after,
    idleMs,
    isExcused,
  }: {
    readonly signal: AbortSignal;
    readonly after: After;
    readonly idleMs: (last: T | undefined) => number;
    readonly isExcused: (ms: number) => boolean;
  },
): AsyncIterator<T> {
  let ms = idleMs(undefined);
  const next = async (): Promise<IteratorResult<T>> => {
    const limit = Promise.withResolvers<never>();
    const limitMs = ms;
    let cancel = () => {};
    const wait = () => {
      cancel = after(limitMs, () => {
        if (isExcused(limitMs)) wait();
        else limit.reject(idle(limitMs));
      });
    };
    isExcused(0); // only what happens from now on counts
    wait();
    try {
      signal.throwIfAborted();
      const result = await unlessAborted(signal, Promise.race([messages.next(), limit.promise]));
      // The time depends on the message as it is now: its reader may free it.
      ms = idleMs(result.done === true ? undefined : result.value);
      return result;
    } finally {
      cancel();
    }
  };
  return { next, return: async () => (await messages.return?.()) ?? { done: true, value: undefined } };
}

function idle(ms: number): Failure {
  return new Failure('DEADLINE_EXCEEDED', `the caller sent nothing for ${Math.round(ms / 1000)} s`);
}
