/** What share links open, as a server can offer it: without credentials, and with one line for the log. */

import { ConnectError } from '@connectrpc/connect';
import type { Artifact } from '../../gen/artifacta/v1/artifact_pb.ts';
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import type { Store } from '../store/open.ts';
import { toConnectError } from './errors.ts';
import type { CallRecord, GuardOptions } from './guard.ts';
import { toArtifactMessage } from './messages.ts';
import type { UnsentAnswer } from './sending/unsent-answer.ts';

/** Calls in the log and the figures. */
export const sharedMethod = 'http/GetSharedContent';

/** A part of a content, in bytes. */
interface SharedPart {
  readonly offset: number;
  readonly length: number;
}

/** One GET or HEAD of a link. */
interface SharedCall {
  /** What the link is for, as the wire shows it. */
  readonly artifact: Artifact;
  /** The bytes; they stop when the link is revoked. */
  read(part: SharedPart, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** @param answer what is counted of it. @throws ConnectError that may be told to whoever called. */
export type OpenShared = <T>(
  token: string,
  answer: UnsentAnswer,
  use: (call: SharedCall) => Promise<T>,
) => Promise<T>;

/** @param options what calls are told to. */
export function sharedContents(store: Store, { onCall, elapsed }: GuardOptions): OpenShared {
  return async (token, answer, use) => {
    const startedMs = elapsed();
    let about = { namespace: '', subject: 'link' };
    let outcome: CallRecord['outcome'] = 'OK';
    let bug: unknown;
    const noted = (error: unknown): unknown => {
      if (!(error instanceof Failure)) return error;
      outcome = error.reason;
      if (error.reason === 'DATA_LOSS') bug = error;
      return toConnectError(error);
    };
    try {
      // Nothing else can be one; what is no token need not be hashed.
      if (!/^[A-Za-z0-9_-]{43}$/.test(token)) throw noSuchLink();
      const { artifact, linkId, namespace } = await store.shared.find(token);
      about = { namespace, subject: linkId };
      answer.hold({ group: namespace, name: `link ${linkId}` });
      return await use({
        artifact: toArtifactMessage(artifact),
        read: (part, signal) => told(inRoom(store.shared.read(token, part, signal), answer, signal), noted),
      });
    } catch (error) {
      const tellable = noted(error);
      // What the route itself refuses, and a caller who has gone, are no failure of the service.
      if (outcome === 'OK') outcome = error instanceof ConnectError ? 'CANCELLED' : 'INVALID_ARGUMENT';
      throw tellable;
    } finally {
      const durationMs = elapsed() - startedMs;
      const unexplained = bug === undefined ? {} : { error: bug };
      onCall({ method: sharedMethod, door: 'network', ...about, outcome, durationMs, ...unexplained });
    }
  };
}

function noSuchLink(): Failure {
  return new Failure('SHARE_LINK_NOT_FOUND', 'there is no such link, or it was revoked');
}

/** Each piece is read when there is room for it. */
async function* inRoom(
  pieces: AsyncIterable<Uint8Array>,
  answer: UnsentAnswer,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  try {
    for (;;) {
      await answer.room(limits.chunkBytesDefault, signal);
      const next = await iterator.next();
      if (next.done === true) return answer.hand(0);
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Failures on the way to whoever reads. */
async function* told(
  pieces: AsyncIterable<Uint8Array>,
  noted: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    throw noted(error);
  }
}
