/** Calls that wait until a commit can be restored from the place to which the index is shipped. */
import { Failure } from '../../domain/errors.ts';

interface Wait {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** The waits of one shipping. */
export class ShippedWaits {
  private readonly waits = new Set<Wait>();

  get size(): number {
    return this.waits.size;
  }

  /** Resolves when this commit was {@link reached}. @throws the reason of the signal, or of {@link refuse}. */
  async until(seq: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait = { seq, resolve, reject };
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.waits.add(wait);
    try {
      await promise;
    } finally {
      this.waits.delete(wait);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Ends the waits for this commit and those before it. */
  reached(seq: number): void {
    for (const wait of this.waits) if (wait.seq <= seq) wait.resolve();
  }

  /** Ends all waits in vain. */
  refuse(reason: Error): void {
    for (const wait of this.waits) wait.reject(reason);
  }
}

/** Returns the failure of a call that waits for an index that is not open any more. */
export function replaced(): Failure {
  return new Failure('STORE_UNAVAILABLE', 'the index was closed or replaced before it was shipped', {
    retryAfterMs: 1_000,
  });
}
