import { createHash, randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CreateArtifactRequestSchema,
  type UploadArtifactRequestSchema,
} from '../../../gen/artifacta/v1/upload_pb.ts';
import { ArtifactaError, toArtifactaError } from '../errors.ts';
import { type CallSettings, type Calls, streamOptions, unary } from '../wire/calls.ts';
import { retrying } from '../wire/retry.ts';
import { later } from '../wire/timer.ts';
import { artifactFrom } from './artifact.ts';
import { type Content, chunked, type PushContent, readAhead, toContent } from './content.ts';
import { sha256Of } from './digest.ts';
import { type Pushed, type PushSettings, type PushSpec, pushedFrom, specMessage } from './push-spec.ts';

/** Contents up to this size are sent in one message. */
const inlineBytesMax = 256 * 1024;
/** From this size on, a question by digest is worth its cost: the bytes may not have to be sent at all. */
const digestFirstBytesMin = 8 * 1024 * 1024;

/** A push with a fixed request id. */
interface Request {
  readonly calls: Calls;
  readonly spec: PushSpec;
  readonly requestId: string;
  readonly settings: PushSettings;
}

/**
 * Stores bytes. Small contents are sent in one message, others in chunks. Either way the digest is asserted, so that
 * the stored bytes are those that were read. Contents of 8 MiB and more that can be read twice are hashed first, and
 * not sent if the namespace has them already. After a lost connection the push is repeated with the same request id,
 * unless the bytes come from a stream that cannot be read again and is longer than 256 KiB.
 *
 * @throws ArtifactaError if the service refuses or cannot be reached. Errors of the source as they are; nothing is
 * stored then.
 */
export async function push(
  calls: Calls,
  given: PushContent,
  spec: PushSpec,
  settings: PushSettings = {},
): Promise<Pushed> {
  const content = toContent(given);
  const request = { calls, spec, requestId: spec.requestId ?? randomUUID(), settings };
  const sizeBytes = content.sizeBytes ?? 0;
  if (sizeBytes >= digestFirstBytesMin && content.replayable) return digestFirst(request, content);
  if (sizeBytes > inlineBytesMax) return upload(request, content);
  const ahead = await readAhead(content, inlineBytesMax, settings.signal);
  if (ahead instanceof Uint8Array) return createInline(request, ahead);
  try {
    return await upload(request, ahead);
  } finally {
    close(content);
    close(ahead);
  }
}

function createInline({ calls, spec, requestId, settings }: Request, bytes: Uint8Array): Promise<Pushed> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const message = create(CreateArtifactRequestSchema, {
    spec: specMessage(spec, requestId, { sizeBytes: bytes.byteLength, sha256 }),
    content: { case: 'data', value: bytes },
  });
  return createArtifact(calls, settings, message);
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
  const { calls, spec, requestId, settings } = request;
  const onBytes = (bytes: number) => settings.onProgress?.({ phase: 'hashing', bytes });
  const sha256 = await sha256Of(content, { signal: settings.signal, onBytes });
  // The content does not have the size that it states: the upload gets the matching refusal.
  if (sha256 === undefined) return upload(request, content);
  const digest = { sha256, sizeBytes: BigInt(content.sizeBytes ?? 0) };
  const message = create(CreateArtifactRequestSchema, {
    spec: specMessage(spec, requestId, { sizeBytes: content.sizeBytes, sha256 }),
    content: { case: 'digest', value: digest },
  });
  try {
    return await createArtifact(calls, settings, message);
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
  const { calls, settings } = request;
  const policy = content.replayable ? calls.retry : { ...calls.retry, attemptsMax: 1 };
  const source: Source = {};
  return retrying(policy, settings.signal, async () => {
    try {
      const parts = uploadParts(request, content, source, sha256);
      const answer = await calls.artifacts.uploadArtifact(parts, streamOptions(settings));
      return pushedFrom(artifactFrom(answer.artifact), answer.receipt);
    } catch (thrown) {
      if (source.failure !== undefined) {
        // The error is of this client's own kind, so that it is neither taken for a lost connection nor retried.
        throw new ArtifactaError('cannot read the bytes to push', {
          code: 'INTERNAL',
          cause: source.failure.error,
        });
      }
      throw toArtifactaError(thrown, settings.signal);
    }
  }).catch((thrown) => {
    throw source.failure === undefined ? thrown : source.failure.error;
  });
}

/** Closes the content without waiting: a source that makes no progress would delay the answer. */
function close(content: Content): void {
  content.close?.().catch(() => {});
}

interface Source {
  failure?: { readonly error: unknown };
}

async function* uploadParts(
  { spec, requestId, settings }: Request,
  content: Content,
  source: Source,
  sha256: string | undefined,
): AsyncGenerator<MessageInitShape<typeof UploadArtifactRequestSchema>, void, void> {
  const message = specMessage(spec, requestId, { sizeBytes: content.sizeBytes, sha256 });
  yield { part: { case: 'start', value: { spec: message } } };
  // A digest that was asserted at the start needs no second one here: the service compares its own with it.
  const hash = sha256 === undefined ? createHash('sha256') : undefined;
  let sizeBytes = 0;
  for await (const chunk of withSignsOfLife(chunked(recorded(content.open(), source)))) {
    hash?.update(chunk);
    sizeBytes += chunk.byteLength;
    yield { part: { case: 'chunk', value: chunk } };
    if (chunk.byteLength > 0) settings.onProgress?.({ phase: 'sending', bytes: sizeBytes });
  }
  const digest = hash?.digest('hex') ?? sha256 ?? '';
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(sizeBytes), sha256: digest } } };
}

/** How long a source may be silent before the service gets a sign of life; the service ends uploads after 30 s. */
const silenceMsMax = 10_000;

/** Yields the same chunks, and an empty one whenever the source has been silent for a while. */
export async function* withSignsOfLife(
  chunks: AsyncGenerator<Uint8Array, void, void>,
  silenceMs = silenceMsMax,
): AsyncGenerator<Uint8Array, void, void> {
  const nothing = new Uint8Array(0);
  try {
    for (let next = chunks.next(); ; ) {
      let cancel: (() => void) | undefined;
      const silence = new Promise<'silence'>((resolve) => {
        cancel = later(silenceMs, () => resolve('silence'));
      });
      const result = await Promise.race([next, silence]).finally(() => cancel?.());
      if (result === 'silence') {
        yield nothing;
        continue;
      }
      if (result.done) return;
      yield result.value;
      next = chunks.next();
    }
  } finally {
    // A source that makes no progress would delay a caller that gives up.
    void chunks.return().catch(() => undefined);
  }
}

/**
 * Yields the same pieces and records the error of the source. A transport throws its own failures into the generator
 * that feeds it.
 */
async function* recorded(
  pieces: AsyncIterable<Uint8Array>,
  source: Source,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of pieces) yield piece;
  } catch (error) {
    source.failure = { error };
    throw error;
  }
}
