/** Finds the owner of a namespace, here or elsewhere, and asks until one has decided. */
import { Failure, failedWith } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { Owner, Owners } from '../../index/owners.ts';

/** Thrown if a replica was not reached, or has refused a call before it began: nothing was done. */
export class NotBegun extends Error {}

/** Thrown if a call was sent and no answer of a replica came: it is not known whether it was done. */
export class AnswerLost extends Error {}

/** A call that its owner is to decide. */
interface OwnedCall<T> {
  /** Decides in this process. */
  readonly here: () => Promise<T>;
  /** Asks the process at an address. @throws NotBegun, AnswerLost, or the failure that it answers. */
  readonly there: (address: string) => Promise<T>;
  /** Whether the call may be made again if it may have been done. */
  readonly mayRepeat: boolean;
  /** Returns the milliseconds that the call may still take. */
  readonly remainingMs: () => number;
  /** Ends the waiting. Default: nothing does. */
  readonly signal?: AbortSignal;
}

interface OwnerCallsOptions {
  /** The address of this process, as other replicas know it. */
  readonly address: string;
  readonly after: After;
  /** Milliseconds, from any origin. */
  readonly elapsed: () => number;
}

/** The longest time for which an owner is looked for, in milliseconds: a lease time, and time to find the next owner. */
export const seekingMsMax = 15_000;

/** The pauses between attempts, in milliseconds: the first, which doubles, and the longest. */
const pauseMsFirst = 20;
const pauseMsMax = 250;

/** Calls that are decided by the owners of namespaces. */
export class OwnerCalls {
  private readonly options: OwnerCallsOptions;

  constructor(options: OwnerCallsOptions) {
    this.options = options;
  }

  /**
   * Returns the result of the owner.
   *
   * @throws Failure the owner's; NOT_OWNER if no owner was found in time and nothing was done; STORE_UNAVAILABLE if it
   * is not known whether the call was done.
   */
  async run<T>(owners: Owners, ns: string, call: OwnedCall<T>): Promise<T> {
    const { elapsed } = this.options;
    const endMs = elapsed() + Math.min(seekingMsMax, call.remainingMs());
    let wasLost = false;
    let told: string | undefined;
    for (let pauseMs = pauseMsFirst; ; ) {
      try {
        const owner: Owner = told === undefined ? await owners.ownerOf(ns) : { isHere: false, address: told };
        return await (owner.isHere ? call.here() : call.there(owner.address));
      } catch (error) {
        if (!isPassing(error)) throw error;
        wasLost ||= error instanceof AnswerLost;
        if (wasLost && !call.mayRepeat) throw outcomeUnknown(error);
        owners.forget(ns);
        // Two processes that each take the other for the owner must not be asked again and again without a pause.
        const next = told === undefined ? this.toldBy(error) : undefined;
        told = next;
        if (next !== undefined) continue;
        if (elapsed() + pauseMs > endMs) throw wasLost ? outcomeUnknown(error) : notFound(ns, error);
        await this.pause(pauseMs, call.signal);
        pauseMs = Math.min(pauseMs * 2, pauseMsMax);
      }
    }
  }

  /** Returns the owner that a refusal names, unless that is this process. */
  private toldBy(error: unknown): string | undefined {
    const owner = error instanceof Failure ? error.metadata.owner : undefined;
    return owner === this.options.address ? undefined : owner;
  }

  /** @throws the reason of the signal, if it is aborted. */
  private async pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.options.after(ms, resolve);
    signal?.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    cancel();
    signal?.throwIfAborted();
  }
}

/** Whether the error says nothing about the call itself. */
function isPassing(error: unknown): boolean {
  return error instanceof NotBegun || error instanceof AnswerLost || failedWith(error, 'NOT_OWNER');
}

/** The failure of a call that no owner has taken. It does not tell clients the addresses of replicas. */
function notFound(ns: string, error: unknown): Failure {
  const thing = ns === '' ? 'the store as a whole' : `the namespace ${ns}`;
  return new Failure(
    'NOT_OWNER',
    `the replica that decides about ${thing} was not found in time; nothing was done: try again`,
    {
      retryAfterMs: 1_000,
      cause: error,
    },
  );
}

function outcomeUnknown(error: unknown): Failure {
  return new Failure(
    'STORE_UNAVAILABLE',
    'the outcome is unknown: the replica that decides was lost before it answered; try again, with the same ' +
      'request_id if the call has one',
    { retryAfterMs: 1_000, cause: error },
  );
}
