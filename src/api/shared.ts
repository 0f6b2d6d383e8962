/** The contents that share links open, for a server to offer: without credentials, and with one line for the log. */

import { ConnectError } from '@connectrpc/connect';
import type { Artifact } from '../../gen/artifacta/v1/artifact_pb.ts';
import { Failure } from '../domain/errors.ts';
import { limits } from '../domain/limits.ts';
import type { SharedContents } from '../store/sharing/shared.ts';
import { type RedirectPolicy, shownAs } from './downloads/redirects.ts';
import { toConnectError } from './errors.ts';
import type { CallRecord, GuardOptions } from './guard.ts';
import { toArtifactMessage } from './messages.ts';
import type { UnsentAnswer } from './sending/unsent-answer.ts';

/** The name of these calls in the log and the metrics. */
export const sharedMethod = 'http/GetSharedContent';

/** A part of a content, in bytes. */
interface SharedPart {
  readonly offset: number;
  readonly length: number;
}

/** One GET or HEAD of a link. */
interface SharedCall {
  /** The artifact of the link, as the wire shows it. */
  readonly artifact: Artifact;
  /** Returns the bytes. They stop when the link is revoked. */
  read(part: SharedPart, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Returns a signed URL to which the caller is sent; undefined if the caller gets the bytes here. */
  redirect(signal: AbortSignal): Promise<string | undefined>;
}

/**
 * Finds what a link opens and passes it to `use`.
 *
 * @param answer the answer for which the sent bytes are counted. @throws ConnectError that the caller may get.
 */
export type OpenShared = <T>(
  token: string,
  answer: UnsentAnswer,
  use: (call: SharedCall) => Promise<T>,
) => Promise<T>;

/**
 * Returns the opener of share links. @param contents returns the contents of the store that is open. @param options the
 * receiver of the records of calls. @param redirects the redirects that links may get.
 */
export function sharedContents(
  contents: () => SharedContents,
  { onCall, elapsed }: GuardOptions,
  redirects?: RedirectPolicy,
): OpenShared {
  return async (token, answer, use) => {
    const startedMs = elapsed();
    let about = { namespace: '', subject: 'link' };
    let outcome: CallRecord['outcome'] = 'OK';
    let bug: unknown;
    let isRedirected = false;
    const noted = (error: unknown): unknown => {
      if (!(error instanceof Failure)) return error;
      outcome = error.reason;
      if (error.reason === 'DATA_LOSS') bug = error;
      return toConnectError(error);
    };
    try {
      // Every token has this form. Other text need not be hashed.
      if (!/^[A-Za-z0-9_-]{43}$/.test(token)) throw noSuchLink();
      const shared = contents();
      const { artifact, linkId, namespace } = await shared.find(token);
      about = { namespace, subject: linkId };
      answer.chargeTo({ group: namespace, name: `link ${linkId}` });
      return await use({
        artifact: toArtifactMessage(artifact),
        redirect: async (signal) => {
          if (redirects?.hasLinks !== true || artifact.sizeBytes < redirects.bytesMin) return undefined;
          const found = await shared.elsewhere(token, shownAs(artifact), signal);
          isRedirected = found !== undefined;
          return found?.url;
        },
        read: (part, signal) => told(inRoom(shared.read(token, part, signal), answer, signal), noted),
      });
    } catch (error) {
      const tellable = noted(error);
      // A refusal of the route itself, or a caller that has gone, is not a failure of the service.
      if (outcome === 'OK') outcome = error instanceof ConnectError ? 'CANCELLED' : 'INVALID_ARGUMENT';
      throw tellable;
    } finally {
      const durationMs = elapsed() - startedMs;
      const more = {
        ...(bug === undefined ? {} : { error: bug }),
        ...(isRedirected ? { redirected: true as const } : {}),
      };
      onCall({ method: sharedMethod, transport: 'network', ...about, outcome, durationMs, ...more });
    }
  };
}

function noSuchLink(): Failure {
  return new Failure('SHARE_LINK_NOT_FOUND', 'this link does not exist, or was revoked');
}

/** Yields the pieces, and reads each one when room exists for it. */
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

/** Yields the pieces, and converts failures for the reader. */
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
