import type { WatchSessionResponse } from '../../../gen/artifacta/v1/watch_pb.ts';
import { type Artifact, artifactFrom } from '../artifacts/artifact.ts';
import { ArtifactaError } from '../errors.ts';
import type { CallSettings, Calls } from '../wire/calls.ts';
import { type RetryPolicy, retrying } from '../wire/retry.ts';
import { later } from '../wire/timer.ts';
import { dateOf } from '../wire/times.ts';
import { toArtifactaError } from '../wire/to-error.ts';
import { type Session, sessionFrom } from './session.ts';

/** An event of a session. `sequence` is its place there, from 1; a later watch can begin after it. */
export type SessionEvent = {
  readonly sequence: number;
  /** Undefined if unknown. */
  readonly time: Date | undefined;
} & (
  | { readonly kind: 'committed'; readonly artifact: Artifact }
  | { readonly kind: 'deleted'; readonly artifactId: string }
  /** This event is always the last. */
  | { readonly kind: 'sealed'; readonly session: Session }
);

/** The part of a feed to watch. */
export interface WatchOptions extends CallSettings {
  /** Only events with a higher sequence. Default 0: from the beginning. */
  readonly after?: number | undefined;
  /** Only the seal. Default false. */
  readonly sealOnly?: boolean | undefined;
  /** Wait for a session that does not exist yet, rather than fail. Default false. */
  readonly waitForOpen?: boolean | undefined;
}

/** How long to wait for a seal. */
export interface WaitOptions extends Pick<WatchOptions, 'waitForOpen' | 'signal'> {
  /** In milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** The service sends a heartbeat every 15 seconds. After this long without one the connection counts as lost. */
const silenceMsMax = 45_000;
/** A service that restarts takes longer to come back than one that only stumbles. */
const patience = 8;
const pauseMsMax = 2_000;

/**
 * Yields events until the seal, each once, in order. A watch that breaks continues where it broke: when the connection
 * is lost, when the service restarts, when events were taken too slowly.
 *
 * @throws ArtifactaError NOT_FOUND also if the session goes while it is watched.
 */
export async function* watchSession(
  calls: Calls,
  session: string,
  options: WatchOptions = {},
): AsyncGenerator<SessionEvent, void, void> {
  let after = options.after ?? 0;
  let failures = 0;
  for (;;) {
    try {
      for await (const message of open(calls, session, { ...options, after })) {
        failures = 0;
        after = Math.max(after, Number(message.sequence));
        const event = eventFrom(message);
        if (event === undefined) continue;
        yield event;
        if (event.kind === 'sealed') return;
      }
      throw new ArtifactaError(
        'the watch ended before the session was sealed; try again (a watch can begin after the last event that you have)',
        { code: 'UNAVAILABLE' },
      );
    } catch (thrown) {
      await paused(calls.retry, toArtifactaError(thrown, options.signal), ++failures, options.signal);
    }
  }
}

/** Waits before the next try, or fails if no next try is due. */
async function paused(
  retry: RetryPolicy,
  error: ArtifactaError,
  failures: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const policy = {
    ...retry,
    attemptsMax: retry.attemptsMax * patience - failures + 1,
    delayMsFirst: Math.min(retry.delayMsFirst * 2 ** Math.min(failures - 1, 10), pauseMsMax),
    delayMsMax: Math.min(retry.delayMsMax, pauseMsMax),
  };
  await retrying(policy, signal, async (attempt) => {
    if (attempt === 1) throw error; // It counts as the failed try that it was, and its wait applies.
  });
}

/** Makes one call, which ends when nothing arrives for too long. */
async function* open(
  calls: Calls,
  session: string,
  options: WatchOptions & { readonly after: number },
): AsyncGenerator<WatchSessionResponse, void, void> {
  const { after, sealOnly = false, waitForOpen = false, signal } = options;
  const stopped = new AbortController();
  const request = { session, afterSequence: BigInt(after), sealOnly, waitForOpen };
  const either = signal === undefined ? stopped.signal : AbortSignal.any([stopped.signal, signal]);
  const silent = new ArtifactaError(
    'the service sent nothing for too long; try again (a watch can begin after the last event that you have)',
    { code: 'UNAVAILABLE' },
  );
  let cancel = later(silenceMsMax, () => stopped.abort(silent));
  try {
    for await (const message of calls.sessions.watchSession(request, { signal: either })) {
      cancel();
      yield message;
      cancel = later(silenceMsMax, () => stopped.abort(silent));
    }
  } catch (thrown) {
    throw stopped.signal.aborted ? silent : thrown;
  } finally {
    cancel();
    stopped.abort();
  }
}

/** Returns the event of a message. Undefined for heartbeats, and for events that only later versions know. */
function eventFrom({ sequence, time, event }: WatchSessionResponse): SessionEvent | undefined {
  const about = { sequence: Number(sequence), time: dateOf(time) };
  switch (event.case) {
    case 'committed':
      return { ...about, kind: 'committed', artifact: artifactFrom(event.value) };
    case 'deleted':
      return { ...about, kind: 'deleted', artifactId: event.value.artifactId };
    case 'sealed':
      return { ...about, kind: 'sealed', session: sessionFrom(event.value) };
    default:
      return undefined;
  }
}

/** Returns the session when it is sealed. @throws ArtifactaError DEADLINE_EXCEEDED if it is not in time. */
export async function waitForSeal(
  calls: Calls,
  session: string,
  { timeoutMs, waitForOpen, signal }: WaitOptions = {},
): Promise<Session> {
  const late = new AbortController();
  const cancel = timeoutMs === undefined ? undefined : later(timeoutMs, () => late.abort());
  const either = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
  try {
    const options = { sealOnly: true, waitForOpen, signal: either };
    for await (const event of watchSession(calls, session, options))
      if (event.kind === 'sealed') return event.session;
    throw new ArtifactaError('the watch ended before the session was sealed; try again', {
      code: 'UNAVAILABLE',
    });
  } catch (thrown) {
    if (!late.signal.aborted || signal?.aborted) throw thrown;
    throw new ArtifactaError(`session ${session} was not sealed in time`, { code: 'DEADLINE_EXCEEDED' });
  } finally {
    cancel?.();
  }
}
