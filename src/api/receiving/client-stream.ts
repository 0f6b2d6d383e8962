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
 * Tells a handler whether the service itself has left its caller waiting: it has not read from the connection all the
 * time since the last such question. Default: it has not.
 */
export const pausedKey = createContextKey<() => boolean>(() => false, {
  description: 'whether the service did not read',
});

/**
 * Yields the messages of a stream. Each must arrive in time and before the signal is aborted: not every transport wakes
 * a waiting reader.
 *
 * @param idleMs returns how long to wait for the next message, after the last.
 * @param wasPaused returns true if the service did not read from the caller: then the wait begins again.
 */
export function inTime<T>(
  messages: AsyncIterator<T>,
  {
    signal,
    after,
    idleMs,
    wasPaused,
  }: {
    readonly signal: AbortSignal;
    readonly after: After;
    readonly idleMs: (last: T | undefined) => number;
    readonly wasPaused: () => boolean;
  },
): AsyncIterator<T> {
  let ms = idleMs(undefined);
  const next = async (): Promise<IteratorResult<T>> => {
    const limit = Promise.withResolvers<never>();
    const limitMs = ms;
    let cancel = () => {};
    const wait = () => {
      cancel = after(limitMs, () => {
        if (wasPaused()) wait();
        else limit.reject(idle(limitMs));
      });
    };
    wasPaused(); // only what happens from now on counts
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
