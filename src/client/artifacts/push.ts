import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { CreateArtifactRequestSchema } from '../../../gen/artifacta/v1/upload_pb.ts';
import { ArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, unary } from '../wire/calls.ts';
import type { Source } from '../wire/platform.ts';
import { retrying } from '../wire/retry.ts';
import { toArtifactaError } from '../wire/to-error.ts';
import { artifactFrom } from './artifact.ts';
import { type Content, type PushContent, readAhead, toContent } from './content.ts';
import { digestOf } from './digest.ts';
import { type Pushed, type PushOptions, pushedFrom, specMessage } from './push-spec.ts';

/** Contents up to this size are sent in one message. */
const inlineBytesMax = 256 * 1024;
/** From this size on, a question by digest is worth its cost: the bytes may not have to be sent at all. */
const digestFirstBytesMin = 8 * 1024 * 1024;

/** A push with a fixed request id. */
interface Request {
  readonly calls: Calls;
  readonly requestId: string;
  readonly options: PushOptions;
}

/**
 * Stores bytes. Small contents are sent in one message, others in chunks. Either way the digest is asserted, so that
 * the stored bytes are those that were read. Contents of 8 MiB and more that can be read twice are hashed first, and
 * not sent if the namespace has them already. With `direct` they may go to the bucket of the service. After a lost
 * connection the push is repeated with the same request id, unless the bytes come from a stream that cannot be read
 * again and is longer than 256 KiB.
 *
 * @throws ArtifactaError if the service refuses or cannot be reached. Errors of the source as they are; nothing is
 * stored then.
 */
export async function push(calls: Calls, given: PushContent, options: PushOptions): Promise<Pushed> {
  const content = toContent(given);
  const request = { calls, requestId: options.requestId ?? newRequestId(), options };
  const sizeBytes = content.sizeBytes ?? 0;
  if (sizeBytes >= digestFirstBytesMin && content.replayable) return digestFirst(request, content);
  if (sizeBytes > inlineBytesMax) return upload(request, content);
  const ahead = await readAhead(content, inlineBytesMax, options.signal);
  if (ahead instanceof Uint8Array) return createInline(request, ahead);
  try {
    return await upload(request, ahead);
  } finally {
    close(content);
    close(ahead);
  }
}

async function createInline({ calls, requestId, options }: Request, bytes: Uint8Array): Promise<Pushed> {
  const sha256 = await calls.platform.digest(bytes);
  const message = create(CreateArtifactRequestSchema, {
    spec: specMessage(options, requestId, { sizeBytes: bytes.byteLength, sha256 }),
    content: { case: 'data', value: bytes },
  });
  return createArtifact(calls, options, message);
}

async function createArtifact(
  calls: Calls,
  settings: CallSettings,
  message: MessageInitShape<typeof CreateArtifactRequestSchema>,
): Promise<Pushed> {
  const answer = await unary(calls, settings, (options) => calls.artifacts.createArtifact(message, options));
  return pushedFrom(artifactFrom(answer.artifact), answer.receipt);
}

async function digestFirst(request: Request, content: Content): Promise<Pushed> {
  const { calls, requestId, options } = request;
  const onBytes = (bytes: number) => options.onProgress?.({ phase: 'hashing', bytes });
  const sha256 = await digestOf(content, calls.platform.sha256(), { signal: options.signal, onBytes });
  // The content does not have the size that it states: the upload gets the matching refusal.
  if (sha256 === undefined) return upload(request, content);
  const spec = specMessage(options, requestId, { sizeBytes: content.sizeBytes, sha256 });
  if (options.direct) {
    // Few programs use it.
    const { directPush } = await import('./direct-push.ts');
    const pushed = await directPush(calls, spec, content, options);
    if (pushed !== undefined) return pushed;
  }
  const digest = { sha256, sizeBytes: BigInt(content.sizeBytes ?? 0) };
  const message = create(CreateArtifactRequestSchema, {
    spec,
    content: { case: 'digest', value: digest },
  });
  try {
    return await createArtifact(calls, options, message);
  } catch (error) {
    // Credentials that may write and not read cannot refer to stored contents.
    const reasons: readonly unknown[] = ['CONTENT_NOT_FOUND', 'PERMISSION_DENIED'];
    if (!(error instanceof ArtifactaError) || !reasons.includes(error.reason)) throw error;
  }
  return upload(request, content, sha256);
}

/**
 * Uploads the content. @param sha256 the digest of an earlier reading; other bytes are refused with DIGEST_MISMATCH.
 */
function upload(request: Request, content: Content, sha256?: string): Promise<Pushed> {
  const { calls, requestId, options } = request;
  const policy = content.replayable ? calls.retry : { ...calls.retry, attemptsMax: 1 };
  const spec = specMessage(options, requestId, { sizeBytes: content.sizeBytes, sha256 });
  const { signal, onProgress } = options;
  const onSent = (bytes: number) => onProgress?.({ phase: 'sending', bytes });
  const source: Source = {};
  return retrying(policy, signal, async () => {
    try {
      const answer = await calls.platform.send({ spec, content, signal, onSent, source }, calls.artifacts);
      return pushedFrom(artifactFrom(answer.artifact), answer.receipt);
    } catch (thrown) {
      if (source.failure !== undefined) {
        // The error is of this client's own kind, so that it is neither taken for a lost connection nor retried.
        throw new ArtifactaError('cannot read the bytes to push', {
          code: 'INTERNAL',
          cause: source.failure.error,
        });
      }
      throw notAgain(toArtifactaError(thrown, signal), content);
    }
  }).catch((thrown) => {
    throw source.failure === undefined ? thrown : source.failure.error;
  });
}

/** Returns the error, and says why the push was not repeated if its source can be read only once. */
function notAgain(error: ArtifactaError, { replayable }: Content): ArtifactaError {
  if (replayable || !error.retryable) return error;
  const { code, reason, violations, metadata, retryAfterMs, cause } = error;
  const message = `${error.message}; the content can be read only once, so it was not sent again: push it again with the same requestId`;
  return new ArtifactaError(message, { code, reason, violations, metadata, retryAfterMs, cause });
}

/** Closes the content without waiting: a source that makes no progress would delay the answer. */
function close(content: Content): void {
  content.close?.().catch(() => {});
}

/** Returns a random UUID (version 4). The platform's own `randomUUID` exists only on pages of secure origins. */
function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [0, 8, 12, 16, 20].map((at, index, all) => hex.slice(at, all[index + 1])).join('-');
}
