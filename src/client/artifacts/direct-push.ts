/** Pushes whose bytes go straight to the bucket of a service, which reads them back before it commits them. */
import type { ArtifactSpec } from '../../../gen/artifacta/v1/upload_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type Calls, promptly, unary } from '../wire/calls.ts';
import { retrying } from '../wire/retry.ts';
import { later } from '../wire/timer.ts';
import { artifactFrom } from './artifact.ts';
import { BucketFailure, isAllowed } from './bucket-bytes.ts';
import { type Content, joined } from './content.ts';
import { type Pushed, type PushSettings, pushedFrom } from './push-spec.ts';

/** The size of the pieces in which the bucket gets the bytes: a multiple of 256 KiB. */
const pieceBytes = 8 * 1024 * 1024;
/** A piece may take the time of a call, and in addition the time that it takes at this rate in bytes a second. */
const rateBytesMin = 16 * 1024;

/**
 * Pushes a content by way of the bucket. Returns undefined if the bytes must be sent to the service: it does not offer the
 * way, or the bucket does not take them, or they are not those of the description any more.
 *
 * @throws ArtifactaError if the service refuses; errors of the source as they are.
 * @internal
 */
export async function directPush(
  calls: Calls,
  spec: ArtifactSpec,
  content: Content,
  settings: PushSettings,
): Promise<Pushed | undefined> {
  const begun = await unary(calls, settings, (options) =>
    calls.artifacts.beginDirectUpload({ spec }, options),
  ).catch((error: unknown) => {
    if (!isNotOffered(error)) throw error;
  });
  const result = begun?.result;
  if (result?.case === 'existing')
    return pushedFrom(artifactFrom(result.value.artifact), result.value.receipt);
  if (result?.case !== 'upload') return undefined;
  const { uri, uploadToken } = result.value;
  try {
    const place = new BucketUpload(calls, uri, Number(spec.sizeBytes), settings);
    if (!(await place.send(content))) return undefined;
  } catch (error) {
    if (error instanceof BucketFailure) return undefined;
    throw error;
  }
  return await finish(calls, uploadToken, settings);
}

/** The service is older, or its operator allows no direct uploads, or only those of larger contents. */
function isNotOffered(error: unknown): boolean {
  if (!(error instanceof ArtifactaError)) return false;
  if (error.code === 'UNIMPLEMENTED' || error.reason === 'NOT_IMPLEMENTED') return true;
  return error.reason === 'INVALID_ARGUMENT' && ['spec', 'spec.size_bytes'].includes(error.field ?? '');
}

async function finish(calls: Calls, uploadToken: string, settings: PushSettings): Promise<Pushed> {
  return await retrying(calls.retry, settings.signal, async () => {
    const open = (options: object) => calls.artifacts.finishDirectUpload({ uploadToken }, options);
    for await (const { part } of promptly(calls, settings, open))
      if (part.case === 'committed') return pushedFrom(artifactFrom(part.value.artifact), part.value.receipt);
    throw new ArtifactaError('the service did not say whether the push has succeeded', {
      code: 'UNAVAILABLE',
    });
  });
}

/** The bytes of one content on their way to the bucket. No message has the URL, and no credentials are sent there. */
class BucketUpload {
  private readonly calls: Calls;
  private readonly uri: string;
  private readonly sizeBytes: number;
  private readonly settings: PushSettings;

  constructor(calls: Calls, uri: string, sizeBytes: number, settings: PushSettings) {
    if (!isAllowed(uri)) throw new BucketFailure('the URL of the bucket does not begin with https:');
    this.calls = calls;
    this.uri = uri;
    this.sizeBytes = sizeBytes;
    this.settings = settings;
  }

  /** Returns false if the content does not have its size any more. @throws BucketFailure, errors of the source. */
  async send(content: Content): Promise<boolean> {
    let gathered: Uint8Array[] = [];
    let [offset, gatheredBytes] = [0, 0];
    for await (const bytes of content.open()) {
      for (let at = 0; at < bytes.byteLength; ) {
        const part = bytes.subarray(at, at + pieceBytes - gatheredBytes);
        gathered.push(part);
        gatheredBytes += part.byteLength;
        at += part.byteLength;
        if (offset + gatheredBytes > this.sizeBytes) return false;
        // The last piece is sent when the content has ended.
        if (gatheredBytes < pieceBytes || offset + gatheredBytes === this.sizeBytes) continue;
        await this.piece(joined(gathered), offset);
        offset += gatheredBytes;
        [gathered, gatheredBytes] = [[], 0];
      }
    }
    if (offset + gatheredBytes !== this.sizeBytes) return false;
    await this.piece(joined(gathered), offset);
    return true;
  }

  /** Sends a piece, and after a failure what the bucket lacks of it. */
  private async piece(bytes: Uint8Array, offset: number): Promise<void> {
    const { calls, settings, sizeBytes } = this;
    const end = offset + bytes.byteLength;
    let has = offset;
    const note = (now: number) => {
      if (now < offset || now > end) throw new BucketFailure('the bucket has lost a part of the upload');
      has = now;
    };
    const policy = { ...calls.retry, beforeRetry: async () => false };
    await retrying(policy, settings.signal, async (attempt) => {
      if (attempt > 1) note(await this.put(`bytes */${sizeBytes}`, new Uint8Array(0)));
      while (has < end) {
        const before = has;
        note(await this.put(`bytes ${has}-${end - 1}/${sizeBytes}`, bytes.subarray(has - offset)));
        if (has === before) throw unavailable('the bucket took no byte');
      }
    }).catch((error: unknown) => {
      throw settings.signal?.aborted ? error : new BucketFailure('the bucket failed', { cause: error });
    });
    settings.onProgress?.({ phase: 'sending', bytes: end });
  }

  /** Makes one request. @returns the number of bytes that the bucket has. */
  private async put(range: string, body: Uint8Array): Promise<number> {
    const { calls, settings, sizeBytes } = this;
    const late = new AbortController();
    const cancel = later(calls.timeoutMs + (body.byteLength / rateBytesMin) * 1_000, () => late.abort());
    const signal =
      settings.signal === undefined ? late.signal : AbortSignal.any([settings.signal, late.signal]);
    // A 308 is an answer here, and leads nowhere.
    const init = { redirect: 'manual', credentials: 'omit', referrerPolicy: 'no-referrer', signal } as const;
    try {
      const answer = await calls.platform.fetch(this.uri, {
        ...init,
        method: 'PUT',
        headers: { 'content-range': range },
        body: body as Uint8Array<ArrayBuffer>,
      });
      await answer.body?.cancel();
      const { status } = answer;
      if (status === 308) return persistedBytes(answer.headers.get('range'));
      if (status === 200 || status === 201) return sizeBytes;
      if (status === 408 || status === 429 || status >= 500)
        throw unavailable(`the bucket answered ${status}`);
      throw new BucketFailure(`the bucket answered ${status}`);
    } catch (error) {
      settings.signal?.throwIfAborted();
      if (error instanceof BucketFailure || error instanceof ArtifactaError) throw error;
      throw unavailable('the bucket cannot be reached', error);
    } finally {
      cancel();
    }
  }
}

function persistedBytes(range: string | null): number {
  const match = /^bytes=0-(\d+)$/.exec(range ?? '');
  return match === null ? 0 : Number(match[1]) + 1;
}

function unavailable(message: string, cause?: unknown): ArtifactaError {
  return new ArtifactaError(message, { code: 'UNAVAILABLE', cause });
}
