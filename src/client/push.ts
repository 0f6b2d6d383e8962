import { createHash, randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ArtifactSpec,
  CreateArtifactRequestSchema,
  type UploadArtifactRequestSchema,
} from '../../gen/artifacta/v1/upload_pb.ts';
import { artifactFrom } from './artifact.ts';
import { type CallSettings, type Calls, streamOptions, unary } from './calls.ts';
import { type Content, chunked, type PushContent, readAhead, toContent } from './content.ts';
import { ArtifactaError, toArtifactaError } from './errors.ts';
import { type Pushed, type PushSpec, pushedFrom, specMessage } from './push-spec.ts';
import { retrying } from './retry.ts';

/** Contents up to this size travel in one message. */
const inlineBytesMax = 256 * 1024;

/**
 * Stores bytes. Small contents go in one message, others in chunks; either way the digest computed while sending is
 * asserted, so that what is stored is what was read. Lost connections are answered by a repetition with the same
 * request id, unless the bytes come from a stream that cannot be read again and is longer than 256 KiB.
 *
 * @throws ArtifactaError if the service refuses or cannot be reached. Whatever the source throws, as it is; nothing
 * is stored then.
 */
export async function push(
  calls: Calls,
  given: PushContent,
  spec: PushSpec,
  settings: CallSettings = {},
): Promise<Pushed> {
  const content = toContent(given);
  const requestId = spec.requestId ?? randomUUID();
  if ((content.sizeBytes ?? 0) > inlineBytesMax) return upload(calls, content, spec, requestId, settings);
  const ahead = await readAhead(content, inlineBytesMax, settings.signal);
  if (ahead instanceof Uint8Array) return createInline(calls, ahead, spec, requestId, settings);
  try {
    return await upload(calls, ahead, spec, requestId, settings);
  } finally {
    close(content);
    close(ahead);
  }
}

async function createInline(
  calls: Calls,
  bytes: Uint8Array,
  spec: PushSpec,
  requestId: string,
  settings: CallSettings,
): Promise<Pushed> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const request = create(CreateArtifactRequestSchema, {
    spec: specMessage(spec, requestId, { sizeBytes: bytes.byteLength, sha256 }),
    content: { case: 'data', value: bytes },
  });
  const answer = await unary(calls, settings, (options) => calls.artifacts.createArtifact(request, options));
  return pushedFrom(artifactFrom(answer.artifact), answer.receipt);
}

function upload(
  calls: Calls,
  content: Content,
  spec: PushSpec,
  requestId: string,
  settings: CallSettings,
): Promise<Pushed> {
  const message = specMessage(spec, requestId, { sizeBytes: content.sizeBytes });
  const policy = content.replayable ? calls.retry : { ...calls.retry, attemptsMax: 1 };
  const source: { failure?: { error: unknown } } = {};
  return retrying(policy, settings.signal, async () => {
    try {
      const parts = uploadParts(message, content, source);
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

async function* uploadParts(
  spec: ArtifactSpec,
  content: Content,
  source: { failure?: { error: unknown } },
): AsyncGenerator<MessageInitShape<typeof UploadArtifactRequestSchema>, void, void> {
  yield { part: { case: 'start', value: { spec } } };
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of chunked(recorded(content.open(), source))) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
    yield { part: { case: 'chunk', value: chunk } };
  }
  yield { part: { case: 'finish', value: { sizeBytes: BigInt(sizeBytes), sha256: hash.digest('hex') } } };
}

/** The same pieces; what the source throws is noted. A transport throws its own failures into whoever feeds it. */
async function* recorded(
  pieces: AsyncIterable<Uint8Array>,
  source: { failure?: { error: unknown } },
): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of pieces) yield piece;
  } catch (error) {
    source.failure = { error };
    throw error;
  }
}
