/** Bytes that come from the bucket of a service, by a signed URL that the service gave. */
import type { Calls } from '../wire/calls.ts';
import { later } from '../wire/timer.ts';

/** The bytes to read of an object. */
interface Wanted {
  readonly offset: number;
  readonly length: number;
  /** Whether these are all its bytes. */
  readonly isWhole: boolean;
}

/**
 * The bucket has refused, or has not sent all bytes: the URL has expired, the clocks differ, or a network does not let
 * through to the bucket. The service itself can send the rest.
 */
export class BucketFailure extends Error {}

/**
 * Whether bytes may go over this URL. In clear, others could read and change them. An emulator on this machine has no
 * certificate.
 *
 * @internal
 */
export function isAllowed(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname))
  );
}

/**
 * Yields the bytes. No credentials are sent: the URL is one.
 *
 * @throws BucketFailure, without the URL in its message; what the signal says.
 * @internal
 */
export async function* bucketBytes(
  { platform, timeoutMs }: Pick<Calls, 'platform' | 'timeoutMs'>,
  url: string,
  { offset, length, isWhole }: Wanted,
  outer: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (!isAllowed(url)) throw new BucketFailure('the URL of the bucket does not begin with https:');
  const silent = new AbortController();
  const signal = AbortSignal.any([outer, silent.signal]);
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    const cancel = later(timeoutMs, () => silent.abort());
    return await work.finally(cancel);
  };
  const told = (error: unknown): unknown =>
    outer.aborted ? error : new BucketFailure('the bucket failed', { cause: error });
  const headers = isWhole ? {} : { range: `bytes=${offset}-${offset + length - 1}` };
  const init = { headers, signal, redirect: 'error', credentials: 'omit', cache: 'no-store' } as const;
  const answer = await inTime(platform.fetch(url, { ...init, referrerPolicy: 'no-referrer' })).catch(
    (error) => {
      throw told(error);
    },
  );
  const isAsAsked = answer.status === (isWhole ? 200 : 206) && answer.body !== null;
  if (!isAsAsked) {
    await answer.body?.cancel().catch(() => undefined);
    throw new BucketFailure(`the bucket answered ${answer.status}`);
  }
  const reader = answer.body.getReader();
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read()).catch((error) => {
        throw told(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
