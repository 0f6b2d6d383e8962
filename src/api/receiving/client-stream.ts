/** The messages of a stream from a client: how many there may be, and how long each may take. */
import { Failure } from '../../domain/errors.ts';
import { limits } from '../../domain/limits.ts';
import { type After, unlessAborted } from '../timer.ts';

/** Counts the messages of one stream as they come: each costs something beside its bytes. */
export class MessageCount {
  private messages = 0;
  private bytes = 0;

  /** @returns whether there are more messages now than the limits allow for their bytes. */
  isExceededBy(messages: number, bytes: number): boolean {
    this.messages += messages;
    this.bytes += bytes;
    return this.messages > limits.streamMessagesFree + this.bytes / limits.streamMessageBytesMin;
  }
}

/**
 * The messages of a stream, each of which must come in time and before the signal is aborted: not every door wakes
 * who waits.
 *
 * @param idleMs how long to wait for the next one, after the last.
 */
export function inTime<T>(
  messages: AsyncIterator<T>,
  {
    signal,
    after,
    idleMs,
  }: {
    readonly signal: AbortSignal;
    readonly after: After;
    readonly idleMs: (last: T | undefined) => number;
  },
): AsyncIterator<T> {
  let ms = idleMs(undefined);
  const next = async (): Promise<IteratorResult<T>> => {
    const limit = Promise.withResolvers<never>();
    const limitMs = ms;
    const cancel = after(limitMs, () => limit.reject(idle(limitMs)));
    try {
      signal.throwIfAborted();
      const result = await unlessAborted(signal, Promise.race([messages.next(), limit.promise]));
      // By what it is now: whoever deals with it may free it.
      ms = idleMs(result.done === true ? undefined : result.value);
      return result;
    } finally {
      cancel();
    }
  };
  return { next, return: async () => (await messages.return?.()) ?? { done: true, value: undefined } };
}

function idle(ms: number): Failure {
  return new Failure('DEADLINE_EXCEEDED', `nothing came for ${Math.round(ms / 1000)} s`);
}
