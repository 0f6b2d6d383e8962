/** Calls from this process to other replicas. */
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import { failedWith } from '../../domain/errors.ts';
import type { Principal } from '../../domain/principal.ts';
import { failureIn, unforeseen } from '../errors.ts';
import { AnswerLost, NotBegun } from './owner-calls.ts';
import type { Progress, ReplicaSecret } from './proofs.ts';

/** The error of a link for a call that it could not send. Libraries wrap it in others. */
export class NotSent extends Error {}

function isNotSent(error: unknown): boolean {
  return error instanceof NotSent || (error instanceof Error && isNotSent(error.cause));
}

interface ReplicaCallerOptions {
  readonly secret: ReplicaSecret;
  /**
   * Returns the transport to the replica at an address, which seals the proof of each call. Its errors are
   * {@link NotSent} if the request was not sent.
   */
  readonly linkTo: (address: string) => Transport;
  /** The wall clock, in milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Returns the `traceparent` of the call that the present code runs for. Default: none. */
  readonly traceparent?: (() => string | undefined) | undefined;
  /** Called if a replica could not be asked, or its answer was lost. Default: does nothing. */
  readonly onFailed?: ((address: string, error: ConnectError) => void) | undefined;
}

/** The time by which the limit of a call is later there than here, in milliseconds. */
const graceMs = 100;

/** One call to a replica, except for its method and request. */
interface Asked {
  readonly principal: Principal;
  /** The time that the call may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Further headers. Default: none. */
  readonly headers?: Headers;
  readonly signal?: AbortSignal;
}

/** Asks other replicas. */
export class ReplicaCaller {
  private readonly options: ReplicaCallerOptions;

  constructor(options: ReplicaCallerOptions) {
    this.options = options;
  }

  /**
   * Returns the answer of the replica at an address.
   *
   * @throws NotBegun, AnswerLost, the reason of the signal, or the Failure that the replica answers.
   */
  async ask<I extends DescMessage, O extends DescMessage>(
    address: string,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { principal, timeoutMs, headers = new Headers(), signal }: Asked,
  ): Promise<MessageShape<O>> {
    const { secret, linkTo, now, traceparent } = this.options;
    const trace = traceparent?.();
    if (trace !== undefined) headers.set('traceparent', trace);
    const progressIn = secret.prove(headers, principal, now());
    // The signal of the call, if it has one, ends it first, and says why.
    const limitMs = Math.max(0, Math.ceil(timeoutMs)) + graceMs;
    try {
      const answer = await linkTo(address).unary(method, signal, limitMs, headers, request);
      if (progressIn(answer.trailer) === undefined) throw this.lost(address, unproven());
      return answer.message;
    } catch (thrown) {
      if (thrown instanceof AnswerLost) throw thrown;
      signal?.throwIfAborted();
      const error = ConnectError.from(thrown);
      throw this.meaningOf(address, error, progressIn(error.metadata));
    }
  }

  /** Returns what an error says about the call. */
  private meaningOf(address: string, error: ConnectError, progress: Progress | undefined): Error {
    if (isNotSent(error)) return this.notBegun(address, error);
    if (progress === undefined) return this.lost(address, error);
    const failure = failureIn(error);
    if (progress === 'refused') {
      if (failedWith(failure, 'SHUTTING_DOWN', 'STORE_UNAVAILABLE', 'UNAUTHENTICATED'))
        return this.notBegun(address, error);
      return failure ?? unforeseen();
    }
    // A handler that was broken off may have done its work.
    if (failedWith(failure, 'SHUTTING_DOWN', 'CANCELLED')) return this.lost(address, error);
    return failure ?? unforeseen();
  }

  private notBegun(address: string, error: ConnectError): NotBegun {
    this.options.onFailed?.(address, error);
    return new NotBegun(`the replica at ${address} was not reached`, { cause: error });
  }

  private lost(address: string, error: ConnectError): AnswerLost {
    this.options.onFailed?.(address, error);
    return new AnswerLost(`the replica at ${address} has not answered`, { cause: error });
  }
}

function unproven(): ConnectError {
  return new ConnectError('something else than a replica of this store has answered');
}
