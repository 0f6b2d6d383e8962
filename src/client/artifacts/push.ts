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

/** Contents up to this size travel in one message. */
const inlineBytesMax = 256 * 1024;
/** From this size on it pays to ask by digest whether the bytes have to travel at all. */
const digestFirstBytesMin = 8 * 1024 * 1024;

/** A push whose request id is settled. */
interface Request {
  readonly calls: Calls;
  readonly spec: PushSpec;
  readonly requestId: string;
  readonly settings: PushSettings;
}

/**
 * Stores bytes. Small contents go in one message, others in chunks; either way the digest is asserted, so that what is
 * stored is what was read. Contents of 8 MiB and more that can be read twice are hashed first, and not sent if the
 * namespace holds them already. Lost connections are answered by a repetition with the same request id, unless the
 * bytes come from a stream that cannot be read again and is longer than 256 KiB.
 *
 * @throws ArtifactaError if the service refuses or cannot be reached. Whatever the source throws, as it is; nothing
 * is stored then.
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
  // It is not as long as it says: the upload meets the refusal that belongs to that.
  if (sha256 === undefined) return upload(request, content);
  const digest = { sha256, sizeBytes: BigInt(content.sizeBytes ?? 0) };
  const message = create(CreateArtifactRequestSchema, {
    spec: specMessage(spec, requestId, { sizeBytes: content.sizeBytes, sha256 }),
    content: { case: 'digest', value: digest },
  });
  try {
    return await createArtifact(calls, settings, message);
  } catch (error) {
    // Credentials that may write and not read cannot refer to what is stored.
    const reasons: readonly unknown[] = ['CONTENT_NOT_FOUND', 'PERMISSION_DENIED'];
    if (!(error instanceof ArtifactaError) || !reasons.includes(error.reason)) throw error;
  }
  return upload(request, content, sha256);
}

/** @param sha256 what an earlier reading had; other bytes are refused with DIGEST_MISMATCH. */
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
        // Of this client's own kind, so that it is taken neither for a lost connection nor for one to be retried.
        throw new ArtifactaError('the source failed', { code: 'INTERNAL', cause: source.failure.error });
      }
      throw toArtifactaError(thrown, settings.signal);
    }
  }).catch((thrown) => {
    throw source.failure === undefined ? thrown : source.failure.error;
  });
}

/** Not waited for: a source that stands still would hold up the answer. */
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
  // What was asserted at the start needs no second digest here: the service compares its own with it.
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

/** So long a source may be silent before the service is told that it is still there; it ends uploads after 30 s. */
const silenceMsMax = 10_000;

/** The same chunks, and an empty one whenever the source has been silent for a while. */
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
    // A source that stands still would hold up whoever gives up.
    void chunks.return().catch(() => undefined);
  }
}

/** The same pieces; what the source throws is noted. A transport throws its own failures into whoever feeds it. */
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
