/**
 * Sends requests to the bucket until they succeed, are refused, or their time is over. Knows which failures may pass,
 * and whether the bucket can be used at all.
 */
import { Failure } from '../../domain/errors.ts';
import type { After } from '../../domain/timer.ts';
import type { BlobTraffic } from '../blob-store.ts';
import { type Access, AccessRefused } from './access.ts';
import { type Refused, refusalOf } from './answers.ts';
import { type Answer, type Ask, Broken, type Exchange } from './exchange.ts';
import { type RetryAllowance, retryDelay, waitFor } from './retries.ts';

/** The kinds of requests; the bucket may allow some and forbid others. */
type Operation = 'create' | 'read' | 'list' | 'delete';

/** The bucket has refused a request; it would refuse it again. */
export class Refusal extends Error {
  readonly refused: Refused;

  constructor(refused: Refused) {
    super(`the bucket answered ${refused.status}: ${refused.message}`);
    this.refused = refused;
  }
}

type Counts = {
  -readonly [K in 'retries' | 'failures' | 'sentBytes' | 'receivedBytes']: BlobTraffic[K];
} & { readonly [K in 'requests' | 'seconds']: Record<Operation, number> };

interface ClientOptions {
  readonly access: Access;
  readonly exchange: Exchange;
  readonly allowance: RetryAllowance;
  /** The address of the place, for messages. */
  readonly place: string;
  /** The time of one operation with all its tries, in milliseconds, unless the caller has less. */
  readonly operationMs: number;
  readonly after: After;
  /** Returns milliseconds from any origin. */
  readonly elapsed: () => number;
  /** Returns at least 0 and less than 1. */
  readonly random: () => number;
  /** Called when {@link BucketClient.trouble} has changed. */
  readonly onTrouble: () => void;
}

/** The requests of one store to its bucket. */
export class BucketClient {
  /** What the requests have cost. */
  readonly counts: Counts = {
    requests: { create: 0, read: 0, list: 0, delete: 0 },
    seconds: { create: 0, read: 0, list: 0, delete: 0 },
    retries: 0,
    failures: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  readonly endpoint: string;
  private readonly options: ClientOptions;
  private readonly troubles = new Map<Operation, string>();

  constructor(options: ClientOptions) {
    this.options = options;
    this.endpoint = options.access.endpoint;
  }

  /** Returns why the bucket cannot be used at the moment: its owner forbids it. Undefined if no request was forbidden. */
  get trouble(): string | undefined {
    return this.troubles.values().next().value;
  }

  /**
   * Runs tries until one succeeds.
   *
   * @param attempt makes one try; it gets the number of tries before. It may throw {@link Broken} to be tried again.
   * @throws Refusal if the bucket refuses; Failure STORE_UNAVAILABLE if it does not answer in time or forbids it; the
   *   reason of the signal.
   */
  async run<T>(
    operation: Operation,
    attempt: (signal: AbortSignal, triesBefore: number) => Promise<T>,
    outer?: AbortSignal,
  ): Promise<T> {
    const { after, elapsed, operationMs, allowance } = this.options;
    const endMs = elapsed() + operationMs;
    const deadline = new AbortController();
    const cancel = after(operationMs, () => deadline.abort(this.unavailable('did not answer in time')));
    const signal = outer === undefined ? deadline.signal : AbortSignal.any([outer, deadline.signal]);
    let isRenewed = false;
    allowance.noteRequest();
    try {
      for (let tries = 0; ; ) {
        try {
          const result = await attempt(signal, tries);
          this.note(operation, undefined);
          return result;
        } catch (error) {
          signal.throwIfAborted();
          if (!isRenewed && error instanceof Refusal && error.refused.status === 401) {
            isRenewed = true;
            continue;
          }
          tries++;
          await this.waitToRetry(operation, error, { tries, leftMs: endMs - elapsed(), signal });
        }
      }
    } finally {
      cancel();
    }
  }

  /** Makes one request. @returns an answer that is a success, or has one of the given other statuses. */
  async ask(
    operation: Operation,
    ask: Ask,
    signal: AbortSignal,
    others: readonly number[] = [],
  ): Promise<Answer> {
    const { access, exchange, elapsed } = this.options;
    const credentials = await unlessAborted(access.headers(), signal);
    const headers = { ...ask.headers, ...credentials };
    this.counts.requests[operation]++;
    for (const part of ask.body ?? []) this.counts.sentBytes += part.length;
    const beganMs = elapsed();
    const answer = await exchange.send({ ...ask, headers }, signal).finally(() => {
      this.counts.seconds[operation] += (elapsed() - beganMs) / 1_000;
    });
    if ((answer.status >= 200 && answer.status < 300) || others.includes(answer.status)) return answer;
    if (answer.status === 401) access.renew(credentials);
    const retryAfter = answer.headers['retry-after'];
    throw new Refusal(refusalOf(answer.status, retryAfter, await answer.body.text()));
  }

  /** Returns the failure of an operation that the bucket has refused for a reason that no caller expects. */
  unexpected(error: unknown, doing: string): unknown {
    if (!(error instanceof Refusal)) return error;
    if (error.refused.meaning === 'absent') return this.missing(error);
    return new Failure('STORE_UNAVAILABLE', `${doing} in ${this.options.place}: ${error.message}`, {
      cause: error,
    });
  }

  /** Waits before another try. @throws Failure STORE_UNAVAILABLE or the error, if no other try is to be made. */
  async waitToRetry(
    operation: Operation,
    error: unknown,
    {
      tries,
      leftMs,
      signal,
    }: { readonly tries: number; readonly leftMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { allowance, random, after } = this.options;
    this.counts.failures++;
    if (error instanceof AccessRefused) throw this.forbid(operation, error.message, error);
    const refused = error instanceof Refusal ? error.refused : undefined;
    if (refused?.meaning === 'forbidden') throw this.forbid(operation, messageOf(error), error);
    if (refused !== undefined && refused.meaning !== 'again') {
      this.note(operation, undefined);
      throw error;
    }
    if (error instanceof Failure) throw error;
    const delayMs = retryDelay(tries, { random: random(), leftMs, askedMs: refused?.retryAfterMs ?? 0 });
    if (delayMs === undefined || !allowance.takeRetry()) throw this.unavailable(messageOf(error), error);
    this.counts.retries++;
    await waitFor(delayMs, after, signal);
    signal.throwIfAborted();
  }

  private missing(cause: unknown): Failure {
    const message = `the bucket of ${this.options.place} does not exist: make it, or give another one with --blobs`;
    return new Failure('STORE_UNAVAILABLE', message, { cause });
  }

  private forbid(operation: Operation, why: string, cause: unknown): Failure {
    const isRefused = cause instanceof Refusal && cause.refused.status === 403;
    const advice = isRefused
      ? 'Give the account of the service the role roles/storage.objectUser for this bucket; if another project owns ' +
        'the bucket, correct its name in --blobs'
      : 'Renew the credentials of the service, or give it others';
    const message = `${this.options.place} may not be used (${operation}): ${why.replace(/\.$/, '')}. ${advice}`;
    this.note(operation, message);
    return new Failure('STORE_UNAVAILABLE', message, { cause });
  }

  private unavailable(why: string, cause?: unknown): Failure {
    const message = `the bucket of ${this.options.place} is not available: ${why}`;
    return new Failure('STORE_UNAVAILABLE', message, { cause, retryAfterMs: 1_000 });
  }

  private note(operation: Operation, trouble: string | undefined): void {
    const before = this.trouble;
    if (trouble === undefined) this.troubles.delete(operation);
    else this.troubles.set(operation, trouble);
    if (this.trouble !== before) this.options.onTrouble();
  }
}

/** Resolves with the result, or rejects with the reason of the signal if that comes first. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return await Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', onAbort));
}

function messageOf(error: unknown): string {
  if (error instanceof Refusal) return `${error.refused.status} ${error.refused.message}`;
  return error instanceof Error ? error.message : String(error);
}
