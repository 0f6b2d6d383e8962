import type { CallOptions, Client } from '@connectrpc/connect';
import type { ArtifactService } from '../../../gen/artifacta/v1/artifact_service_pb.ts';
import type { SessionService } from '../../../gen/artifacta/v1/session_service_pb.ts';
import { ArtifactaError } from '../errors.ts';
import type { Platform } from './platform.ts';
import { type RetryPolicy, retrying } from './retry.ts';
import { later } from './timer.ts';
import { toArtifactaError } from './to-error.ts';

/**
 * The parts that the whole client shares. Members marked as internal are not in the types of the package: they name
 * types of Connect, which need those of browsers.
 */
export interface Calls {
  /** @internal */
  readonly artifacts: Client<typeof ArtifactService>;
  /** @internal */
  readonly sessions: Client<typeof SessionService>;
  /** @internal */
  readonly platform: Platform;
  readonly retry: RetryPolicy;
  /** The deadline of one try of a unary call, in milliseconds. */
  readonly timeoutMs: number;
}

/** The last parameter of every method. */
export interface CallSettings {
  /** Gives up when aborted: the method fails with code CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes one unary call, repeated as the policy says. It must be safe to repeat.
 *
 * @internal
 */
export function unary<T>(
  calls: Pick<Calls, 'retry' | 'timeoutMs'>,
  settings: CallSettings,
  call: (options: CallOptions) => Promise<T>,
): Promise<T> {
  return retrying(calls.retry, settings.signal, () => call(unaryOptions(calls, settings)));
}

function unaryOptions(calls: Pick<Calls, 'timeoutMs'>, settings: CallSettings): CallOptions {
  return { timeoutMs: calls.timeoutMs, ...streamOptions(settings) };
}

/**
 * Returns the options for a stream. Streams have no deadline: they take as long as their bytes.
 *
 * @internal
 */
export function streamOptions(settings: CallSettings): CallOptions {
  return settings.signal === undefined ? {} : { signal: settings.signal };
}

/**
 * Yields the messages of a stream. The first must arrive within the deadline of a unary call: otherwise a service that
 * answers nothing would make the call hang. The others have no limit.
 *
 * @throws ArtifactaError DEADLINE_EXCEEDED
 * @internal
 */
export async function* promptly<T>(
  calls: Pick<Calls, 'timeoutMs'>,
  settings: CallSettings,
  open: (options: CallOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const late = new AbortController();
  const signal =
    settings.signal === undefined ? late.signal : AbortSignal.any([settings.signal, late.signal]);
  const cancel = later(calls.timeoutMs, () => late.abort());
  try {
    for await (const message of untilLeft({ signal }, open)) {
      cancel();
      yield message;
    }
  } catch (thrown) {
    if (settings.signal?.aborted || !late.signal.aborted) throw thrown;
    throw new ArtifactaError('the service did not answer in time', {
      code: 'DEADLINE_EXCEEDED',
      cause: thrown,
    });
  } finally {
    cancel();
  }
}

/**
 * Yields the messages of a stream, and ends the stream when its reader leaves it, which the library does not notice.
 *
 * @internal
 */
export async function* untilLeft<T>(
  { signal }: CallSettings,
  open: (options: CallOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const left = new AbortController();
  try {
    yield* open({ signal: signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]) });
  } finally {
    left.abort();
  }
}

/**
 * Makes a unary call that is repeated only if that is safe.
 *
 * @internal
 */
export async function onceIf<T>(
  once: boolean,
  calls: Calls,
  settings: CallSettings,
  call: (options: CallOptions) => Promise<T>,
): Promise<T> {
  if (!once) return unary(calls, settings, call);
  try {
    return await call(unaryOptions(calls, settings));
  } catch (thrown) {
    throw toArtifactaError(thrown, settings.signal);
  }
}
