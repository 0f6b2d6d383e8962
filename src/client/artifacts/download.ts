import type { CallOptions } from '@connectrpc/connect';
import type { DownloadArtifactResponse } from '../../../gen/artifacta/v1/content_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, promptly } from '../wire/calls.ts';
import type { Sha256 } from '../wire/platform.ts';
import { retrying } from '../wire/retry.ts';
import { toArtifactaError } from '../wire/to-error.ts';
import { type Artifact, type ArtifactRef, artifactFrom, refMessage } from './artifact.ts';
import { BucketFailure, bucketBytes } from './bucket-bytes.ts';
import { joined } from './content.ts';
import { textFrom } from './text.ts';

/** The bytes to read. */
export interface DownloadOptions extends CallSettings {
  /** The first byte, from 0. Default 0. */
  readonly offset?: number | undefined;
  /** The greatest number of bytes. Default: to the end. */
  readonly limit?: number | undefined;
  /**
   * Whether a large content may come from the bucket of the service by a signed URL, if the service allows it. The bytes of a
   * whole content are checked as always; nothing checks those of a range. What the bucket refuses comes from the service.
   * On a page, the bucket must allow the page's origin. Default false.
   */
  readonly redirect?: boolean | undefined;
}

/** An artifact and its bytes, which are read from the service once, as the consumer asks for them. */
export interface Download extends AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly artifact: Artifact;
  /** Returns all the bytes in memory. */
  bytes(): Promise<Uint8Array>;
  /**
   * Returns all the bytes as text: UTF-8, or UTF-16 by its byte order mark, which is left out; U+FFFD for bytes that
   * are neither.
   */
  text(): Promise<string>;
  /** Ends the download before its end. Needed only if the bytes are not read; leaving a `for await` does it too. */
  cancel(): Promise<void>;
}

interface Stream {
  readonly artifact: Artifact;
  readonly chunks: AsyncIterator<Uint8Array>;
}

/**
 * Begins a download. After a lost connection it continues where it broke. The end is reached only if all bytes have
 * arrived, and for a whole artifact only if they have its digest. A consumer that must not see wrong bytes keeps them
 * aside until then.
 *
 * @throws ArtifactaError also while the bytes are read; code DATA_LOSS if they are not the stored bytes.
 */
export async function download(
  calls: Calls,
  ref: ArtifactRef,
  options: DownloadOptions = {},
): Promise<Download> {
  const stopped = new AbortController();
  const signals = options.signal === undefined ? [stopped.signal] : [stopped.signal, options.signal];
  const stoppable = { ...options, signal: AbortSignal.any(signals) };
  const first = await retrying(calls.retry, stoppable.signal, () => openStream(calls, ref, stoppable));
  const iterator = read(calls, first, stoppable, () => stopped.abort());
  const all = async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of iterator) pieces.push(piece);
    return joined(pieces);
  };
  const cancel = async () => {
    stopped.abort();
    await iterator.return();
  };
  return {
    artifact: first.artifact,
    bytes: all,
    text: async () => textFrom(await all()).text,
    cancel,
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: cancel,
  };
}

async function openStream(
  calls: Calls,
  ref: ArtifactRef,
  options: DownloadOptions & { readonly signal: AbortSignal },
): Promise<Stream> {
  const { offset = 0, limit, redirect = false, signal } = options;
  const request = {
    artifact: refMessage(ref),
    offset: BigInt(offset),
    ...(limit === undefined ? {} : { limit: BigInt(limit) }),
    ...(redirect ? { allowRedirect: true } : {}),
  };
  const open = (settings: CallOptions) => calls.artifacts.downloadArtifact(request, settings);
  const messages = promptly(calls, { signal }, open);
  const head = await messages.next();
  const part = head.done ? undefined : head.value.part;
  const artifact = artifactFrom(part?.case === 'artifact' ? part.value : undefined);
  const length = Math.min(limit ?? Number.POSITIVE_INFINITY, artifact.sizeBytes - offset);
  const range = { offset, length, isWhole: length === artifact.sizeBytes };
  return { artifact, chunks: chunksIn(messages, (url) => bucketBytes(calls, url, range, signal)) };
}

async function* chunksIn(
  messages: AsyncGenerator<DownloadArtifactResponse>,
  fromBucket: (url: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const { part } of messages) {
    if (part.case === 'chunk') yield part.value;
    if (part.case === 'redirect') yield* fromBucket(part.value.uri);
  }
}

async function* read(
  calls: Calls,
  first: Stream,
  options: DownloadOptions & { readonly signal: AbortSignal },
  stop: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  const { artifact } = first;
  const { offset = 0, limit = Number.POSITIVE_INFINITY, signal } = options;
  const expected = Math.min(limit, artifact.sizeBytes - offset);
  const whole = expected === artifact.sizeBytes ? calls.platform.sha256() : undefined;
  let stream = first;
  let received = 0;
  let failures = 0;
  try {
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        const next = await stream.chunks.next();
        chunk = next.done ? undefined : next.value;
      } catch (thrown) {
        const rest = { signal, offset: offset + received, limit: expected - received };
        if (thrown instanceof BucketFailure) {
          stream = await retrying(calls.retry, signal, () => openStream(calls, artifact.id, rest));
          continue;
        }
        stream = await resumed(calls, toArtifactaError(thrown, signal), ++failures, artifact.id, rest);
        continue;
      }
      if (chunk === undefined) break;
      failures = 0;
      received += chunk.byteLength;
      // A consumer that keeps the bytes must not be made to keep more than exist.
      if (received > expected) break;
      whole?.update(chunk);
      yield chunk;
    }
    verify(artifact, { expected, received, whole, redirect: options.redirect === true });
  } finally {
    stop();
  }
}

/** Returns the stream from where it broke, or throws the error if it is permanent. */
function resumed(
  calls: Calls,
  error: ArtifactaError,
  failures: number,
  id: string,
  options: DownloadOptions & { readonly signal: AbortSignal },
): Promise<Stream> {
  const policy = { ...calls.retry, attemptsMax: calls.retry.attemptsMax - failures + 1 };
  return retrying(policy, options.signal, async (attempt) => {
    if (attempt === 1) throw error; // It counts as the failed try that it was, and its wait applies.
    return openStream(calls, id, options);
  });
}

const ifItStays =
  'try again, and if this stays, tell the operator ("artifacta fsck --contents" checks the store)';

interface Received {
  readonly expected: number;
  readonly received: number;
  readonly whole: Sha256 | undefined;
  readonly redirect: boolean;
}

function verify(artifact: Artifact, { expected, received, whole, redirect }: Received): void {
  if (received !== expected) {
    const message = `received ${received} of ${expected} bytes of ${artifact.id}; try again`;
    throw new ArtifactaError(message, { code: 'DATA_LOSS' });
  }
  if (whole === undefined) return;
  const actual = whole.hex();
  if (actual === artifact.sha256) return;
  const message = `the bytes of ${artifact.id} have SHA-256 ${actual}, not ${artifact.sha256}; ${redirect ? 'download it without "redirect", or ' : ''}${ifItStays}`;
  throw new ArtifactaError(message, {
    code: 'DATA_LOSS',
    metadata: { expected: artifact.sha256, actual },
  });
}
